"""Pools by their addresses: which tokens they hold, which files of minutes do not say."""

import re
from dataclasses import dataclass

_NAME = re.compile(r"(?P<chain>[a-z0-9]+)-(?P<address>0x[0-9a-fA-F]{40})-\d{4}-\d\d-\d\d\.minute(?:\.csv)?")


@dataclass(frozen=True, slots=True, kw_only=True)
class Pool:
    """A pool: what its file's address stands for."""

    address: str
    chain: str
    base: str
    quote: str
    decimals: tuple[int, int]
    """Of token 0 and token 1."""
    base_is_token_1: bool
    fee_bps: int
    spacing: int
    """Of its ticks."""

    @property
    def venue(self) -> str:
        """Chain and fee: two pools of one pair are two venues."""
        return f"uniswap-v3-{self.chain}-{self.fee_bps}bps"

    @property
    def instrument(self) -> str:
        """As everywhere else."""
        return f"{self.base}/{self.quote}"


_KNOWN = (
    Pool(
        address="0x45dda9cb7c25131df268515131f647d726f50608",
        chain="polygon",
        base="ETH",
        quote="USDC",
        decimals=(6, 18),
        base_is_token_1=True,
        fee_bps=5,
        spacing=10,
    ),
    Pool(
        address="0x88e6a0c2ddd26feeb64f039a2c41296fcb3f5640",
        chain="ethereum",
        base="ETH",
        quote="USDC",
        decimals=(6, 18),
        base_is_token_1=True,
        fee_bps=5,
        spacing=10,
    ),
    Pool(
        address="0x8ad599c3a0ff1de082011efddc58f1908eb6e6d8",
        chain="ethereum",
        base="ETH",
        quote="USDC",
        decimals=(6, 18),
        base_is_token_1=True,
        fee_bps=30,
        spacing=60,
    ),
    Pool(
        address="0x11b815efb8f581194ae79006d24e0d814b7697f6",
        chain="ethereum",
        base="ETH",
        quote="USDT",
        decimals=(18, 6),
        base_is_token_1=False,
        fee_bps=5,
        spacing=10,
    ),
    Pool(
        address="0x4e68ccd3e89f51c3074ca5072bbac773960dfa36",
        chain="ethereum",
        base="ETH",
        quote="USDT",
        decimals=(18, 6),
        base_is_token_1=False,
        fee_bps=30,
        spacing=60,
    ),
)
POOLS = {pool.address: pool for pool in _KNOWN}
"""By address. A wrapped ether, which anybody changes for an ether one to one, counts as one."""


def pool_of(name: str) -> Pool | None:
    """Return the pool that a file's name tells by its address, if we know that."""
    found = _NAME.fullmatch(name)
    pool = POOLS.get(found["address"].lower()) if found else None
    return pool if pool is not None and found is not None and found["chain"] == pool.chain else None
