"""`data snapshot` says what it built, what there is, what is damaged and what went."""

import json
from pathlib import Path

import pytest
import typer
from anyio.from_thread import BlockingPortal

from app.cli import snapshots
from app.ops.box.record import Box
from app.services.imports import import_files
from app.settings import Settings
from tests.app.sources.files import row, write


@pytest.fixture(autouse=True)
def _environment(app_settings: Settings, postgres_servers: Box, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    others = {"DB_NAME": app_settings.db_name, "USDC_ARB_DATA": str(tmp_path), "DB_READ_HOST": app_settings.db_host}
    for name, value in (postgres_servers.variables | others).items():
        monkeypatch.setenv(name, value)


def test_snapshots_are_built_listed_checked_and_removed(
    libpq_uri: str, servers_portal: BlockingPortal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    snapshots.show(data=None, as_json=False)
    assert capsys.readouterr().out == "nothing is stored yet: usdc-arb data import FILES...\n"
    servers_portal.call(import_files, libpq_uri, [write(tmp_path, [row(0), row(1500)])])
    snapshots.show(data=None, as_json=False)
    line = capsys.readouterr().out.splitlines()[1]
    assert " ".join(line.split()) == "kraken BTC/USDC bars of 1m 0 2 0 0.0 MiB 0 2023-03-08 2023-03-09"
    snapshots.build(data=None, as_json=False)
    assert capsys.readouterr().out == "2 days had changed: 2 of them with other rows, 2 in 0.0 MiB\n"
    snapshots.build(data=None, as_json=False)
    assert capsys.readouterr().out == "no day has changed since it was built\n"
    snapshots.verify(data=None, as_json=False)
    assert capsys.readouterr().out == "every snapshot is what its hash says\n"
    next((tmp_path / "snapshots").rglob("*.parquet")).unlink()
    with pytest.raises(typer.Exit) as ended:
        snapshots.verify(data=None, as_json=False)
    assert ended.value.exit_code == 1
    assert "is not there; usdc-arb data snapshot verify, then build" in " ".join(capsys.readouterr().out.split())
    snapshots.collect(data=None, as_json=False)
    assert capsys.readouterr().out == "0 superseded versions and 0 files that nothing names are gone\n"


def test_snapshots_speak_json(libpq_uri: str, servers_portal: BlockingPortal, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    servers_portal.call(import_files, libpq_uri, [write(tmp_path, [row(0)])])
    said = []
    for command in (snapshots.build, snapshots.show, snapshots.verify, snapshots.collect):
        command(data=None, as_json=True)
        said.append(json.loads(capsys.readouterr().out))
    assert {name: said[0][name] for name in ("days", "new", "rows")} == {"days": 1, "new": 1, "rows": 1}
    assert [(one["venue"], one["stale"], one["first"]) for one in said[1]["series"]] == [("kraken", 0, "2023-03-08")]
    assert said[2:] == [{"damaged": []}, {"superseded": 0, "unnamed": 0}]
