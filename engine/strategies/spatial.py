"""`spatial`: buy where it is cheap, sell where it is dear, on two or more venues at once."""

from typing import ClassVar, Literal

from engine.strategies.names import Names
from engine.strategies.strategy import Strategy


class Spatial(Strategy):
    """Parameters of `spatial` (docs/model.md, "Strategy spatial")."""

    kind: Literal["spatial"]

    names: ClassVar[Names] = Names(package="a sell and a buy each")
