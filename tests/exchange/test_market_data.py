"""Public data: candles, tape, books and their streams, statistics."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vortex.exchange.candles import INTERVALS_MS, Candles
from vortex.exchange.events import StreamEvent
from vortex.exchange.market_events import BookState, LiquidationPrint
from vortex.exchange.streams import MARKET, PUBLIC, parse

START_MS = 1_794_000_000_000
TRADES = st.lists(
    st.tuples(st.integers(0, 400_000), st.integers(900, 1_100), st.integers(1, 50), st.booleans()), max_size=60
)


@given(TRADES)
@pytest.mark.property
def test_longer_candles_are_the_sum_of_the_minutes_they_hold(steps: list[tuple[int, int, int, bool]]) -> None:
    """Every interval tells the same volume, trades, extremes and ends as its minutes, the open one included."""
    candles, now = Candles(START_MS, 1_000), START_MS
    for number, (wait, px, lots, bought) in enumerate(steps):
        now += wait
        candles.roll(now)
        candles.minute.add(px, lots, bought, number)
    minutes = candles.rows("1m", None, None, 100_000)
    for interval in ("3m", "5m", "15m", "1h", "4h", "1d"):
        length = INTERVALS_MS[interval]
        for bar in candles.rows(interval, None, None, 100_000):
            inside = [each for each in minutes if bar.open_ms <= each.open_ms < bar.open_ms + length]
            assert bar.volume == sum(each.volume for each in inside)
            assert bar.trades == sum(each.trades for each in inside)
            assert bar.high == max(each.high for each in inside)
            assert bar.low == min(each.low for each in inside)
            assert (bar.open, bar.close) == (inside[0].open, inside[-1].close)


def test_candles_without_trades_repeat_the_last_close(stand: Any) -> None:
    """A quiet minute is a flat candle, and the newest row is the open one."""
    stand.trade(800_500, 3, sold=False)
    stand.tick(150_000)
    rows = stand.ask_for("GET", "/fapi/v1/klines", symbol="BTCUSDT", interval="1m").body
    assert len(rows) == 3
    assert rows[0][4] == rows[2][1] == "80050.00"
    assert [row[8] for row in rows] == [1, 0, 0]
    assert len(rows[0]) == 12


@pytest.mark.parametrize(
    ("path", "params", "code"),
    [
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "7m"}, -1120),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "limit": "1501"}, -1130),
        ("/fapi/v1/klines", {"symbol": "NOPE", "interval": "1m"}, -1121),
        ("/fapi/v1/depth", {"symbol": "BTCUSDT", "limit": "7"}, -4021),
        ("/fapi/v1/klines", {"symbol": "BTCUSDT", "interval": "1m", "startTime": "5", "endTime": "4"}, -1023),
        ("/futures/data/openInterestHist", {"symbol": "BTCUSDT", "period": "1m"}, -1130),
    ],
)
def test_bad_questions_have_their_codes(stand: Any, path: str, params: dict[str, str], code: int) -> None:
    """The documented refusals of the public endpoints."""
    assert stand.ask_for("GET", path, **params).body["code"] == code


def test_a_closed_candle_is_announced_once_with_its_last_word(stand: Any) -> None:
    """`x` is true exactly once per candle."""
    stand.venue.subscribe("btcusdt@kline_1m")
    stand.trade(800_500, 3, sold=False)
    events = stand.tick(60_000) + stand.tick(30_000)
    closed = [event.payload["k"] for event in events if event.payload["k"]["x"]]
    assert [(candle["t"], candle["v"]) for candle in closed] == [(START_MS, "0.003")]


class LocalBook:
    """A client's book, kept by the documented futures rule."""

    def __init__(self) -> None:
        self.bids: dict[str, str] = {}
        self.asks: dict[str, str] = {}
        self.last = 0
        self.started = False

    def snapshot(self, body: dict[str, Any]) -> None:
        """Begin from a REST snapshot."""
        self.bids, self.asks = dict(body["bids"]), dict(body["asks"])
        self.last, self.started = body["lastUpdateId"], False

    def apply(self, event: dict[str, Any]) -> None:
        """One diff event; asserts the chain that the documentation promises."""
        if event["u"] < self.last:
            return
        if self.started:
            assert event["pu"] == self.last
        else:
            assert event["U"] <= self.last <= event["u"]
            self.started = True
        for side, changes in ((self.bids, event["b"]), (self.asks, event["a"])):
            for px, qty in changes:
                if float(qty) == 0:
                    side.pop(px, None)
                else:
                    side[px] = qty
        self.last = event["u"]


BOOKS = st.lists(
    st.tuples(st.integers(-5, 5), st.integers(1, 3), st.integers(1, 9), st.sampled_from([30, 100, 270])),
    min_size=1,
    max_size=25,
)


@given(BOOKS, st.sampled_from(["@0ms", "@100ms", "", "@500ms"]), st.integers(0, 20))
@settings(deadline=None)
@pytest.mark.property
def test_snapshot_and_diffs_rebuild_the_book(steps: list[tuple[int, int, int, int]], speed: str, join: int) -> None:
    """Joining at any moment, a client that follows the rule holds the published book, our orders included."""
    stand = NEW_STAND()
    local, events = LocalBook(), list[Any]()
    stand.venue.subscribe(f"btcusdt@depth{speed}")
    for number, (shift, gap, lots, wait) in enumerate(steps):
        if number == min(join, len(steps) - 1):
            stand.order(price="79990", quantity="0.007")
            local.snapshot(stand.ask_for("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=1000).body)
        events += stand.book(bid=800_000 + shift, ask=800_000 + shift + gap, lots=lots)
        events += stand.tick(wait)
    events += stand.tick(1_000)
    for event in events:
        if isinstance(event, StreamEvent):
            local.apply(event.payload)
    final = stand.ask_for("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=1000).body
    assert local.bids == dict(final["bids"])
    assert local.asks == dict(final["asks"])


@pytest.fixture(autouse=True, scope="module")
def _factory(request: pytest.FixtureRequest) -> None:
    """The generated books need a fresh exchange each."""
    global NEW_STAND
    NEW_STAND = type(request.getfixturevalue("shared_stand"))


NEW_STAND: Any = None


def test_our_own_orders_are_in_the_published_book(stand: Any) -> None:
    """What rests here is visible to everybody, and gone when it is canceled."""
    stand.order(price="80000.0", quantity="0.007")
    assert stand.ask_for("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=5).body["bids"][0] == ["80000.00", "1.007"]
    stand.ask_for("DELETE", "/fapi/v1/allOpenOrders", symbol="BTCUSDT")
    assert stand.ask_for("GET", "/fapi/v1/depth", symbol="BTCUSDT", limit=5).body["bids"][0] == ["80000.00", "1.000"]


def test_our_taking_is_on_the_public_tape(stand: Any) -> None:
    """A taker's trade carries the same id on the tape and on the user stream."""
    stand.venue.subscribe("btcusdt@aggTrade")
    response = stand.market("BUY")
    public = [each.payload for each in response.events if isinstance(each, StreamEvent)]
    mine = stand.account.fills[-1]
    assert [(each["l"], each["m"]) for each in public] == [(mine.trade_id, False)]


def test_the_largest_liquidation_of_a_second_is_told(stand: Any) -> None:
    """One forceOrder per symbol and second, the largest."""
    stand.venue.subscribe("btcusdt@forceOrder")
    for lots in (5, 90, 20):
        stand.venue.on_market(LiquidationPrint(stand.now, "BTCUSDT", "SELL", 799_000, lots), stand.now)
    events = stand.tick(1_000)
    assert [each.payload["o"]["q"] for each in events] == ["0.090"]


def test_periodic_streams_keep_their_pace(stand: Any) -> None:
    """markPrice@1s speaks every second, whatever the size of the steps below it."""
    stand.venue.subscribe("btcusdt@markPrice@1s")
    told = sum(len(stand.tick(50)) for _ in range(200))
    assert 10 <= told <= 11


def test_unsubscribed_streams_are_silent_and_cost_nothing(stand: Any) -> None:
    """Two subscribers need two goodbyes."""
    stand.venue.subscribe("btcusdt@aggTrade")
    stand.venue.subscribe("btcusdt@aggTrade")
    stand.venue.unsubscribe("btcusdt@aggTrade")
    assert stand.trade(800_000, 1, sold=True)
    stand.venue.unsubscribe("btcusdt@aggTrade")
    assert not stand.trade(800_000, 1, sold=True)


@pytest.mark.parametrize(
    ("name", "kind", "route"),
    [
        ("btcusdt@depth", "depth", PUBLIC),
        ("btcusdt@depth@0ms", "depth", PUBLIC),
        ("btcusdt@depth20@100ms", "partial_depth", PUBLIC),
        ("btcusdt@bookTicker", "bookTicker", PUBLIC),
        ("btcusdt@trade", "trade", PUBLIC),
        ("btcusdt@aggTrade", "aggTrade", MARKET),
        ("btcusdt@kline_15m", "kline", MARKET),
        ("btcusdt@markPrice@1s", "markPrice", MARKET),
        ("btcusdt_perpetual@continuousKline_1m", "continuous_kline", MARKET),
        ("!forceOrder@arr", "all_liquidations", MARKET),
    ],
)
def test_each_stream_belongs_to_its_route(name: str, kind: str, route: str) -> None:
    """The table of 1.1."""
    stream = parse(name)
    assert stream is not None
    assert (stream.kind, stream.route) == (kind, route)


@pytest.mark.parametrize("name", ["BTCUSDT@aggTrade", "btcusdt@depth7", "btcusdt@kline_7m", "0", "", "btcusdt"])
def test_names_that_are_no_streams_are_none(name: str) -> None:
    """Upper case, wrong depth, wrong interval, an index."""
    assert parse(name) is None


def test_every_public_endpoint_answers(stand: Any) -> None:
    """Nothing public fails on a young exchange."""
    stand.venue.on_market(BookState(stand.now, "ETHUSDT", ((300_000, 5),), ((300_001, 5),)), stand.now)
    extra = {"interval": "1m", "period": "5m", "contractType": "PERPETUAL"}
    for (method, path), endpoint in stand.venue.gate._endpoints.items():
        if endpoint.security in ("none", "key") and method == "GET":
            symbol = "USDTUSD" if path.endswith("/assetIndex") else "BTCUSDT"
            answer = stand.ask_for(method, path, symbol=symbol, pair="BTCUSDT", **extra)
            assert answer.status == 200 or answer.body["code"] == -1020, path


def test_every_signed_read_answers(stand: Any) -> None:
    """Nothing an account may read fails on a fresh account."""
    for (method, path), endpoint in stand.venue.gate._endpoints.items():
        if endpoint.security == "signed":
            answer = stand.ask_for(method, path, symbol="BTCUSDT", orderId=1, algoId=1)
            assert answer.status == 200 or answer.body["code"] in (-2013, -1020), path
