"""How large a package of a cycle is: the largest amount that books, funds and limits allow."""

from collections.abc import Callable
from functools import partial
from math import floor

from engine.oracle import rules
from engine.oracle.cycles import Books, Plan, most_that
from engine.oracle.exposure import expected, open_value
from engine.units import atoms

Line = tuple[str, Callable[[Plan, int], bool]]
"""The outcome if nothing is left, and whether it allows the plan of an amount."""


def plan_of(books: Books) -> Plan | str:
    """Return what each step of a package trades, or the outcome if there is none."""
    found = _fixed(books) if books.run.spec.strategy.size == "fixed" else _largest(books)
    if isinstance(found, str):
        return found
    small = any(step.flow < atoms(stage.leg.instrument.min_notional) for step, stage in zip(found, books.stages, strict=True))
    return "below_minimum" if small else found


def _fixed(books: Books) -> Plan | str:
    notional = books.run.spec.strategy.fixed_notional
    assert notional is not None
    amount = atoms(notional)
    plan = books.plan(amount)
    if plan is None:
        return "no_volume"
    against = next((outcome for outcome, allows in _lines(books) if not allows(plan, amount)), None)
    return against or ("no_volume" if _is_empty(plan) else plan)


def _largest(books: Books) -> Plan | str:
    amount, lines = _upper_bound(books), [_books_line(), *_lines(books)]
    for n, (outcome, _) in enumerate(lines):
        so_far = lines[: n + 1]
        if _allowed(books, amount, so_far) is None:
            amount = most_that(partial(_is_allowed, books, so_far), amount)
        plan = _allowed(books, amount, so_far)
        if plan is None or _is_empty(plan):
            return outcome
    assert plan is not None
    return plan


def _is_allowed(books: Books, lines: list[Line], amount: int) -> bool:
    return _allowed(books, amount, lines) is not None


# The plan of an amount that the books and these lines allow.
def _allowed(books: Books, amount: int, lines: list[Line]) -> Plan | None:
    plan = books.plan(amount)
    return plan if plan is not None and all(allows(plan, amount) for _, allows in lines) else None


def _is_empty(plan: Plan) -> bool:
    return any(step.quantity == 0 for step in plan)


# More than the first step could use of its levels.
def _upper_bound(books: Books) -> int:
    first = books.stages[0]
    return first.left + first.lot if first.side == "sell" else first.cost(first.left)


# The books are asked before any line: their plan is there, or there is none.
def _books_line() -> Line:
    return "no_volume", lambda plan, amount: True


def _lines(books: Books) -> list[Line]:
    limits = [_maximum(books), _venue_limit(books), _asset_limit(books)]
    return [("no_funds", lambda plan, _: _has_funds(books, plan)), *(line for line in limits if line is not None)]


# How many of the steps are sent at once.
def _sent_at_once(books: Books) -> int:
    return 1 if books.run.is_in_sequence else len(books.stages)


def _has_funds(books: Books, plan: Plan) -> bool:
    sent = range(_sent_at_once(books))
    return all(books.stages[k].reserve(books.run, books.t, plan[k]) <= books.run.free(books.stages[k].spends_from) for k in sent)


def _maximum(books: Books) -> Line | None:
    notional = books.run.spec.strategy.max_notional
    return None if notional is None else ("below_minimum", lambda _, amount: amount <= atoms(notional))


def _venue_limit(books: Books) -> Line | None:
    most = books.run.spec.risk.max_venue_open
    if most is None:
        return None
    return "venue_limit", lambda plan, _: all(_open_with(books, venue, plan) <= atoms(most) for venue in _venues(books))


def _venues(books: Books) -> set[str]:
    return {stage.leg.instrument.venue for stage in books.stages[: _sent_at_once(books)]}


# The open value of a venue if the plan is sent [atoms of numeraire].
def _open_with(books: Books, venue: str, plan: Plan) -> int:
    added = 0
    for stage, step in list(zip(books.stages, plan, strict=True))[: _sent_at_once(books)]:
        if stage.leg.instrument.venue == venue:
            u = books.run.mark(stage.leg.instrument.key.quote, books.t)
            added += round(rules.flow(stage.best_price, step.quantity) * u)
    return open_value(books.run, venue) + added


def _asset_limit(books: Books) -> Line:
    return "asset_limit", lambda plan, _: all(_is_within_asset_limit(books, k, plan) for k in range(len(plan) - 1))


def _is_within_asset_limit(books: Books, k: int, plan: Plan) -> bool:
    c = books.stages[k].brings
    most = books.run.spec.risk.max_asset.get(c)
    if most is None:
        return True
    m = books.run.mark(c, books.t)
    return books.run.known(c) + expected(books.run, c) + plan[k].brings <= floor(atoms(most) / m)
