"""What is compiled is compiled again as soon as any kernel's source changes."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import engine.kernels

SOURCES = Path(engine.kernels.__file__).parent

RULE = """
from engine.kernels.cache import rule

@rule
def answer(x: int) -> int:
    return x + 1
"""
ENTRY = """
from engine.kernels.amended import answer
from engine.kernels.cache import compiled

@compiled
def ask(x: int) -> int:
    return answer(x)
"""


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """Return a package of the same name with two kernels: one that is called, and the rule that it calls."""
    kernels = tmp_path / "engine" / "kernels"
    kernels.mkdir(parents=True)
    for name in ("__init__.py", "cache.py"):
        shutil.copy(SOURCES / name, kernels / name)
    (tmp_path / "engine" / "__init__.py").touch()
    (kernels / "amended.py").write_text(RULE)
    (kernels / "entry.py").write_text(ENTRY)
    return tmp_path


def python(root: Path, code: str) -> str:
    """Return what a fresh interpreter prints there."""
    environment = {**os.environ, "NUMBA_DISABLE_JIT": "0", "NUMBA_CACHE_DIR": str(root / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run([sys.executable, "-c", code], cwd=root, env=environment, check=True, capture_output=True, text=True).stdout.strip()


ASK = "from engine.kernels.entry import ask; print(ask(1), sum(ask.stats.cache_hits.values()))"


def test_a_rule_that_changes_in_one_file_is_picked_up_by_what_calls_it_in_another(copy: Path) -> None:
    assert python(copy, ASK) == "2 0"
    assert python(copy, ASK) == "2 1"  # from the cache
    (copy / "engine" / "kernels" / "amended.py").write_text(RULE.replace("x + 1", "x + 7"))
    assert python(copy, ASK) == "8 0"


def test_the_stamp_is_of_the_source_of_every_kernel(copy: Path) -> None:
    stamp = "from engine.kernels.cache import stamp; print(stamp())"
    before = python(copy, stamp)
    assert python(copy, stamp) == before
    seen = {before}
    for name in ("amended.py", "entry.py", "cache.py", "__init__.py"):
        path = copy / "engine" / "kernels" / name
        path.write_text(path.read_text() + "\n")
        seen.add(python(copy, stamp))
    assert len(seen) == 5
