"""`spatial`: buy where it is cheap, sell where it is dear, on two or more venues at once."""

from typing import ClassVar, Literal

from engine.strategies.strategy import Strategy


class Spatial(Strategy):
    """Parameters of `spatial` (docs/model.md, "Strategy spatial")."""

    kind: Literal["spatial"]

    sent_as: ClassVar[str] = "a sell and a buy each"
