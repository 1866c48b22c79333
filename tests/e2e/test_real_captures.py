"""The real captures in a box: imported, run, and the same as without a server."""

from pathlib import Path
from typing import Any

import pytest

from tests.e2e.conftest import REAL_DATA, Cli
from tests.e2e.test_captures import EXAMPLE, both

CAPTURES = REAL_DATA.parent / "binance-websocket"


@pytest.mark.skipif(not CAPTURES.is_dir(), reason=f"needs real captures in {CAPTURES}")
def test_the_real_captures_give_the_same_result_in_the_box_and_on_their_files(box: Path, cli: Cli, tmp_path: Path) -> None:
    summary: Any = both(cli, EXAMPLE, CAPTURES, box, tmp_path)
    # Of 6,492 and 6,545 rows those between five minutes before the run's start and its end.
    assert {row["venue"]: row["rows"] for row in summary["quality"]} == {"binance": 6_433, "binance-usdm": 6_545}
    assert summary["counts"]["packages"] > 0
