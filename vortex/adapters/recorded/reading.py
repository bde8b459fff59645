"""Records out of understood files: prices become ticks, quantities lots, times milliseconds."""

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from vortex.adapters.recorded.candles import candles_of
from vortex.adapters.recorded.files import lines, rows
from vortex.adapters.recorded.layouts import Kind, Layout
from vortex.adapters.recorded.slow import SLOW_KINDS, slow_records
from vortex.adapters.recorded.units import Place, Units, ms_of, true_of
from vortex.exchange.replay_records import (
    BookRecord,
    ChangeRecord,
    ForcedRecord,
    ReplayRecord,
    SnapshotRecord,
    TickerRecord,
    TradeRecord,
)
from vortex.kernel.errors import ConfigError

__all__ = ["Units", "candles_of", "raw_symbols", "records_of", "snapshot_of"]

BACKWARDS_MS_MAX = 5_000
"""Times may step back a little where streams were merged; more means that the file is not in time order."""


Parse = Callable[[list[Any]], ReplayRecord | None]


def records_of(layout: Layout, symbol: str, units: Units) -> Iterator[ReplayRecord]:
    """All records of one symbol in one file, in time order."""
    if layout.kind is Kind.RAW_WS:
        yield from _in_order(layout.path, _raw_records(layout.path, symbol, units))
    elif layout.kind is Kind.DEPTH_SNAPSHOT:
        yield snapshot_of(layout.path, units)
    elif layout.kind in SLOW_KINDS:
        yield from slow_records(layout, units)
    else:
        parse = _PARSERS[layout.kind](layout.columns, units)
        yield from _in_order(layout.path, _table_records(layout.path, parse))


def snapshot_of(path: Path, units: Units) -> SnapshotRecord:
    """A REST depth answer saved as it came."""
    try:
        body = json.loads(path.read_text(encoding="utf-8"))
        at = body.get("T") or body.get("E") or body["recv_ns"]
        return SnapshotRecord(
            ms_of(at), int(body["lastUpdateId"]), units.levels(body["bids"]), units.levels(body["asks"])
        )
    except (KeyError, TypeError, AttributeError, ValueError, OSError) as error:
        raise ConfigError(f"{path}: not a depth snapshot (lastUpdateId, bids, asks): {error!r}") from error


def _table_records(path: Path, parse: Parse) -> Iterator[ReplayRecord]:
    for number, values in rows(path):
        with Place(path, number):
            record = parse(values)
        if record is not None:
            yield record


def _in_order(path: Path, records: Iterator[ReplayRecord]) -> Iterator[ReplayRecord]:
    """Times that step back a little are kept as the stream order has them; a larger step is an error."""
    last = 0
    for record in records:
        if record.ts_ms < last - BACKWARDS_MS_MAX:
            raise ConfigError(f"{path}: time runs back from {last} to {record.ts_ms}; the file must be in time order")
        last = max(last, record.ts_ms)
        yield record


def _trades(at: dict[str, int], units: Units) -> Parse:
    time_at = at.get("transact_time", at.get("time", -1))
    px_at, qty_at, maker_at = at["price"], at.get("quantity", at.get("qty", -1)), at["is_buyer_maker"]
    type_at = at.get("order_type")
    first_at, last_at = at.get("first_trade_id", at.get("id", -1)), at.get("last_trade_id", at.get("id", -1))
    single = "id" in at

    def parse(row: list[Any]) -> ReplayRecord | None:
        if type_at is not None and row[type_at] != "MARKET":
            return None  # insurance fund and liquidation transfers are not on the public tape
        lots = units.qty(row[qty_at])
        if not lots:
            return None
        first, last = (int(row[place]) if place >= 0 else -1 for place in (first_at, last_at))
        px, sold = units.px(row[px_at]), true_of(row[maker_at])
        return TradeRecord(ms_of(row[time_at]), px, lots, sold, first, last, single)

    return parse


def _ticker(at: dict[str, int], units: Units) -> Parse:
    places = [at[f"best_{side}_{what}"] for side in ("bid", "ask") for what in ("price", "qty")]
    time_at = at.get("transaction_time", at.get("event_time", -1))

    def parse(row: list[Any]) -> ReplayRecord:
        bid, bid_lots, ask, ask_lots = (row[place] for place in places)
        return TickerRecord(ms_of(row[time_at]), units.px(bid), units.qty(bid_lots), units.px(ask), units.qty(ask_lots))

    return parse


def _top_levels(at: dict[str, int], units: Units) -> Parse:
    time_at = at.get("transaction_time", at.get("event_time", -1))
    depth = sum(1 for name in at if name.startswith("bid") and name.endswith("_price"))
    sides = [[(at[f"{side}{rank}_price"], at[f"{side}{rank}_qty"]) for rank in range(depth)] for side in ("bid", "ask")]

    def parse(row: list[Any]) -> ReplayRecord:
        bids, asks = (
            tuple((units.px(row[px]), units.qty(row[qty])) for px, qty in side if row[px] and row[qty])
            for side in sides
        )
        return BookRecord(ms_of(row[time_at]), bids, asks)

    return parse


def _differences(at: dict[str, int], units: Units) -> Parse:
    time_at = at.get("transaction_time", at.get("event_time", -1))
    id_at, side_at, px_at, qty_at = at["final_update_id"], at["side"], at["price"], at["qty"]

    def parse(row: list[Any]) -> ReplayRecord | None:
        side = int(row[side_at])
        if side < 0:
            return None  # an event without changes
        return ChangeRecord(
            ms_of(row[time_at]), int(row[id_at]), side == 1, units.px(row[px_at]), units.qty(row[qty_at])
        )

    return parse


def _merged(at: dict[str, int], units: Units) -> Parse:
    kind_at, side_at, px_at, qty_at = at["StreamType"], at["IsAsk"], at["Price"], at["Quantity"]
    received_at, id_at, maker_at = at["TimestampOfReceive"], at["FinalUpdateId"], at["IsBuyerMarketMaker"]

    def parse(row: list[Any]) -> ReplayRecord | None:
        ts_ms = ms_of(row[received_at])  # one receiver merged the streams, so only its clock orders them
        if "TRADE" in str(row[kind_at]):
            px, lots = units.px(row[px_at]), units.qty(row[qty_at])
            return TradeRecord(ts_ms, px, lots, true_of(row[maker_at]), single=True)
        if "DEPTH" not in str(row[kind_at]) or row[side_at] is None:
            return None
        last_id = row[id_at]
        number = int(last_id) if last_id is not None and last_id == last_id else 0
        return ChangeRecord(ts_ms, number, bool(row[side_at]), units.px(row[px_at]), units.qty(row[qty_at]))

    return parse


_PARSERS: dict[Kind, Callable[[dict[str, int], Units], Parse]] = {
    Kind.AGG_TRADES: _trades,
    Kind.TRADES: _trades,
    Kind.BOOK_TICKER: _ticker,
    Kind.TOP_LEVELS: _top_levels,
    Kind.DEPTH_DIFF: _differences,
    Kind.MERGED: _merged,
}


def raw_symbols(path: Path, looked_at: int = 2_000) -> set[str]:
    """The symbols among the first messages of a capture."""
    found: set[str] = set()
    for number, line in lines(path):
        message = _message(path, number, line)
        with Place(path, number):
            symbol = message.get("s") or message.get("o", {}).get("s")
        if symbol:
            found.add(str(symbol))
        if number >= looked_at:
            break
    return found


def _message(path: Path, number: int, line: str) -> dict[str, Any]:
    """The payload of one captured line; a REST answer between them is returned as it is."""
    with Place(path, number):
        message: Any = json.loads(line)
    for wrapping in ("msg", "data"):
        message = message.get(wrapping, message) if isinstance(message, dict) else None
    if not isinstance(message, dict):
        raise ConfigError(f"{path}: row {number} is not a message of a market stream")
    return message


def _raw_records(path: Path, symbol: str, units: Units) -> Iterator[ReplayRecord]:
    for number, line in lines(path):
        message = _message(path, number, line)
        with Place(path, number):
            found = _raw_message(message, symbol, units)
        yield from found


def _raw_message(message: dict[str, Any], symbol: str, units: Units) -> list[ReplayRecord]:
    """What one message means for one symbol; control answers and other streams mean nothing."""
    if "lastUpdateId" in message:
        at = ms_of(message.get("T") or message["E"])
        bids, asks = units.levels(message["bids"]), units.levels(message["asks"])
        return [SnapshotRecord(at, int(message["lastUpdateId"]), bids, asks)]
    order = message.get("o") if message.get("e") == "forceOrder" else None
    if order and order["s"] == symbol:
        return [ForcedRecord(ms_of(order["T"]), order["S"], units.px(order["p"]), units.qty(order["q"]))]
    if message.get("s") != symbol:
        return []
    match message.get("e"):
        case "depthUpdate":
            at, last_id = ms_of(message["T"]), int(message["u"])
            return [
                ChangeRecord(at, last_id, key == "a", units.px(px), units.qty(qty))
                for key in ("b", "a")
                for px, qty in message[key]
            ]
        case "trade" | "aggTrade" if message.get("X", "MARKET") == "MARKET" and float(message["q"]) > 0:
            px, lots = units.px(message["p"]), units.qty(message["q"])
            first, last = (int(message.get(name, message.get("t", -1))) for name in ("f", "l"))
            single = message["e"] == "trade"
            return [TradeRecord(ms_of(message["T"]), px, lots, bool(message["m"]), first, last, single)]
        case "bookTicker":
            bid, ask = units.px(message["b"]), units.px(message["a"])
            return [TickerRecord(ms_of(message["T"]), bid, units.qty(message["B"]), ask, units.qty(message["A"]))]
        case _:
            return []
