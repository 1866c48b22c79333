"""`data validate`, `quality`, `coverage` and `doctor` say how good what is stored is, and what to do."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest
import typer
from anyio.from_thread import BlockingPortal

from app.cli import calendar, doctor, quality
from app.cli.calendar import LEGEND
from app.ops.box.record import Box
from app.services.imports import import_files
from app.settings import Settings
from tests.app.sources.files import row, write

ALL = quality.Asked(venue=None, instrument=None, first=None, last=None)


@pytest.fixture(autouse=True)
def _environment(app_settings: Settings, postgres_servers: Box, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    others = {"DB_NAME": app_settings.db_name, "USDC_ARB_DATA": str(tmp_path)}
    for name, value in (postgres_servers.variables | others).items():
        monkeypatch.setenv(name, value)


def lines(capsys: pytest.CaptureFixture[str]) -> list[str]:
    """Return what was printed, with single blanks."""
    return [" ".join(line.split()) for line in capsys.readouterr().out.splitlines()]


def test_days_are_looked_at_listed_drawn_and_judged(
    libpq_uri: str, servers_portal: BlockingPortal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for command in (quality.validate, lambda **options: quality.show(ALL, **options), lambda **options: calendar.show(ALL, **options)):
        command(data=None, as_json=False)
        assert lines(capsys) == ["nothing is stored yet: usdc-arb data import FILES..."]
    doctor.examine(ALL, strict=True, data=None, as_json=False)
    assert lines(capsys) == ["nothing is stored yet: usdc-arb data import FILES..."]

    # the 8th whole, the 9th from 00:00 to 14:24, nothing on the 10th, of the 11th every third minute; and the 2nd of April
    minutes = [*range(1440 + 864), *range(3 * 1440, 4 * 1440, 3), *range(25 * 1440, 26 * 1440)]
    servers_portal.call(import_files, libpq_uri, [write(tmp_path, [row(minute, "2,2,2,2,1") for minute in minutes if minute < 25 * 1440])])
    quality.show(ALL, data=None, as_json=False)
    assert lines(capsys)[1] == "kraken BTC/USDC bars of 1m 2023-03-08 not looked at"
    calendar.show(ALL, data=None, as_json=False)
    assert lines(capsys)[1] == "2023-03 kraken BTC/USDC bars of 1m ????"
    quality.validate(data=None, as_json=False)
    assert lines(capsys) == ["4 of 4 days were looked at; of all, 2 good, 1 doubtful, 1 bad"]
    servers_portal.call(import_files, libpq_uri, [write(tmp_path, [row(minute, "2,2,2,2,1") for minute in minutes if minute >= 25 * 1440])])
    quality.show(ALL, data=None, as_json=False)
    assert " ".join(lines(capsys)[1:]) == (
        "kraken BTC/USDC bars of 1m 2023-03-08 1,440 100.0% good "
        "kraken BTC/USDC bars of 1m 2023-03-09 864 60.0% good 576 missing, ends before midnight by 576 min "
        "kraken BTC/USDC bars of 1m 2023-03-10 0 0.0% bad "
        "kraken BTC/USDC bars of 1m 2023-03-11 480 33.3% doubtful 960 missing, longest gap 2 min, ends before midnight by 2 min "
        "kraken BTC/USDC bars of 1m 2023-04-02 not looked at"
    )
    calendar.show(ALL, data=None, as_json=False)
    drawn = capsys.readouterr().out.splitlines()
    assert drawn[1].split("1m  ")[1] == "       █▒!░····················", "from the 8th to the 31st"
    assert (" ".join(drawn[2].split()), drawn[3]) == ("2023-04 kraken BTC/USDC bars of 1m ·?", LEGEND)

    with pytest.raises(typer.Exit) as ended:
        doctor.examine(ALL, strict=False, data=None, as_json=False)
    assert ended.value.exit_code == 1
    said = lines(capsys)
    assert said[0] == "bad: kraken BTC/USDC bars of 1m, 2023-03-10"
    assert "bad: kraken BTC/USDC bars of 1m, 2023-03-12 to 2023-04-01, 21 days" in said
    assert said[-1] == "5 days: 2 bad, 2 doubtful"


def test_doubts_alone_end_well_unless_they_are_asked_about(
    libpq_uri: str, servers_portal: BlockingPortal, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    servers_portal.call(import_files, libpq_uri, [write(tmp_path, [row(minute, "2,2,2,2,1") for minute in range(0, 1440, 3)])])
    quality.validate(data=None, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"days": 1, "checked": 1, "grades": {"good": 0, "doubtful": 1, "bad": 0}}
    doctor.examine(ALL, strict=False, data=None, as_json=True)
    said = json.loads(capsys.readouterr().out)
    (finding,) = said["findings"]
    assert (said["days"], finding["check"], finding["grade"], finding["first"], finding["interval"]) == (1, "thin", "doubtful", "2023-03-08", "1m")
    with pytest.raises(typer.Exit):
        doctor.examine(ALL, strict=True, data=None, as_json=True)
    capsys.readouterr()
    show: tuple[Callable[..., None], ...] = (quality.show, calendar.show)
    for command in show:
        command(ALL, data=None, as_json=True)
        (one,) = json.loads(capsys.readouterr().out)["days"]
        assert (one["venue"], one["day"], one["grade"], one["current"]) == ("kraken", "2023-03-08", "doubtful", True)
        assert one["counts"]["covered"] == pytest.approx(1 / 3)
    doctor.examine(quality.Asked(venue="alfa", instrument=None, first=None, last=None), strict=True, data=None, as_json=True)
    assert json.loads(capsys.readouterr().out) == {"days": 0, "findings": []}
