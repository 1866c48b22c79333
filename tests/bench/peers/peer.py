"""A peer: another system in an environment of its own, which is told a job by files and answers by files."""

import json
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[3]


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """What requirements/peer-NAME.txt installs in .venv-peers/NAME, and tests/bench/peers/run_NAME.py drives."""

    name: str

    @property
    def python(self) -> Path:
        """The interpreter of its environment."""
        return ROOT / ".venv-peers" / self.name / "bin" / "python"

    def run(self, folders: Sequence[Path]) -> list[dict[str, Any]]:
        """Run the jobs that lie in some folders, in one process of its own, and return what it says about each."""
        if not self.python.exists():
            raise SystemExit(f"expected {self.name} in {self.python.parents[1]}, found none: `make peers` installs it there")
        subprocess.run([self.python, "-I", Path(__file__).with_name(f"run_{self.name}.py"), *folders], check=True)
        return [json.loads((folder / "out.json").read_text()) for folder in folders]


HFTBACKTEST, VECTORBT = Peer(name="hftbacktest"), Peer(name="vectorbt")
