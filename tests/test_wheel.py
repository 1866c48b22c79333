"""The wheel holds everything that an installed usdc-arb needs, and nothing of the repository's workshop."""

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


@pytest.fixture(scope="module")
def names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    folder = tmp_path_factory.mktemp("wheel")
    subprocess.run([sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(folder)], cwd=ROOT, check=True, capture_output=True)
    with zipfile.ZipFile(next(folder.glob("*.whl"))) as wheel:
        return set(wheel.namelist())


def test_the_wheel_holds_every_module_template_and_operation(names: set[str]) -> None:
    packages = {
        str(path.relative_to(ROOT))
        for name in ("app", "engine")
        for path in (ROOT / name).rglob("*")
        if path.suffix in {".py", ".j2", ".toml", ".mako"}
    }
    operations = {f"app/operations/{path.name}" for path in (ROOT / "graphql" / "operations").glob("*.graphql")}
    assert operations
    assert packages | operations | {"infra/chunks.py", "infra/sizing.py"} <= names


def test_the_wheel_holds_no_test_and_no_deployment(names: set[str]) -> None:
    tops = {name.split("/")[0] for name in names}
    assert {top for top in tops if not top.endswith(".dist-info")} == {"app", "engine", "infra"}
    assert {name for name in names if name.startswith("infra/")} == {"infra/__init__.py", "infra/chunks.py", "infra/sizing.py"}
