"""Real market data for tests, from a folder beside the checkout that is not part of it."""

import os
from pathlib import Path

import pytest

FOLDER = Path(os.environ.get("USDC_ARB_MARKET_DATA", Path(__file__).parent.parent.parent / "shared" / "data"))


@pytest.fixture(scope="session")
def market_data() -> Path:
    """Return the folder of real data, or skip the test where it is absent."""
    if not FOLDER.is_dir():
        pytest.skip(f"no market data in {FOLDER}: USDC_ARB_MARKET_DATA names another folder")
    return FOLDER
