"""Payloads of the public streams, field by field as the exchange sends them (sheet 2.2)."""

from typing import Any

from vortex.exchange.candles import Bar, ends_ms
from vortex.exchange.instruments import Instrument, money_text, money_trim
from vortex.exchange.listing import Listing, Print
from vortex.exchange.market_events import LiquidationPrint


def agg_trade(listing: Listing, printed: Print, now_ms: int) -> dict[str, Any]:
    """aggTrade: one aggregated trade; `nq` leaves out what was traded against RPI orders."""
    instrument = listing.instrument
    return {
        "e": "aggTrade",
        "E": now_ms,
        "s": instrument.symbol,
        "a": printed.agg_id,
        "p": instrument.px_text(printed.px),
        "q": instrument.qty_text(printed.lots),
        "nq": instrument.qty_text(printed.lots - printed.rpi_lots),
        "f": printed.first_id,
        "l": printed.trade_id,
        "T": printed.ts_ms,
        "m": printed.buyer_is_maker,
        "st": 1,
    }


def raw_trade(listing: Listing, printed: Print, now_ms: int) -> dict[str, Any]:
    """trade: the undocumented raw form."""
    instrument = listing.instrument
    return {
        "e": "trade",
        "E": now_ms,
        "T": printed.ts_ms,
        "s": instrument.symbol,
        "t": printed.trade_id,
        "p": instrument.px_text(printed.px),
        "q": instrument.qty_text(printed.lots),
        "X": "MARKET",
        "m": printed.buyer_is_maker,
    }


def book_ticker(listing: Listing, now_ms: int) -> dict[str, Any]:
    """bookTicker: the best prices."""
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
        "E": now_ms,
        "st": 1,
    }


def kline(listing: Listing, interval: str, bar: Bar, now_ms: int, *, closed: bool) -> dict[str, Any]:
    """kline: one candle, open or closed."""
    instrument = listing.instrument
    unit = instrument.unit_value
    return {
        "e": "kline",
        "E": now_ms,
        "s": instrument.symbol,
        "k": {
            "t": bar.open_ms,
            "T": ends_ms(interval, bar.open_ms) - 1,
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


def contract_info(listing: Listing, now_ms: int) -> dict[str, Any]:
    """contractInfo: a contract was listed or halted, or its brackets are told anew."""
    instrument = listing.instrument
    smallest = [rung.initial_leverage + 1 for rung in instrument.brackets[1:]] + [1]
    brackets = [
        {
            "bs": rung.number,
            "bnf": rung.notional_floor,
            "bnc": rung.notional_cap,
            "mmr": float(rung.maint_margin_ratio),
            "cf": float(rung.cum),
            "mi": least,
            "ma": rung.initial_leverage,
        }
        for rung, least in zip(instrument.brackets, smallest, strict=True)
    ]
    return {
        "e": "contractInfo",
        "E": now_ms,
        "s": instrument.symbol,
        "ct": "PERPETUAL",
        "dt": 4133404800000,
        "ot": instrument.onboard_ms,
        "cs": listing.status,
        "bks": brackets,
        "st": 1,
    }


def asset_index(row: dict[str, Any]) -> dict[str, Any]:
    """assetIndexUpdate: one row of GET /fapi/v1/assetIndex as a message."""
    return {
        "e": "assetIndexUpdate",
        "E": row["time"],
        "s": row["symbol"],
        "i": row["index"],
        "b": row["bidBuffer"],
        "a": row["askBuffer"],
        "B": row["bidRate"],
        "A": row["askRate"],
        "q": row["autoExchangeBidBuffer"],
        "g": row["autoExchangeAskBuffer"],
        "Q": row["autoExchangeBidRate"],
        "G": row["autoExchangeAskRate"],
    }


def continuous_kline(kline: dict[str, Any]) -> dict[str, Any]:
    """The continuous-contract form of a kline message."""
    candle = {name: value for name, value in kline["k"].items() if name != "s"}
    return {"e": "continuous_kline", "E": kline["E"], "ps": kline["s"], "ct": "PERPETUAL", "k": candle}


def mark_price(listing: Listing, now_ms: int) -> dict[str, Any]:
    """markPriceUpdate: mark, index and the funding estimate."""
    return {
        "e": "markPriceUpdate",
        "E": now_ms,
        "s": listing.instrument.symbol,
        "p": money_text(listing.mark_e8),
        "ap": money_text(listing.mark_e8),
        "P": money_text(listing.mark_e8),
        "i": money_text(listing.index_e8),
        "r": f"{listing.funding_rate:.8f}",
        "T": listing.next_funding_ms,
        "st": 1,
    }


def ticker(listing: Listing, now_ms: int) -> dict[str, Any]:
    """24hrTicker: the last day."""
    row = day_row(listing, now_ms)
    return {
        "e": "24hrTicker",
        "E": now_ms,
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


def mini_ticker(listing: Listing, now_ms: int) -> dict[str, Any]:
    """24hrMiniTicker: the last day in short."""
    full = ticker(listing, now_ms)
    body = {name: full[name] for name in ("E", "s", "c", "o", "h", "l", "v", "q", "ps", "st")}
    return {"e": "24hrMiniTicker", **body}


def force_order(instrument: Instrument, event: LiquidationPrint, now_ms: int) -> dict[str, Any]:
    """forceOrder: somebody was liquidated."""
    price, quantity = instrument.px_text(event.px_ticks), instrument.qty_text(event.qty_lots)
    limit = instrument.px_text(event.limit_ticks) if event.limit_ticks else price
    body = {
        "s": event.symbol,
        "S": event.side,
        "o": "LIMIT",
        "f": "IOC",
        "q": quantity,
        "p": limit,
        "ap": price,
        "X": "FILLED",
        "l": quantity,
        "z": quantity,
        "T": event.ts_ms,
    }
    return {"e": "forceOrder", "E": now_ms, "o": body}


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
