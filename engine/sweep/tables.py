"""What differs between trials that share a market, as rows of bytes: a trial's row is the base's, with what its own values touch replaced.

A row holds the small parts of a world (rules, legs, fees, balances, what is traded back on). Each value of each parameter is built into such
parts once, and what it changes is told by comparing them; so no rule of what a field of a spec becomes stands here.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from engine import market, trading_back
from engine.arrays import Bools, Floats, Int64s, Records
from engine.config import Spec
from engine.kernels import market as kernel
from engine.kernels.listing import EITHER
from engine.kernels.sweep import Trials
from engine.kernels.trading_back import BACK
from engine.panel import Panel
from engine.schema import micros
from engine.sweep.design import Axis
from engine.sweep.paths import with_typed

Bytes = NDArray[np.uint8]
Part = Records | Int64s | Floats

_OF_VENUES: dict[str, Callable[[Spec, Panel], Part]] = {
    "legs": market.legs,
    "spans": lambda spec, _: market.spans(spec),
    "tiers": lambda spec, _: market.tiers(spec),
    "stated_volume": lambda spec, _: market.stated_volume(spec),
    "start": lambda spec, _: market.start(spec),
    "free": lambda spec, _: market.free(spec),
    "backs": lambda spec, panel: _backs(spec, panel)[0],
    "back_tiers": lambda spec, panel: _backs(spec, panel)[1],
}
_PARTS: dict[str, Callable[[Spec, Panel], Part]] = {
    "rules": lambda spec, _: market.rules(spec),
    "max_asset": lambda spec, _: market.max_asset(spec),
    **_OF_VENUES,
}
_OF_FEES = ("legs", "spans", "tiers")


@dataclass(frozen=True, slots=True, kw_only=True)
class Block:
    """Parameters that touch the same fields, and what each set of their values makes of a row."""

    axes: tuple[int, ...]
    keys: Int64s  # (N,) increasing: the sets that there are, by `_keys`
    rows: Bytes  # (N, B)
    touched: Bools  # (B,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """The rows of trials whose parts have the same shapes."""

    dtype: np.dtype[np.void]
    base: Bytes  # (B,)
    blocks: tuple[Block, ...]
    sizes: tuple[int, ...]  # how many values each axis has

    def of(self, picks: Int64s) -> Trials:
        """Return the parts of trials, given the places of their values (T, D)."""
        rows = np.tile(self.base, (len(picks), 1))
        for block in self.blocks:
            chosen = block.rows[np.searchsorted(block.keys, _keys(picks, block.axes, self.sizes))]
            rows[:, block.touched] = chosen[:, block.touched]
        return _trials(rows, self.dtype)

    def all_rows(self) -> Trials:
        """Return every row that was built: each value of each field of all trials is in one of them."""
        return _trials(np.concatenate([self.base[None, :], *(block.rows for block in self.blocks)]), self.dtype)

    def fees_of(self, picks: Int64s) -> Int64s:
        """Return a number of the fees of each trial, (T,): the same where they are."""
        touching = [block for block in self.blocks if block.touched[_cells_of(self.dtype, _OF_FEES)].any()]
        axes = tuple(axis for block in touching for axis in block.axes)
        return _keys(picks, axes, self.sizes)


def build(spec: Spec, panel: Panel, axes: Sequence[Axis], small: Sequence[int], picks: Int64s) -> Tables | None:
    """Return the tables of trials; None where the parts of two of them have other shapes.

    Parameters
    ----------
    spec, panel : Spec, Panel
        What they have in common, and the first value of each small parameter.
    axes, small : Sequence[Axis], Sequence[int]
        All parameters, and the ordinals of those that vary here.
    picks : (T, D) int
        The places of their values.
    """
    base = _row(spec, panel, None, {})
    cells, sizes = _cells(base.dtype), tuple(len(axis.typed) for axis in axes)
    blocks = []
    for axis in small:
        block = _block(spec, panel, axes, (axis,), picks, base=base, cells=cells)
        if block is None:
            return None
        blocks.append(block)
    for joint in _overlapping(blocks):
        block = _block(spec, panel, axes, joint, picks, base=base, cells=cells)
        if block is None:
            return None
        blocks = [b for b in blocks if not set(b.axes) & set(joint)] + [block]
    return Tables(dtype=base.dtype, base=_bytes(base), blocks=tuple(blocks), sizes=sizes)


def _block(
    spec: Spec, panel: Panel, axes: Sequence[Axis], varied: tuple[int, ...], picks: Int64s, *, base: np.ndarray, cells: Int64s
) -> Block | None:
    keys, first = np.unique(_keys(picks, varied, tuple(len(axis.typed) for axis in axes)), return_index=True)
    rows = np.empty((keys.size, base.dtype.itemsize), np.uint8)
    names = tuple(_PARTS) if any(axes[k].keys[:1] == ("venues",) for k in varied) else ("rules", "max_asset")
    for place, trial in enumerate(first):
        changed = spec
        for k in varied:
            changed = with_typed(changed, axes[k].keys, axes[k].typed[picks[trial, k]])
        row = _row(changed, panel, base, {name: _PARTS[name](changed, panel) for name in names})
        if row.dtype != base.dtype:
            return None
        rows[place] = _bytes(row)
    differing = np.unique(cells[(rows != _bytes(base)).any(axis=0)])
    return Block(axes=varied, keys=keys, rows=rows, touched=np.isin(cells, differing))


def _overlapping(blocks: list[Block]) -> list[tuple[int, ...]]:
    # groups of axes that touch a field in common
    groups: list[tuple[set[int], Bools]] = []
    for block in blocks:
        axes, touched = set(block.axes), block.touched
        for other in [g for g in groups if (g[1] & touched).any()]:
            groups.remove(other)
            axes, touched = axes | other[0], touched | other[1]
        groups.append((axes, touched))
    return [tuple(sorted(axes)) for axes, _ in groups if len(axes) > 1]


def _row(spec: Spec, panel: Panel, base: np.ndarray | None, parts: dict[str, Part]) -> np.ndarray:
    found = {name: parts[name] if name in parts else (base[name] if base is not None else make(spec, panel)) for name, make in _PARTS.items()}
    plain = {name: np.asarray(part).view(np.ndarray) for name, part in found.items()}
    dtype = np.dtype([(name, _plain(part.dtype), part.shape) for name, part in plain.items()])
    row = np.zeros((), dtype)
    for name, part in plain.items():
        row[name] = part
    return row


def _plain(dtype: np.dtype) -> np.dtype:
    return np.dtype([(name, dtype[name]) for name in dtype.names]) if dtype.names else dtype


def _bytes(row: np.ndarray) -> Bytes:
    return np.frombuffer(row.tobytes(), np.uint8)


def _cells(dtype: np.dtype) -> Int64s:
    # of each byte the number of the field that it belongs to
    return np.concatenate([np.full(size, number) for number, size in enumerate(_widths(dtype))])


def _widths(dtype: np.dtype) -> list[int]:
    if dtype.subdtype is not None:
        inner, shape = dtype.subdtype
        return _widths(inner) * int(np.prod(shape))
    if dtype.names:
        return [width for name in dtype.names for width in _widths(dtype[name])]
    return [dtype.itemsize]


def _cells_of(dtype: np.dtype, names: Sequence[str]) -> Int64s:
    found = []
    for name in names:
        offset = dtype.fields[name][1] if dtype.fields else 0
        found.append(np.arange(offset, offset + dtype[name].itemsize))
    return np.concatenate(found)


def _keys(picks: Int64s, axes: Sequence[int], sizes: Sequence[int]) -> Int64s:
    # a number for each set of values of some axes
    found = np.zeros(len(picks), np.int64)
    for axis in axes:
        found = found * sizes[axis] + picks[:, axis]
    return found


def _trials(rows: Bytes, dtype: np.dtype) -> Trials:
    return Trials._make(_part(rows, dtype, name) for name in Trials._fields)


def _part(rows: Bytes, dtype: np.dtype, name: str) -> Part:
    inner, shape = dtype[name].subdtype or (dtype[name], ())
    offset = dtype.fields[name][1] if dtype.fields else 0
    packed = np.ascontiguousarray(rows[:, offset : offset + dtype[name].itemsize])
    found = (packed.view(inner) if packed.size else np.empty((len(rows), 0), inner)).reshape(len(rows), *shape)
    return found.view(np.recarray) if inner.names else found


def fixed_fees(trials: Trials) -> tuple[bool, Floats, Int64s]:
    """Return whether the first trial has one rate a leg for the whole run; its rates, or the lowest ones; and what is charged, or `EITHER`."""
    legs, spans = trials.legs[0], trials.spans[0]
    first = legs["first_span"]
    tiers = np.diff(spans["first_tier"])
    if (np.diff(first) == 1).all() and (tiers == 1).all():
        return True, trials.tiers[0]["rate"].astype(np.float64), spans["charged"][:-1].astype(np.int64)
    charged = np.where(legs["in_base"][:-1], EITHER, kernel.CHARGED_QUOTE)
    return False, legs["loosest_rate"][:-1].astype(np.float64), charged.astype(np.int64)


def loosest_fees(trials: Trials) -> tuple[bool, Floats, Int64s]:
    """Return the same of trials whose fees are too unlike to be listed one by one: the lowest rates of any, which are bounds."""
    charged = np.where(trials.legs["in_base"][:, :-1].any(axis=0), EITHER, kernel.CHARGED_QUOTE)
    return False, trials.legs["loosest_rate"][:, :-1].min(axis=0), charged.astype(np.int64)


def _backs(spec: Spec, panel: Panel) -> tuple[Records, Records]:
    # what is traded back on, the base first, then the other currencies by name
    names = sorted(spec.venues)
    rows: list[tuple[object, ...]] = []
    tiers: list[tuple[int, float]] = []
    for currency in trading_back.in_order(spec):
        for instrument in () if currency == spec.numeraire else trading_back.instruments_of(spec, currency):
            bid_ask = trading_back.in_view(panel.of(instrument.key), micros(spec.end))
            span = trading_back.in_force(spec, instrument)
            if bid_ask is None or span is None:
                continue
            inverted = instrument.key.base != currency
            other = instrument.key.base if inverted else instrument.key.quote
            places = spec.currencies.index(currency), spec.currencies.index(other), names.index(instrument.venue), len(tiers)
            rows.append((*places, int(inverted), int(span.charged_in == "received"), *bid_ask))
            tiers += list(span.tiers)
    return market.records(BACK, [*rows, (0, 0, 0, len(tiers), 0, 0, 0.0, 0.0)]), market.records(kernel.TIER, tiers)
