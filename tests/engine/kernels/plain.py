"""The kernels in plain Python: a second copy of them beside the compiled one, since what numba compiles for other rules nobody can call."""

import sys
from importlib import import_module
from pathlib import Path
from types import ModuleType

from numba import config

import engine
import engine.kernels

_NAMES = [f"engine.kernels.{path.stem}" for path in sorted(Path(engine.kernels.__file__).parent.glob("*.py")) if path.stem != "__init__"]


def _uncompiled() -> dict[str, ModuleType]:
    compiled, package, disabled = {name: sys.modules.pop(name) for name in list(sys.modules) if _is_kernel(name)}, engine.kernels, config.DISABLE_JIT
    config.DISABLE_JIT = True
    try:
        return {name.rpartition(".")[2]: import_module(name) for name in _NAMES}
    finally:
        config.DISABLE_JIT = disabled
        for name in [*filter(_is_kernel, sys.modules)]:
            del sys.modules[name]
        sys.modules.update(compiled)
        engine.kernels = package


def _is_kernel(name: str) -> bool:
    return name == "engine.kernels" or name.startswith("engine.kernels.")


_found = _uncompiled()
amounts, basis, chain, cycles, decisions = (_found[name] for name in ("amounts", "basis", "chain", "cycles", "decisions"))
fees, market, orders, pools = (_found[name] for name in ("fees", "market", "orders", "pools"))
perpetuals = _found["perpetuals"]
path, residuals, scan, sizing = (_found[name] for name in ("path", "residuals", "scan", "sizing"))
state, ticks, transfers, walks = (_found[name] for name in ("state", "ticks", "transfers", "walks"))
