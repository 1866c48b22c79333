"""Which version of the code runs."""

from importlib.metadata import PackageNotFoundError, version


def code_version() -> str:
    """Return the version of the code that runs."""
    try:
        return version("usdc-arb")
    except PackageNotFoundError:
        return "unknown (not installed)"
