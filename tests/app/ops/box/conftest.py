"""A data folder in which a box has been before, so that a test need not wait for new databases."""

import asyncio
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.ops.box.supervisor import servers
from tests.app.ops.box.support import wait_until_gone


@pytest.fixture(scope="session")
def made_once(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Yield a data folder with databases in it that nobody may use."""
    data = tmp_path_factory.mktemp("made") / "data"

    async def make() -> None:
        async with servers(data):
            pass

    asyncio.run(make())
    yield data
    shutil.rmtree(data)


@pytest.fixture
def data(made_once: Path, tmp_path: Path) -> Iterator[Path]:
    """Yield a copy of it for this test."""
    shutil.copytree(made_once, tmp_path / "data")
    yield tmp_path / "data"
    wait_until_gone(tmp_path / "data")
    shutil.rmtree(tmp_path / "data")
