"""Rows of a sweep as columns, and a figure of them over two parameters."""

from typing import Self

import numpy as np
import polars as pl
import strawberry

from app.api.pages import encode_cursor
from app.api.scalars import Columns
from app.api.types import field
from app.services import sweeps
from engine.report.trials import Cells
from engine.units import format_duration

SWEEP_ROWS = "sweep-rows"


@strawberry.type(description="Rows of a sweep, from best to worst.")
class SweepRows:
    """A page of rows."""

    total: int = field(description="Number of rows so far.")
    points: int = field(description="Number of rows of this page.")
    columns: Columns = field(
        description="`rank` from 1, `trial`, each parameter by its path (durations as a spec writes them), and every figure of a row by its name."
    )
    has_next_page: bool = field(description="Whether rows follow this page.")
    end_cursor: str | None = field(description="Give it as `after` to get the next page; null where the page is empty.")

    @classmethod
    def of(cls, found: sweeps.Rows, *, offset: int) -> Self:
        """Return a page as the schema shows it."""
        end, frame = offset + found.frame.height, found.frame
        return cls(
            total=found.total,
            points=frame.height,
            columns=Columns({"rank": list(range(offset + 1, end + 1)), **{column.name: plain(column) for column in frame}}),
            has_next_page=end < found.total,
            end_cursor=encode_cursor(SWEEP_ROWS, end) if frame.height else None,
        )


@strawberry.type(description="A figure over two parameters of a sweep, cell by cell.")
class Heat:
    """The best trial of each pair of values."""

    rows: list[str] = field(description="The values that go down, or stretches of them where there are many.")
    columns: list[str] = field(description="The values that go across.")
    cells: Columns = field(description="`row` and `column`, from 0, and `value`: null where there is no trial, or its figure is not defined.")
    best_row: int | None = field(description="Where the best trial is.")
    best_column: int | None = field(description="And in which column.")
    is_slice: bool = field(description="Whether the other parameters are those of the best trial; else a cell has the best over all of them.")

    @classmethod
    def of(cls, found: Cells) -> Self:
        """Return the cells as the schema shows them."""
        rows, columns = np.indices(found.values.shape).reshape(2, -1)
        values = [None if np.isnan(value) else value for value in found.values.reshape(-1).tolist()]
        row, column = found.best or (None, None)
        return cls(
            rows=found.rows,
            columns=found.columns,
            cells=Columns({"row": rows.tolist(), "column": columns.tolist(), "value": values}),
            best_row=row,
            best_column=column,
            is_slice=found.is_slice,
        )


def plain(column: pl.Series) -> list[object]:
    """Return the values of a column as JSON has them, durations as a spec writes them."""
    if column.dtype == pl.Duration:
        return [None if value is None else format_duration(value) for value in column.dt.total_microseconds()]
    return column.to_list()
