"""How much of the market's book is really there: `liquidity_hole` faults thin it out, near and far."""

from vortex.exchange.faults import FaultBook, thinned
from vortex.exchange.listing import Listing
from vortex.exchange.market_events import Bands, BookState, DeepState, Levels

WHOLE = 1.0


class Liquidity:
    """Lets book states through, whole or thinned."""

    def __init__(self, faults: FaultBook) -> None:
        self._faults = faults
        self._deep: dict[str, DeepState] = {}
        """What the market last said about the levels far behind the touch."""
        self._shares: dict[str, float] = {}
        """Symbols in a hole, and the share of their book that is left."""

    def book(self, listing: Listing, event: BookState) -> tuple[Levels, Levels]:
        """The near part of the book as it stands here."""
        if not self._faults.active and not self._shares:
            return event.bids, event.asks
        holes = self._faults.acting("liquidity_hole", event.ts_ms, symbol=event.symbol)
        share = min([hole.value for hole in holes], default=WHOLE)
        if share != self._shares.get(event.symbol, WHOLE):
            self._shares[event.symbol] = share
            self._rescale(listing)
        if share == WHOLE:
            self._shares.pop(event.symbol, None)
            return event.bids, event.asks
        return thinned(event.bids, share), thinned(event.asks, share)

    def deep(self, listing: Listing, state: DeepState) -> None:
        """The levels far behind the touch are fuller or emptier now."""
        self._deep[state.symbol] = state
        self._rescale(listing)

    def _rescale(self, listing: Listing) -> None:
        """Far levels shrink with the near ones, but each keeps a lot."""
        symbol = listing.instrument.symbol
        told, share = self._deep.get(symbol), self._shares.get(symbol, WHOLE)
        bids, asks = ((), ()) if told is None else (told.bids, told.asks)
        listing.engine.book.band(_scaled(bids, share), _scaled(asks, share))


def _scaled(bands: Bands, share: float) -> Bands:
    if share == WHOLE:
        return bands
    return tuple((px, factor * share) for px, factor in bands) or ((0, share),)
