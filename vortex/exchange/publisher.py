"""Builds the public stream messages that somebody has subscribed to, and only those (sheet 2.2)."""

from collections import Counter
from collections.abc import Callable, Mapping
from typing import Any

from vortex.exchange.candles import INTERVALS_MS, Bar
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import Instrument, money_text, money_trim
from vortex.exchange.listing import Listing, Print
from vortex.exchange.market_events import LiquidationPrint
from vortex.exchange.orders import BUY, SELL
from vortex.exchange.streams import Stream, parse

LIQUIDATION_WINDOW_MS = 1_000
ALL_LEVELS = 1_000_000


class _DepthState:
    """What a diff stream has told so far.

    A level that changed and changed back must still be told when somebody took a snapshot in between:
    `snapshot` moves the basis of comparison to the snapshot and remembers what had changed until then.
    """

    __slots__ = ("asks", "bids", "last_id", "touched_asks", "touched_bids")

    def __init__(self, listing: Listing) -> None:
        self.bids = dict(listing.levels(BUY, ALL_LEVELS))
        self.asks = dict(listing.levels(SELL, ALL_LEVELS))
        self.last_id = listing.update_id
        self.touched_bids: set[int] = set()
        self.touched_asks: set[int] = set()

    def snapshot(self, listing: Listing) -> None:
        """Somebody holds the book as it is now."""
        bids = dict(listing.levels(BUY, ALL_LEVELS))
        asks = dict(listing.levels(SELL, ALL_LEVELS))
        self.touched_bids |= _changed(self.bids, bids)
        self.touched_asks |= _changed(self.asks, asks)
        self.bids, self.asks = bids, asks

    def advance(self, listing: Listing) -> tuple[list[list[str]], list[list[str]]]:
        """The changes to tell now, as absolute quantities; "0" where a level is gone."""
        self.snapshot(listing)
        told = (
            _told(listing.instrument, self.touched_bids, self.bids, -1),
            _told(listing.instrument, self.touched_asks, self.asks, 1),
        )
        self.touched_bids, self.touched_asks = set(), set()
        self.last_id = listing.update_id
        return told


class Publisher:
    """Watches the floor on behalf of subscribers."""

    def __init__(self, floor: Floor) -> None:
        self._floor = floor
        self._wanted: Counter[str] = Counter()
        self._streams: dict[str, Stream] = {}
        self._due: dict[str, int] = {}
        self._depths: dict[str, _DepthState] = {}
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
        }

    # --- interest -------------------------------------------------------------------------------------------

    def subscribe(self, name: str) -> Stream | None:
        """One more subscriber of a stream; None when no such stream exists."""
        stream = parse(name)
        if stream is None or (stream.symbol and stream.symbol not in self._floor.listings):
            return None
        self._wanted[name] += 1
        if name not in self._streams:
            self._streams[name] = stream
            if stream.period_ms:
                self._due[name] = self._floor.now_ms
            if stream.kind == "depth":
                self._depths[name] = _DepthState(self._floor.listing(stream.symbol))
        return stream

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
        """A trade went over the tape."""
        symbol = listing.instrument.symbol
        lower = symbol.lower()
        name = f"{lower}@aggTrade"
        if name in self._streams:
            self._floor.publish(name, self._agg_trade(listing, printed))
        name = f"{lower}@trade"
        if name in self._streams:
            self._floor.publish(name, self._trade(listing, printed))

    def candle_closed(self, listing: Listing, interval: str, bar: Bar) -> None:
        """A candle ended: its last word has `x` true."""
        symbol = listing.instrument.symbol
        name = f"{symbol.lower()}@kline_{interval}"
        if name in self._streams:
            self._floor.publish(name, self._kline_payload(listing, interval, bar, closed=True))
        name = f"{symbol.lower()}_perpetual@continuousKline_{interval}"
        if name in self._streams:
            self._floor.publish(name, _continuous(self._kline_payload(listing, interval, bar, closed=True)))

    def book_changed(self, listing: Listing) -> None:
        """The published book may have changed: best prices and the immediate diff stream."""
        if not self._streams:
            return
        lower = listing.instrument.symbol.lower()
        name = f"{lower}@bookTicker"
        if name in self._streams:
            touch = listing.touch()
            if self._touches.get(name) != touch:
                self._touches[name] = touch
                self._floor.publish(name, self._book_ticker(listing))
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

    def liquidated(self, event: LiquidationPrint) -> None:
        """Somebody was liquidated; the largest per symbol and second is told."""
        held = self._liquidations.get(event.symbol)
        if held is None or event.qty_lots > held.qty_lots:
            self._liquidations[event.symbol] = event

    def tick(self, now_ms: int) -> None:
        """Speak for every periodic stream that is due."""
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
            payload = self._force_order(event)
            name = f"{symbol.lower()}@forceOrder"
            if name in self._streams:
                self._floor.publish(name, payload)
            if "!forceOrder@arr" in self._streams:
                self._floor.publish("!forceOrder@arr", {**payload, "ps": symbol, "st": 1})

    # --- payloads -------------------------------------------------------------------------------------------

    def _agg_trade(self, listing: Listing, printed: Print) -> dict[str, Any]:
        instrument = listing.instrument
        quantity = instrument.qty_text(printed.lots)
        return {
            "e": "aggTrade",
            "E": self._floor.now_ms,
            "s": instrument.symbol,
            "a": printed.trade_id,
            "p": instrument.px_text(printed.px),
            "q": quantity,
            "nq": quantity,
            "f": printed.trade_id,
            "l": printed.trade_id,
            "T": printed.ts_ms,
            "m": printed.buyer_is_maker,
            "st": 1,
        }

    def _trade(self, listing: Listing, printed: Print) -> dict[str, Any]:
        instrument = listing.instrument
        return {
            "e": "trade",
            "E": self._floor.now_ms,
            "T": printed.ts_ms,
            "s": instrument.symbol,
            "t": printed.trade_id,
            "p": instrument.px_text(printed.px),
            "q": instrument.qty_text(printed.lots),
            "X": "MARKET",
            "m": printed.buyer_is_maker,
        }

    def _depth(self, stream: Stream) -> dict[str, Any] | None:
        listing = self._floor.listing(stream.symbol)
        state = self._depths[stream.name]
        if listing.update_id == state.last_id:
            return None
        before = state.last_id
        bids, asks = state.advance(listing)
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
        instrument = listing.instrument
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
            "b": _levels(instrument, listing.levels(BUY, stream.levels)),
            "a": _levels(instrument, listing.levels(SELL, stream.levels)),
            "st": 1,
        }

    def _book_ticker(self, listing: Listing) -> dict[str, Any]:
        instrument = listing.instrument
        (bid, bid_lots), (ask, ask_lots) = listing.touch()
        return {
            "e": "bookTicker",
            "u": listing.update_id,
            "s": instrument.symbol,
            "ps": instrument.symbol,
            "b": instrument.px_text(bid),
            "B": instrument.qty_text(bid_lots),
            "a": instrument.px_text(ask),
            "A": instrument.qty_text(ask_lots),
            "T": listing.book_ms,
            "E": self._floor.now_ms,
            "st": 1,
        }

    def _kline(self, stream: Stream) -> dict[str, Any] | None:
        listing = self._floor.listing(stream.symbol)
        bar = listing.candles.live(stream.interval)
        state = (bar.open_ms, bar.trades)
        if self._told.get(stream.name) == state:
            return None
        self._told[stream.name] = state
        payload = self._kline_payload(listing, stream.interval, bar, closed=False)
        return _continuous(payload) if stream.kind == "continuous_kline" else payload

    def _kline_payload(self, listing: Listing, interval: str, bar: Bar, *, closed: bool) -> dict[str, Any]:
        instrument = listing.instrument
        unit = instrument.unit_value
        return {
            "e": "kline",
            "E": self._floor.now_ms,
            "s": instrument.symbol,
            "k": {
                "t": bar.open_ms,
                "T": bar.open_ms + INTERVALS_MS[interval] - 1,
                "s": instrument.symbol,
                "i": interval,
                "f": bar.first_id,
                "L": bar.last_id,
                "o": instrument.px_text(bar.open),
                "c": instrument.px_text(bar.close),
                "h": instrument.px_text(bar.high),
                "l": instrument.px_text(bar.low),
                "v": instrument.qty_text(bar.volume),
                "n": bar.trades,
                "x": closed,
                "q": money_trim(bar.quote * unit),
                "V": instrument.qty_text(bar.buy_volume),
                "Q": money_trim(bar.buy_quote * unit),
                "B": "0",
            },
        }

    def _mark(self, stream: Stream) -> dict[str, Any]:
        return self._mark_payload(self._floor.listing(stream.symbol))

    def _mark_payload(self, listing: Listing) -> dict[str, Any]:
        return {
            "e": "markPriceUpdate",
            "E": self._floor.now_ms,
            "s": listing.instrument.symbol,
            "p": money_text(listing.mark_e8),
            "ap": money_text(listing.mark_e8),
            "P": money_text(listing.mark_e8),
            "i": money_text(listing.index_e8),
            "r": f"{listing.funding_rate:.8f}",
            "T": listing.next_funding_ms,
            "st": 1,
        }

    def _all_marks(self, _stream: Stream) -> list[dict[str, Any]]:
        return [self._mark_payload(listing) for listing in self._floor.listings.values()]

    def _ticker(self, stream: Stream) -> dict[str, Any]:
        return self._ticker_payload(self._floor.listing(stream.symbol))

    def _ticker_payload(self, listing: Listing) -> dict[str, Any]:
        row = day_row(listing, self._floor.now_ms)
        return {
            "e": "24hrTicker",
            "E": self._floor.now_ms,
            "s": row["symbol"],
            "p": row["priceChange"],
            "P": row["priceChangePercent"],
            "w": row["weightedAvgPrice"],
            "c": row["lastPrice"],
            "Q": row["lastQty"],
            "o": row["openPrice"],
            "h": row["highPrice"],
            "l": row["lowPrice"],
            "v": row["volume"],
            "q": row["quoteVolume"],
            "O": row["openTime"],
            "C": row["closeTime"],
            "F": row["firstId"],
            "L": row["lastId"],
            "n": row["count"],
            "ps": row["symbol"],
            "st": 1,
        }

    def _mini_ticker(self, stream: Stream) -> dict[str, Any]:
        return self._mini_payload(self._floor.listing(stream.symbol))

    def _mini_payload(self, listing: Listing) -> dict[str, Any]:
        full = self._ticker_payload(listing)
        body = {name: full[name] for name in ("E", "s", "c", "o", "h", "l", "v", "q", "ps", "st")}
        return {"e": "24hrMiniTicker", **body}

    def _all_tickers(self, _stream: Stream) -> list[dict[str, Any]]:
        return [self._ticker_payload(listing) for listing in self._floor.listings.values()]

    def _all_mini_tickers(self, _stream: Stream) -> list[dict[str, Any]]:
        return [self._mini_payload(listing) for listing in self._floor.listings.values()]

    def _all_book_tickers(self, stream: Stream) -> None:
        for listing in self._floor.listings.values():
            self._floor.publish(stream.name, self._book_ticker(listing))

    def _force_order(self, event: LiquidationPrint) -> dict[str, Any]:
        instrument = self._floor.instruments[event.symbol]
        price, quantity = instrument.px_text(event.px_ticks), instrument.qty_text(event.qty_lots)
        body = {
            "s": event.symbol,
            "S": event.side,
            "o": "LIMIT",
            "f": "IOC",
            "q": quantity,
            "p": price,
            "ap": price,
            "X": "FILLED",
            "l": quantity,
            "z": quantity,
            "T": event.ts_ms,
        }
        return {"e": "forceOrder", "E": self._floor.now_ms, "o": body}


def _continuous(kline: dict[str, Any]) -> dict[str, Any]:
    """The continuous-contract form of a kline message."""
    candle = {name: value for name, value in kline["k"].items() if name != "s"}
    return {"e": "continuous_kline", "E": kline["E"], "ps": kline["s"], "ct": "PERPETUAL", "k": candle}


def _levels(instrument: Instrument, levels: list[tuple[int, int]]) -> list[list[str]]:
    return [[instrument.px_text(px), instrument.qty_text(lots)] for px, lots in levels]


def _changed(before: dict[int, int], after: dict[int, int]) -> set[int]:
    """Prices whose quantity differs between two states of a side."""
    return {px for px, _ in before.items() ^ after.items()}


def _told(instrument: Instrument, touched: set[int], side: dict[int, int], way: int) -> list[list[str]]:
    """Touched levels, best first."""
    ordered = sorted(touched, key=lambda px: way * px)
    return [[instrument.px_text(px), instrument.qty_text(side.get(px, 0))] for px in ordered]


def day_row(listing: Listing, now_ms: int) -> dict[str, Any]:
    """One row of GET /fapi/v1/ticker/24hr."""
    instrument, day = listing.instrument, listing.candles.last_day()
    change = day.close - day.open
    return {
        "symbol": instrument.symbol,
        "priceChange": instrument.px_text(change),
        "priceChangePercent": f"{100 * change / day.open:.3f}" if day.open else "0.000",
        "weightedAvgPrice": instrument.average_text(day.quote, day.volume),
        "lastPrice": instrument.px_text(listing.last_px),
        "lastQty": instrument.qty_text(listing.tape[-1].lots if listing.tape else 0),
        "openPrice": instrument.px_text(day.open),
        "highPrice": instrument.px_text(day.high),
        "lowPrice": instrument.px_text(day.low),
        "volume": instrument.qty_text(day.volume),
        "quoteVolume": money_trim(day.quote * instrument.unit_value),
        "openTime": day.open_ms,
        "closeTime": now_ms,
        "firstId": day.first_id,
        "lastId": day.last_id,
        "count": day.trades,
    }
