"""What was lately read of the account and still holds, kept across incarnations in one small file (S3-7).

A reborn executor would otherwise pay for the same dear answers at every restart. Nothing here is a fact about orders or
positions; those are read anew each time. A file that is missing, unreadable, of another account or from the future is
the same as none.
"""

import contextlib
import hashlib
import os
from collections.abc import Sequence
from decimal import Decimal
from pathlib import Path

import msgspec

FEES_KEPT_MS = 3_600_000
"""Fee rates change with the 30-day volume, once a day at most; while an executor lives it does not read them again."""
LISTING_KEPT_MS = 54_000
"""A little less than the period of the account's comparison, so that each of those lists everything."""


class Fees(msgspec.Struct, frozen=True):
    """Maker and taker rate of one symbol, and when they were read."""

    maker: Decimal
    taker: Decimal
    read_ms: int


class Listing(msgspec.Struct, frozen=True):
    """When all open orders of the account were last listed, and which symbols were ours then."""

    symbols: tuple[str, ...]
    read_ms: int


class Page(msgspec.Struct, frozen=True):
    """The whole file."""

    account: str = ""
    fees: dict[str, Fees] = {}
    listing: Listing | None = None


class Remembered:
    """One account's page. Without a path it remembers for as long as it lives. `account` tells accounts apart."""

    def __init__(self, path: Path | None = None, *account: str) -> None:
        self._path = path
        self._account = hashlib.sha256("\n".join(account).encode()).hexdigest()
        self._page = self._read()

    def fees(self, symbol: str, now_ms: int) -> tuple[Decimal, Decimal] | None:
        """Rates that are young enough."""
        known = self._page.fees.get(symbol)
        return (known.maker, known.taker) if known is not None and _young(known.read_ms, now_ms, FEES_KEPT_MS) else None

    def learn_fees(self, symbol: str, maker: Decimal, taker: Decimal, now_ms: int) -> None:
        """Keep rates that were just read."""
        fees = {**self._page.fees, symbol: Fees(maker, taker, now_ms)}
        self._keep(msgspec.structs.replace(self._page, fees=fees))

    def listed(self, symbols: Sequence[str], now_ms: int) -> bool:
        """Whether all open orders were listed lately, with the same symbols of ours."""
        known = self._page.listing
        return known is not None and known.symbols == tuple(symbols) and _young(known.read_ms, now_ms, LISTING_KEPT_MS)

    def learn_listing(self, symbols: Sequence[str], now_ms: int) -> None:
        """All open orders have just been listed."""
        self._keep(msgspec.structs.replace(self._page, listing=Listing(tuple(symbols), now_ms)))

    def _read(self) -> Page:
        if self._path is not None:
            with contextlib.suppress(OSError, msgspec.MsgspecError):
                page = msgspec.json.decode(self._path.read_bytes(), type=Page)
                if page.account == self._account:
                    return page
        return Page(self._account)

    def _keep(self, page: Page) -> None:
        """Replace the file whole. A disk that refuses costs request weight, nothing else."""
        self._page = page
        if self._path is None:
            return
        with contextlib.suppress(OSError):
            draft = self._path.with_name(f".{self._path.name}.{os.getpid()}")
            draft.write_bytes(msgspec.json.encode(page))
            draft.replace(self._path)


def _young(read_ms: int, now_ms: int, kept_ms: int) -> bool:
    return 0 <= now_ms - read_ms < kept_ms
