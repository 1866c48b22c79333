"""The error of a row that is refused, with its place in the file.

BadInput
└── BadRow     one row of a market-data file breaks a rule
"""

from app.errors import BadInput


class BadRow(BadInput):
    """A row that is refused: where it stands, which field, what it holds, what was expected, what to do."""

    def __init__(self, *, file: str, place: str, field: str, value: str, expected: str, advice: str, index: int = 0) -> None:
        self.file = file
        self.place = place
        self.field = field
        self.value = value if len(value) <= 80 else value[:77] + "..."
        self.expected = expected
        self.advice = advice
        self.index = index
        """Of the row in its batch."""
        super().__init__(f"{file}, {place}, {field}: found {self.value!r}, expected {expected}; {advice}")
