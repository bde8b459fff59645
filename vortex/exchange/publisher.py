"""Builds the public stream messages that somebody has subscribed to, and only those (sheet 2.2)."""

from collections import Counter
from collections.abc import Callable, Collection, Mapping
from typing import Any, TypeAlias

from vortex.exchange.candles import Bar
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import Instrument
from vortex.exchange.listing import Listing, Print
from vortex.exchange.market_events import LiquidationPrint
from vortex.exchange.orders import BUY, SELL
from vortex.exchange.public_payloads import (
    agg_trade,
    asset_index,
    book_ticker,
    continuous_kline,
    contract_info,
    force_order,
    kline,
    mark_price,
    mini_ticker,
    raw_trade,
    ticker,
)
from vortex.exchange.rest_reference import Reference
from vortex.exchange.shown_book import ShownSide
from vortex.exchange.streams import Stream, parse

LIQUIDATION_WINDOW_MS = 1_000
TEXTS_MAX = 16_384
"""Levels of one symbol whose text is kept: they stand for seconds and are told every 100 ms."""

Row: TypeAlias = tuple[str, str]
"""Price and quantity of a level as text; a tuple, because thousands of them are kept and none needs watching."""


class _DepthState:
    """What a diff stream has told so far.

    A level that changed and changed back must still be told when somebody took a snapshot in between:
    `snapshot` moves the basis of comparison to the snapshot and remembers what had changed until then.
    """

    __slots__ = ("_rpi", "asks", "bids", "last_id", "touched_asks", "touched_bids")

    def __init__(self, listing: Listing, *, rpi: bool) -> None:
        self._rpi = rpi
        self.bids = listing.shown(BUY, rpi=rpi)
        self.asks = listing.shown(SELL, rpi=rpi)
        self.last_id = listing.update_id
        self.touched_bids: set[int] = set()
        self.touched_asks: set[int] = set()

    def snapshot(self, listing: Listing) -> None:
        """Somebody holds the book as it is now."""
        bids, asks = listing.shown(BUY, rpi=self._rpi), listing.shown(SELL, rpi=self._rpi)
        self.touched_bids |= bids.changed_since(self.bids)
        self.touched_asks |= asks.changed_since(self.asks)
        self.bids, self.asks = bids, asks

    def advance(self, listing: Listing, texts: "_LevelTexts") -> tuple[list[Row], list[Row]]:
        """The changes to tell now, as absolute quantities; "0" where a level is gone."""
        self.snapshot(listing)
        told = (
            texts.of(_told(self.touched_bids, self.bids)),
            texts.of(_told(self.touched_asks, self.asks)),
        )
        self.touched_bids, self.touched_asks = set(), set()
        self.last_id = listing.update_id
        return told


class _LevelTexts:
    """Levels of one symbol as text, written once while they stand."""

    __slots__ = ("_instrument", "_texts")

    def __init__(self, instrument: Instrument) -> None:
        self._instrument = instrument
        self._texts: dict[tuple[int, int], Row] = {}

    def of(self, levels: list[tuple[int, int]]) -> list[Row]:
        """Price and quantity of each level."""
        texts = self._texts
        try:
            return [texts[level] for level in levels]
        except KeyError:
            pass
        if len(texts) > TEXTS_MAX:
            texts.clear()
        instrument = self._instrument
        for level in levels:
            if level not in texts:
                texts[level] = (instrument.px_text(level[0]), instrument.qty_text(level[1]))
        return [texts[level] for level in levels]


class Publisher:
    """Watches the floor on behalf of subscribers."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._reference = Reference(floor)
        self._wanted: Counter[str] = Counter()
        self._streams: dict[str, Stream] = {}
        self._due: dict[str, int] = {}
        self._depths: dict[str, _DepthState] = {}
        self._texts = {symbol: _LevelTexts(each) for symbol, each in floor.instruments.items()}
        self._touches: dict[str, tuple[tuple[int, int], tuple[int, int]]] = {}
        self._told: dict[str, object] = {}
        self._liquidations: dict[str, LiquidationPrint] = {}
        self._timed: Mapping[str, Callable[[Stream], object]] = {
            "depth": self._depth,
            "partial_depth": self._partial_depth,
            "kline": self._kline,
            "continuous_kline": self._kline,
            "markPrice": self._mark,
            "ticker": self._ticker,
            "miniTicker": self._mini_ticker,
            "all_marks": self._all_marks,
            "all_tickers": self._all_tickers,
            "all_mini_tickers": self._all_mini_tickers,
            "all_book_tickers": self._all_book_tickers,
            "assetIndex": self._asset_index,
            "all_asset_indexes": self._all_asset_indexes,
        }

    # --- interest -------------------------------------------------------------------------------------------

    def subscribe(self, name: str) -> Stream | None:
        """One more subscriber of a stream; None when no such stream exists."""
        stream = parse(name)
        known = stream is not None and (not stream.symbol or stream.symbol in self._names_of(stream))
        if stream is None or not known:
            return None
        self._wanted[name] += 1
        if name not in self._streams:
            self._streams[name] = stream
            if stream.period_ms:
                self._due[name] = self._floor.now_ms
            if stream.kind == "depth":
                self._depths[name] = _DepthState(self._floor.listing(stream.symbol), rpi=stream.rpi)
        return stream

    def _names_of(self, stream: Stream) -> Collection[str]:
        """What may stand before the `@` of such a stream."""
        if stream.kind == "assetIndex":
            return {f"{asset}USD" for asset in self._floor.collateral.assets}
        return self._floor.listings

    def unsubscribe(self, name: str) -> None:
        """One subscriber less."""
        if self._wanted[name] > 1:
            self._wanted[name] -= 1
            return
        del self._wanted[name]
        for held in (self._streams, self._due, self._depths, self._told):
            held.pop(name, None)

    # --- things that happen ---------------------------------------------------------------------------------

    def printed(self, listing: Listing, printed: Print) -> None:
        """A fill, or an aggregated trade of the market outside, went over the tape."""
        self._aggregated(listing)
        name = f"{listing.instrument.symbol.lower()}@trade"
        if name in self._streams:
            self._floor.publish(name, raw_trade(listing, printed, self._floor.now_ms))

    def _aggregated(self, listing: Listing) -> None:
        """Tell the aggregated trades that are complete."""
        done = listing.prints.complete()
        if done:
            name = f"{listing.instrument.symbol.lower()}@aggTrade"
            if name in self._streams:
                for each in done:
                    self._floor.publish(name, agg_trade(listing, each, self._floor.now_ms))

    def contract_changed(self, listing: Listing) -> None:
        """A contract was listed or halted."""
        if "!contractInfo" in self._streams:
            self._floor.publish("!contractInfo", contract_info(listing, self._floor.now_ms))

    def candle_closed(self, listing: Listing, interval: str, bar: Bar) -> None:
        """A candle ended: its last word has `x` true."""
        symbol = listing.instrument.symbol
        name = f"{symbol.lower()}@kline_{interval}"
        if name in self._streams:
            self._floor.publish(name, kline(listing, interval, bar, self._floor.now_ms, closed=True))
        name = f"{symbol.lower()}_perpetual@continuousKline_{interval}"
        if name in self._streams:
            self._floor.publish(name, continuous_kline(kline(listing, interval, bar, self._floor.now_ms, closed=True)))

    def book_changed(self, listing: Listing) -> None:
        """The published book may have changed: best prices and the immediate diff stream."""
        listing.prints.settle()
        self._aggregated(listing)
        if not self._streams:
            return
        lower = listing.instrument.symbol.lower()
        name = f"{lower}@bookTicker"
        if name in self._streams:
            touch = listing.touch()
            if self._touches.get(name) != touch:
                self._touches[name] = touch
                self._floor.publish(name, book_ticker(listing, self._floor.now_ms))
        name = f"{lower}@depth@0ms"
        if name in self._streams:
            payload = self._depth(self._streams[name])
            if payload is not None:
                self._floor.publish(name, payload)

    def snapshot_taken(self, symbol: str) -> None:
        """Somebody took a REST snapshot: the diff streams must bridge from there."""
        for name, state in self._depths.items():
            if self._streams[name].symbol == symbol:
                state.snapshot(self._floor.listing(symbol))
                state.bids.begun()
                state.asks.begun()

    def liquidated(self, event: LiquidationPrint) -> None:
        """Somebody was liquidated; the largest per symbol and second is told."""
        held = self._liquidations.get(event.symbol)
        if held is None or event.qty_lots > held.qty_lots:
            self._liquidations[event.symbol] = event

    def tick(self, now_ms: int) -> None:
        """Speak for every periodic stream that is due."""
        for listing in self._floor.listings.values():
            listing.prints.expire(now_ms)
            self._aggregated(listing)
        for name, due in list(self._due.items()):
            if now_ms < due:
                continue
            stream = self._streams[name]
            self._due[name] = (now_ms // stream.period_ms + 1) * stream.period_ms
            payload = self._timed[stream.kind](stream)
            if payload is not None:
                self._floor.publish(name, payload)
        if self._liquidations:
            self._tell_liquidations(now_ms)

    def _tell_liquidations(self, now_ms: int) -> None:
        for symbol, event in list(self._liquidations.items()):
            if now_ms - event.ts_ms < LIQUIDATION_WINDOW_MS:
                continue
            del self._liquidations[symbol]
            payload = force_order(self._floor.instruments[symbol], event, self._floor.now_ms)
            name = f"{symbol.lower()}@forceOrder"
            if name in self._streams:
                self._floor.publish(name, payload)
            if "!forceOrder@arr" in self._streams:
                self._floor.publish("!forceOrder@arr", {**payload, "ps": symbol, "st": 1})

    # --- payloads -------------------------------------------------------------------------------------------

    def _depth(self, stream: Stream) -> dict[str, Any] | None:
        listing = self._floor.listing(stream.symbol)
        state = self._depths[stream.name]
        if listing.update_id == state.last_id:
            return None
        before = state.last_id
        bids, asks = state.advance(listing, self._texts[stream.symbol])
        return {
            "e": "depthUpdate",
            "E": self._floor.now_ms,
            "T": listing.book_ms,
            "s": stream.symbol,
            "ps": stream.symbol,
            "U": before + 1,
            "u": listing.update_id,
            "pu": before,
            "b": bids,
            "a": asks,
            "st": 1,
        }

    def _partial_depth(self, stream: Stream) -> dict[str, Any] | None:
        listing = self._floor.listing(stream.symbol)
        last = self._told.get(stream.name)
        if last == listing.update_id:
            return None
        self._told[stream.name] = listing.update_id
        texts = self._texts[stream.symbol]
        before = last if isinstance(last, int) else listing.update_id - 1
        return {
            "e": "depthUpdate",
            "E": self._floor.now_ms,
            "T": listing.book_ms,
            "s": stream.symbol,
            "ps": stream.symbol,
            "U": before + 1,
            "u": listing.update_id,
            "pu": before,
            "b": texts.of(listing.levels(BUY, stream.levels)),
            "a": texts.of(listing.levels(SELL, stream.levels)),
            "st": 1,
        }

    def _kline(self, stream: Stream) -> dict[str, Any] | None:
        listing = self._floor.listing(stream.symbol)
        bar = listing.candles.live(stream.interval)
        state = (bar.open_ms, bar.trades)
        if self._told.get(stream.name) == state:
            return None
        self._told[stream.name] = state
        payload = kline(listing, stream.interval, bar, self._floor.now_ms, closed=False)
        return continuous_kline(payload) if stream.kind == "continuous_kline" else payload

    def _mark(self, stream: Stream) -> dict[str, Any]:
        return mark_price(self._floor.listing(stream.symbol), self._floor.now_ms)

    def _all_marks(self, _stream: Stream) -> list[dict[str, Any]]:
        return [mark_price(listing, self._floor.now_ms) for listing in self._floor.listings.values()]

    def _ticker(self, stream: Stream) -> dict[str, Any]:
        return ticker(self._floor.listing(stream.symbol), self._floor.now_ms)

    def _mini_ticker(self, stream: Stream) -> dict[str, Any]:
        return mini_ticker(self._floor.listing(stream.symbol), self._floor.now_ms)

    def _all_tickers(self, _stream: Stream) -> list[dict[str, Any]]:
        return [ticker(listing, self._floor.now_ms) for listing in self._floor.listings.values()]

    def _all_mini_tickers(self, _stream: Stream) -> list[dict[str, Any]]:
        return [mini_ticker(listing, self._floor.now_ms) for listing in self._floor.listings.values()]

    def _asset_index(self, stream: Stream) -> dict[str, Any]:
        row: Any = self._reference.asset_index({"symbol": stream.symbol})
        return asset_index(row)

    def _all_asset_indexes(self, _stream: Stream) -> list[dict[str, Any]]:
        rows: Any = self._reference.asset_index({})
        return [asset_index(row) for row in rows]

    def _all_book_tickers(self, stream: Stream) -> None:
        for listing in self._floor.listings.values():
            self._floor.publish(stream.name, book_ticker(listing, self._floor.now_ms))


def _told(touched: set[int], side: ShownSide) -> list[tuple[int, int]]:
    """Touched levels, best first."""
    return [(px, side.lots_at(px)) for px in sorted(touched, reverse=side.sign < 0)]
