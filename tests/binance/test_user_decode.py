"""User-data frames: recorded account events, linking of stops and children, and nothing lost."""

import json
from decimal import Decimal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.adapters.binance import rest_wire, translate
from vortex.adapters.binance.instruments import to_instrument
from vortex.adapters.binance.user_decode import ListenKeyExpired, UserDecoder
from vortex.domain.orders import OrderKind, OrderState, Side
from vortex.domain.outcomes import AccountReported, FillReported, OrderReported
from vortex.kernel.errors import RemoteViolation

BODY = {
    "s": "BTCUSDT",
    "c": "v7-1",
    "S": "BUY",
    "o": "LIMIT",
    "f": "GTX",
    "q": "0.010",
    "p": "100000",
    "ap": "0",
    "sp": "0",
    "x": "NEW",
    "X": "NEW",
    "i": 700000001,
    "l": "0",
    "z": "0",
    "L": "0",
    "T": 1794000000000,
    "t": 0,
    "m": False,
    "R": False,
    "ps": "BOTH",
    "cp": False,
    "rp": "0",
    "er": "0",
}
FILLED = {
    "x": "TRADE",
    "X": "FILLED",
    "l": "0.010",
    "z": "0.010",
    "L": "100000.0",
    "ap": "100000",
    "n": "0.2",
    "N": "USDT",
    "t": 900000001,
    "m": True,
}
ALGO = {
    "caid": "v7-S",
    "aid": 4000000000000001,
    "at": "CONDITIONAL",
    "o": "STOP_MARKET",
    "s": "BTCUSDT",
    "S": "SELL",
    "ps": "BOTH",
    "f": "GTC",
    "q": "0.010",
    "X": "NEW",
    "ai": "",
    "tp": "95000",
    "p": "0",
    "cp": False,
    "R": True,
    "tt": 0,
    "gtd": 0,
}


def order_event(**changes: object) -> bytes:
    """ORDER_TRADE_UPDATE with the changes."""
    return json.dumps({"e": "ORDER_TRADE_UPDATE", "T": 1, "E": 2, "o": BODY | changes}).encode()


def algo_event(**changes: object) -> bytes:
    """ALGO_UPDATE with the changes."""
    return json.dumps({"e": "ALGO_UPDATE", "T": 1794000000000, "E": 2, "o": ALGO | changes}).encode()


@pytest.mark.parametrize(
    ("execution", "status", "state"),
    [
        ("NEW", "NEW", OrderState.ACCEPTED),
        ("CANCELED", "CANCELED", OrderState.CANCELED),
        ("EXPIRED", "EXPIRED", OrderState.EXPIRED),
        ("EXPIRED", "EXPIRED_IN_MATCH", OrderState.EXPIRED),
        ("AMENDMENT", "PARTIALLY_FILLED", OrderState.PARTIALLY_FILLED),
        ("REJECTED", "REJECTED", OrderState.REJECTED),
    ],
)
def test_an_order_event_without_a_fill_is_the_orders_new_state(known, execution, status, state):
    """The exchange's states map to ours by table."""
    message = UserDecoder().decode(order_event(x=execution, X=status, er="4"), known)
    assert isinstance(message, OrderReported)
    assert (message.order.state, message.order.reason) == (state, "er 4")


def test_a_fill_carries_its_order(known):
    """Ticks, lots, fee and maker flag, and the order as it is after the fill."""
    message = UserDecoder().decode(order_event(**FILLED), known)
    assert isinstance(message, FillReported)
    assert (message.fill.venue_trade_id, message.fill.qty_lots, message.fill.px_ticks) == (900000001, 10, 1_000_000)
    assert (message.fill.fee, message.fill.fee_asset, message.fill.is_maker) == (Decimal("0.2"), "USDT", True)
    assert (message.order.state, message.order.executed_lots) == (OrderState.FILLED, 10)


def test_a_fill_without_commission_fields_costs_nothing(known):
    """They are absent when there is no commission."""
    body = {name: value for name, value in (BODY | FILLED).items() if name not in {"n", "N"}}
    message = UserDecoder().decode(json.dumps({"e": "ORDER_TRADE_UPDATE", "T": 1, "E": 2, "o": body}).encode(), known)
    assert isinstance(message, FillReported)
    assert (message.fill.fee, message.fill.fee_asset) == (Decimal(0), "USDT")


def test_a_liquidation_is_a_fill_of_an_order_we_did_not_send(known):
    """x is CALCULATED, the client id begins with autoclose-, the price need not lie on the tick."""
    frame = order_event(**FILLED | {"x": "CALCULATED", "c": "autoclose-1", "o": "LIQUIDATION", "L": "99999.97"})
    message = UserDecoder().decode(frame, known)
    assert isinstance(message, FillReported)
    assert (message.order.reason, message.fill.px_ticks) == ("TYPE LIQUIDATION", 1_000_000)


def test_the_child_of_a_stop_keeps_the_stops_client_id(known):
    """Its own order id, is_algo false: the engine links the two by client id."""
    frame = order_event(**FILLED | {"c": "v7-S", "i": 700000002, "o": "MARKET", "S": "SELL"})
    message = UserDecoder().decode(frame, known)
    assert isinstance(message, FillReported)
    assert (message.order.client_order_id, message.order.venue_order_id, message.order.is_algo) == (
        "v7-S",
        700000002,
        False,
    )
    assert message.order.kind is OrderKind.MARKET


@pytest.mark.parametrize(
    ("changes", "state", "child", "reason"),
    [
        ({}, OrderState.ACCEPTED, 0, ""),
        ({"X": "TRIGGERING"}, OrderState.ACCEPTED, 0, "TRIGGERED"),
        ({"X": "TRIGGERED", "ai": "700000002"}, OrderState.ACCEPTED, 700000002, "TRIGGERED"),
        ({"X": "FINISHED", "ai": "700000002", "aq": "0.010", "ap": "94990"}, OrderState.FILLED, 700000002, ""),
        ({"X": "FINISHED", "ai": "700000002", "aq": "0", "ap": "0"}, OrderState.EXPIRED, 700000002, ""),
        ({"X": "FINISHED", "ai": "700000002"}, OrderState.FILLED, 700000002, ""),
        ({"X": "CANCELED"}, OrderState.CANCELED, 0, ""),
        ({"X": "REJECTED", "rm": "Margin is insufficient."}, OrderState.REJECTED, 0, "Margin is insufficient."),
        ({"X": "EXPIRED"}, OrderState.EXPIRED, 0, ""),
    ],
)
def test_a_conditional_order_goes_through_its_states(known, changes, state, child, reason):
    """The trigger names the child; a refusal at the trigger is told here only."""
    message = UserDecoder().decode(algo_event(**changes), known)
    assert isinstance(message, OrderReported)
    order = message.order
    assert (order.client_order_id, order.is_algo, order.side, order.trigger_ticks) == ("v7-S", True, Side.SELL, 950_000)
    assert (order.state, order.child_order_id, order.reason) == (state, child, reason)


def test_an_account_event_is_partial(known):
    """Changed positions and the quote wallet; other assets say nothing of it."""
    body = {
        "m": "ORDER",
        "B": [{"a": "BNB", "wb": "1"}, {"a": "USDT", "wb": "9999.5", "cw": "9999.5", "bc": "0"}],
        "P": [{"s": "BTCUSDT", "pa": "-0.010", "ep": "100000.0", "ps": "BOTH"}],
    }
    message = UserDecoder().decode(json.dumps({"e": "ACCOUNT_UPDATE", "T": 9, "E": 9, "a": body}).encode(), known)
    assert isinstance(message, AccountReported)
    assert (message.wallet, message.reason) == ("9999.5", "ORDER")
    assert [(position.symbol, position.qty_lots) for position in message.positions] == [("BTCUSDT", -10)]


def test_trade_lite_and_other_events_are_counted_and_ignored(known):
    """A fill comes again, complete, as ORDER_TRADE_UPDATE."""
    decoder = UserDecoder()
    for name in ("TRADE_LITE", "ACCOUNT_CONFIG_UPDATE", "MARGIN_CALL", "SOMETHING_NEW"):
        assert decoder.decode(json.dumps({"e": name, "E": 1}).encode(), known) is None
    assert set(decoder.ignored) == {"TRADE_LITE", "ACCOUNT_CONFIG_UPDATE", "MARGIN_CALL", "SOMETHING_NEW"}


def test_key_expiry_is_told(known):
    """The socket stays open and says nothing more."""
    frame = b'{"e":"listenKeyExpired","E":1,"listenKey":"k"}'
    assert UserDecoder().decode(frame, known) == ListenKeyExpired()


@pytest.mark.parametrize(
    "frame",
    [
        order_event(X="PONDERING"),
        order_event(s="NOSUCHUSDT"),
        order_event(q="NaN"),
        order_event(z="0.0005"),
        order_event(i="seven"),
        algo_event(ai="x7"),
        b"not json",
        b'{"e":"ACCOUNT_UPDATE","T":1,"a":{"m":"ORDER","P":[{"s":"BTCUSDT","pa":"1","ep":"1","ps":"LONG"}]}}',
    ],
)
def test_an_account_event_that_makes_no_sense_is_a_violation(known, frame):
    """It must not vanish: the stream announces a gap for it."""
    with pytest.raises(RemoteViolation):
        UserDecoder().decode(frame, known)


@pytest.mark.property
@given(
    key=st.sampled_from(sorted(BODY)),
    value=st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=6), st.booleans()),
)
def test_an_order_event_with_any_one_field_replaced_is_sound_or_refused(key, value):
    """Nothing but RemoteViolation comes out, whatever a field becomes."""
    instrument = msgspec.convert(INFO, rest_wire.SymbolInfo, strict=False)
    try:
        UserDecoder().decode(order_event(**{key: value}), {"BTCUSDT": to_instrument(instrument)})
    except RemoteViolation:
        return


@pytest.mark.parametrize("wrapped", [True, False])
def test_every_recorded_account_event_decodes(shared_data, any_symbol, wrapped):
    """A real account's week of March 2026, after the move of conditional orders, raw and combined."""
    decoder = UserDecoder()
    names: list[str] = []
    for path in sorted((shared_data / "payloads/ws_recorded/lean_user_stream").glob("*.jsonl")):
        for line in path.read_text().splitlines():
            event = json.loads(line)
            frame = json.dumps({"stream": "key", "data": event}).encode() if wrapped else line.encode()
            message = decoder.decode(frame, any_symbol)
            names.append(event["e"])
            assert (message is None) == (event["e"] == "CONDITIONAL_ORDER_TRIGGER_REJECT")
    assert {"ORDER_TRADE_UPDATE", "ALGO_UPDATE"} <= set(names)


def test_recorded_account_updates_decode(shared_data, any_symbol):
    """Raw-key examples of deposits, withdrawals and orders; spot's events among them are ignored."""
    recorded = json.loads((shared_data / "payloads/ws_recorded/metacodi/examples-user-ws.json").read_text())
    decoder = UserDecoder()
    seen = [decoder.decode(json.dumps(event).encode(), any_symbol) for event in recorded.values()]
    assert any(isinstance(message, AccountReported) for message in seen)


INFO = {
    "symbol": "BTCUSDT",
    "contractType": "PERPETUAL",
    "status": "TRADING",
    "baseAsset": "BTC",
    "quoteAsset": "USDT",
    "filters": [
        {"filterType": "PRICE_FILTER", "minPrice": "10", "maxPrice": "4529764", "tickSize": "0.10"},
        {"filterType": "LOT_SIZE", "minQty": "0.001", "maxQty": "1000", "stepSize": "0.001"},
    ],
}


def test_every_state_of_the_exchange_has_one_of_ours():
    """The tables cover the documented statuses."""
    assert {"NEW", "PARTIALLY_FILLED", "FILLED", "CANCELED", "EXPIRED", "EXPIRED_IN_MATCH"} <= set(
        translate.ORDER_STATES
    )
    assert set(translate.ALGO_STATES) == {
        "NEW",
        "TRIGGERING",
        "TRIGGERED",
        "FINISHED",
        "CANCELED",
        "REJECTED",
        "EXPIRED",
    }
