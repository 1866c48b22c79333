"""The golden runs: what the kernel makes of kept data is what the oracle said once, and the data is what it was then."""

import json
from typing import Any

import pytest

from tests.engine.engines import by_kernel, by_oracle
from tests.engine.golden import make
from tests.profiles import untraced

EXACT = ("orders", "transfers", "opportunities", "stops")


def _kept(name: str) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((make.FOLDER / f"{name}.json").read_text(encoding="utf-8"))
    return found


@pytest.mark.parametrize("name", make.NAMES)
def test_a_golden_run_was_made_from_this_spec_and_this_data(name: str) -> None:
    assert make.made_from(make.read(name)) == _kept(name)["made_from"]


@pytest.mark.parametrize("name", make.NAMES)
def test_the_kernel_says_about_a_golden_run_what_the_oracle_said(name: str) -> None:
    found, kept = make.said(by_kernel, make.read(name)), _kept(name)["expected"]
    assert found.keys() == kept.keys()
    for part in EXACT:
        assert found[part] == kept[part], part
    for part in kept.keys() - set(EXACT):
        assert _numbers(found[part]) == pytest.approx(_numbers(kept[part]), rel=1e-9, abs=1e-6), part


@pytest.mark.parametrize("name", make.NAMES)
def test_the_oracle_still_says_it(name: str) -> None:
    with untraced():
        found = make.said(by_oracle, make.read(name))
    assert found == _kept(name)["expected"]


def _numbers(value: Any) -> list[float]:
    if isinstance(value, dict):
        return [number for key in sorted(value) for number in _numbers(value[key])]
    if isinstance(value, list):
        return [number for part in value for number in _numbers(part)]
    return [float(value)] if isinstance(value, int | float) else []
