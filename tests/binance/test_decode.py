"""Market frames: recorded ones, every kind of ours, and anything broken."""

import gzip
import json
import math

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.adapters.binance.decode import MarketDecoder
from vortex.domain.market import BestQuote, Candle, Depth, Interval, Liquidation, MarkPrice, Trade, packed_levels
from vortex.kernel.errors import RemoteViolation

AGG = {
    "e": "aggTrade",
    "E": 1794000000003,
    "s": "BTCUSDT",
    "a": 5001,
    "p": "100000.10",
    "q": "0.010",
    "nq": "0.010",
    "f": 1,
    "l": 2,
    "T": 1794000000000,
    "m": False,
    "st": 1,
}
KLINE = {
    "e": "kline",
    "E": 1794000000000,
    "s": "BTCUSDT",
    "k": {
        "t": 1793999940000,
        "T": 1793999999999,
        "s": "BTCUSDT",
        "i": "1m",
        "f": 1,
        "L": 9,
        "o": "99990.00",
        "c": "100000.00",
        "h": "100010.00",
        "l": "99980.00",
        "v": "12.345",
        "n": 9,
        "x": True,
        "q": "1234500.00",
        "V": "6.000",
        "Q": "600000.00",
        "B": "0",
    },
}
DEPTH = {
    "e": "depthUpdate",
    "E": 1794000000005,
    "T": 1794000000000,
    "s": "BTCUSDT",
    "ps": "BTCUSDT",
    "U": 1001,
    "u": 1010,
    "pu": 1000,
    "b": [["99999.90", "1.250"]],
    "a": [["100000.10", "0"]],
    "st": 1,
}
TICKER = {"e": "bookTicker", "u": 1010, "s": "BTCUSDT", "b": "1.1", "B": "2", "a": "1.2", "A": "3", "T": 1, "E": 2}
MARK = {"e": "markPriceUpdate", "E": 5, "s": "BTCUSDT", "p": "1.5", "P": "1", "i": "1.4", "r": "-0.0001", "T": 9}
FORCE = {
    "e": "forceOrder",
    "E": 7,
    "o": {"s": "BTCUSDT", "S": "SELL", "o": "LIMIT", "q": "0.014", "p": "99500.00", "ap": "99600.00", "X": "FILLED"},
}
EXPECTED = [
    (
        AGG,
        Trade(
            symbol="BTCUSDT", ts_ms=1794000000000, recv_ns=8, agg_id=5001, px=100000.1, qty=0.01, buyer_is_maker=False
        ),
    ),
    (
        DEPTH,
        Depth(
            symbol="BTCUSDT",
            ts_ms=1794000000005,
            recv_ns=8,
            first_update_id=1001,
            final_update_id=1010,
            prev_update_id=1000,
            levels=packed_levels([(99999.9, 1.25)], [(100000.1, 0.0)]),
        ),
    ),
    (
        TICKER,
        BestQuote(
            symbol="BTCUSDT", ts_ms=2, recv_ns=8, update_id=1010, bid_px=1.1, bid_qty=2.0, ask_px=1.2, ask_qty=3.0
        ),
    ),
    (
        MARK,
        MarkPrice(
            symbol="BTCUSDT", ts_ms=5, recv_ns=8, mark_px=1.5, index_px=1.4, funding_rate=-0.0001, next_funding_ms=9
        ),
    ),
    (FORCE, Liquidation(symbol="BTCUSDT", ts_ms=7, recv_ns=8, side="SELL", px=99600.0, qty=0.014)),
    (
        KLINE,
        Candle(
            symbol="BTCUSDT",
            ts_ms=1794000000000,
            recv_ns=8,
            interval=Interval.M1,
            open_ms=1793999940000,
            open=99990.0,
            high=100010.0,
            low=99980.0,
            close=100000.0,
            volume=12.345,
            quote_volume=1234500.0,
            trades=9,
            taker_buy_volume=6.0,
            closed=True,
        ),
    ),
]


@pytest.mark.parametrize(("wire", "expected"), EXPECTED, ids=[wire["e"] for wire, _ in EXPECTED])
@pytest.mark.parametrize("wrapped", [True, False])
def test_each_event_of_ours_becomes_its_message(wire, expected, wrapped):
    """Combined and bare frames say the same, in whatever key order."""
    event = dict(reversed(wire.items()))
    frame = json.dumps({"stream": "x", "data": event} if wrapped else event).encode()
    assert MarketDecoder().decode(frame, 8) == expected


@pytest.mark.parametrize(
    ("frame", "name"),
    [
        ({"result": None, "id": 1}, "reply"),
        ({"error": {"code": 2, "msg": "x"}, "id": 1}, "error reply"),
        ({"e": "tradingSession"}, "tradingSession"),
        ({"stream": "x", "data": {"e": "24hrTicker", "s": "BTCUSDT"}}, "24hrTicker"),
        ({"stream": "x", "data": {"u": 1, "s": "BNBUSDT", "b": "1"}}, "nameless"),
    ],
)
def test_what_was_not_asked_for_is_ignored_and_counted(frame, name):
    """New events appear without notice; a reader must survive them."""
    decoder = MarketDecoder()
    assert decoder.decode(json.dumps(frame).encode(), 0) is None
    assert decoder.ignored == {name: 1}


def test_a_candle_of_an_interval_we_do_not_keep_is_ignored():
    """The interval is a value of an enum that may grow."""
    frame = json.dumps(KLINE | {"k": KLINE["k"] | {"i": "2h"}}).encode()
    assert MarketDecoder().decode(frame, 0) is None


@pytest.mark.parametrize("value", ["nan", "inf", "-Infinity", "abc", "", None, {}])
@pytest.mark.parametrize("wrapped", [True, False])
def test_a_broken_field_is_named(value, wrapped):
    """The violation tells which field, so that a person can tell a change of protocol from noise."""
    event = AGG | {"p": value}
    frame = json.dumps({"stream": "x", "data": event} if wrapped else event).encode()
    with pytest.raises(RemoteViolation, match=r"aggTrade: .*\.p`"):
        MarketDecoder().decode(frame, 0)


@pytest.mark.parametrize("field", ["a", "T"])
@pytest.mark.parametrize("value", [2**63, -(2**63) - 1, 10**40])
def test_an_id_or_time_that_no_kernel_can_hold_is_refused(field, value):
    """It ends here, not in the middle of the engines."""
    with pytest.raises(RemoteViolation, match="aggTrade"):
        MarketDecoder().decode(json.dumps(AGG | {field: value}).encode(), 0)


@pytest.mark.property
@given(st.one_of(st.binary(max_size=60), st.recursive(st.none() | st.integers() | st.text(max_size=5), st.lists)))
def test_any_bytes_are_decoded_ignored_or_refused(frame):
    """Nothing but RemoteViolation ever comes out of the decoder."""
    raw = frame if isinstance(frame, bytes) else json.dumps(frame).encode()
    try:
        MarketDecoder().decode(raw, 0)
    except RemoteViolation:
        return


@pytest.mark.property
@given(
    key=st.sampled_from(sorted(AGG)),
    value=st.one_of(st.none(), st.floats(), st.integers(), st.text(max_size=6), st.booleans()),
)
def test_a_trade_with_any_one_field_replaced_is_sound_or_refused(key, value):
    """Whatever a single field becomes, no NaN and no infinity passes."""
    try:
        message = MarketDecoder().decode(json.dumps(AGG | {key: value}).encode(), 0)
    except RemoteViolation:
        return
    assert message is None or (math.isfinite(message.px) and math.isfinite(message.qty))


def test_every_recorded_frame_of_2021_decodes(shared_data):
    """Thirty seconds of four symbols, combined frames as they came."""
    lines = (shared_data / "payloads/ws_recorded/cryptofeed/BINANCE_FUTURES.ws.1.0").read_text().splitlines()
    frames = [line.partition(": ")[2].encode() for line in lines if ": {" in line]
    decoder = MarketDecoder()
    kinds = {type(decoder.decode(frame, 1)) for frame in frames}
    assert len(frames) > 500
    assert kinds == {Trade, Depth, BestQuote, Candle}
    assert not decoder.ignored


def test_the_recorded_session_of_2024_decodes_and_chains(shared_data):
    """Eight minutes of BTCUSDT: the depth updates chain, and only the raw trades and one REST snapshot are not ours."""
    path = shared_data / "market/l2_20240718/BTCUSDT-raw-ws-20240718T2357_20240719T0005.jsonl.gz"
    decoder = MarketDecoder()
    decoded: dict[type, int] = {}
    previous = None
    with gzip.open(path, "rb") as lines:
        for count, line in enumerate(lines):
            if count == 20_000:
                break
            message = decoder.decode(bytes(msgspec.json.decode(line, type=dict[str, msgspec.Raw])["msg"]), 1)
            decoded[type(message)] = decoded.get(type(message), 0) + 1
            if isinstance(message, Depth):
                assert previous in (None, message.prev_update_id)
                previous = message.final_update_id
    assert decoded[Depth] > 1_000
    assert decoded[BestQuote] > 1_000
    assert set(decoder.ignored) <= {"trade", "reply"}


def test_recorded_book_tickers_of_spot_are_not_mistaken_for_ours(shared_data):
    """Spot's has no event name."""
    recorded = json.loads((shared_data / "payloads/ws_recorded/metacodi/examples-market-ws.json").read_text())
    decoder = MarketDecoder()
    decoded = {name: decoder.decode(json.dumps(frame).encode(), 0) for name, frame in recorded.items()}
    assert isinstance(decoded["rawBookTickerFutures"], BestQuote)
    assert isinstance(decoded["streamBookTickerFutures"], BestQuote)
    assert decoded["rawBookTicker"] is None
