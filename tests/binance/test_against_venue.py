"""The whole adapter against the simulated exchange's own process: orders, stops, streams, faults."""

import asyncio
from decimal import Decimal

import aiohttp
import pytest
import pytest_asyncio

from vortex.adapters.binance.endpoints import Route, custom
from vortex.adapters.binance.remembered import Remembered
from vortex.adapters.binance.rest import RestClient
from vortex.adapters.binance.signing import Credentials
from vortex.adapters.binance.streams import MarketListener, MarketStreams
from vortex.adapters.binance.user_stream import UserStream
from vortex.adapters.binance.venue import BinanceVenue
from vortex.domain.market import BestQuote, Candle, Depth, Interval, MarkPrice, Trade
from vortex.domain.orders import Leg, OrderKind, OrderSpec, OrderState, Side, TimeInForce
from vortex.domain.outcomes import AccountReported, FillReported, OrderReported, UserStreamDown, UserStreamUp
from vortex.kernel.clock import SystemClock
from vortex.kernel.errors import OutcomeUnknown, RateLimited, VenueRejected
from vortex.kernel.rng import Rng

pytestmark = [pytest.mark.asyncio, pytest.mark.venue]
PATIENCE_S = 30
SYMBOLS = ("BTCUSDT", "ETHUSDT")


class Desk:
    """The adapter at work, with ids of its own per test."""

    def __init__(self, base: dict[str, str], key: str, secret: str, name: str) -> None:
        self.urls = custom(base["rest"], base["ws"])
        self.rest = RestClient(self.urls, SystemClock(), Credentials(key, secret))
        self.venue = BinanceVenue(self.rest, SYMBOLS)
        self.heard: asyncio.Queue[object] = asyncio.Queue()
        self.stream = UserStream(
            self.urls, self.rest, lambda: self.venue.known_instruments, Rng(1), self.heard.put_nowait, sleep=self.sleep
        )
        self.name = name
        self.sent = 0

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(min(seconds, 0.05) if seconds < 31 else seconds)

    async def control(self, method: str, path: str, body: object = None) -> object:
        """Speak to the simulated exchange's own controls."""
        async with (
            aiohttp.ClientSession() as session,
            session.request(method, f"{self.urls.rest}/sim/v1/{path}", json=body) as answer,
        ):
            assert answer.status == 200, await answer.text()
            return await answer.json()

    async def hear(self, wanted: type, until: object = lambda _: True) -> object:
        """The next event of a kind."""
        async with asyncio.timeout(PATIENCE_S):
            while True:
                event = await self.heard.get()
                if isinstance(event, wanted) and until(event):
                    return event

    async def best(self) -> tuple[int, int]:
        """Best bid and ask in ticks, roughly: the last trade, a little each way."""
        trade = (await self.venue.agg_trades("BTCUSDT", None, 1))[-1]
        tick = self.venue.known_instruments["BTCUSDT"].tick_size
        px_ticks = int(Decimal(str(trade.px)) / tick)
        return px_ticks - 1, px_ticks + 1

    def spec(self, **changes: object) -> OrderSpec:
        """An order with an id that no test uses twice."""
        self.sent += 1
        fields: dict[str, object] = {
            "client_order_id": f"t-{self.name}-{self.sent}",
            "symbol": "BTCUSDT",
            "trade_no": self.sent,
            "leg": Leg.ENTRY,
            "attempt": 1,
            "side": Side.BUY,
            "kind": OrderKind.MARKET,
            "time_in_force": TimeInForce.GTC,
            "qty_lots": 10,
        }
        return OrderSpec(**{**fields, **changes})

    async def submit(self, spec: OrderSpec):
        return await self.venue.submit(spec, self.venue.venue_ms())

    async def entry(self, **changes: object) -> OrderSpec:
        """A post-only bid two percent below the market, that rests."""
        bid, _ = await self.best()
        fields: dict[str, object] = {
            "kind": OrderKind.LIMIT,
            "time_in_force": TimeInForce.GTX,
            "px_ticks": int(bid * 0.98),
        }
        return self.spec(**{**fields, **changes})

    async def flatten(self) -> None:
        """No order, no position, no fault; one symbol at a time, because whole-account reads are dear."""
        await self.control("DELETE", "faults")
        await self.venue.cancel_all("BTCUSDT")
        for position in (await self.venue.snapshot(0, "BTCUSDT", self.venue.venue_ms())).positions:
            if position.qty_lots:
                side = Side.SELL if position.qty_lots > 0 else Side.BUY
                await self.submit(self.spec(side=side, qty_lots=abs(position.qty_lots), reduce_only=True))


@pytest_asyncio.fixture
async def desk(venue_process, request):
    """A connected adapter on a flat account."""
    from vortex.adapters.venue.settings import DEFAULT_KEY, DEFAULT_SECRET

    name = f"{abs(hash(request.node.name)) % 10**9}-{SystemClock().unix() // 10**6 % 10**8}"
    desk = Desk(venue_process, DEFAULT_KEY, DEFAULT_SECRET, name)
    task: asyncio.Task[None] | None = None
    try:
        await desk.venue.start()
        await desk.flatten()
        task = asyncio.create_task(desk.stream.run())
        await desk.hear(UserStreamUp)
        yield desk
        await desk.flatten()
    finally:
        if task is not None:
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
        await desk.venue.close()


async def test_history_and_polls_are_there_for_warm_up(desk):
    """Candles of every interval, trades without gap, and what no stream carries (E0-3, E0-5)."""
    for interval in Interval:
        candles = await desk.venue.candles("BTCUSDT", interval, 500)
        opens = [candle.open_ms for candle in candles]
        assert opens == list(range(opens[0], opens[0] + 500 * interval.ms, interval.ms))
        assert all(candle.closed for candle in candles[:-1])
    trades = await desk.venue.agg_trades("BTCUSDT", None, 1_500)
    ids = [trade.agg_id for trade in trades]
    assert ids == list(range(ids[0], ids[0] + 1_500))
    market = desk.venue.market
    assert (await market.open_interest("BTCUSDT")).quantity > 0
    assert len(await market.open_interest_history("BTCUSDT", 30)) == 30
    for top_traders in (False, True):
        assert 0 < (await market.account_ratios("BTCUSDT", top_traders=top_traders))[-1].long_share < 1
    assert (await market.premium("BTCUSDT")).next_funding_ms > desk.venue.venue_ms()
    assert await desk.venue.top_volume_symbol([]) in SYMBOLS


async def test_an_executor_that_is_reborn_within_a_minute_costs_a_fraction_of_the_first(desk, tmp_path):
    """What the exchange counted for a start: clock, instruments, modes, rates, and the two comparisons (S3-7)."""

    async def start() -> int:
        since = (await desk.control("GET", "ledger?kind=fault"))["sequence"]
        venue = BinanceVenue(desk.rest, SYMBOLS, Remembered(tmp_path / "account.json"))
        await desk.rest.sync_clock()
        await venue.instruments()
        await venue.ensure_account_modes(SYMBOLS)
        await venue.fee_rates(SYMBOLS)
        for token in (1, 2):
            await venue.snapshot(token, "", venue.venue_ms(), quick=True)
        asked = (await desk.control("GET", f"ledger?kind=request&since={since}"))["entries"]
        return sum(request["weight"] for request in asked)

    first, second = await start(), await start()
    assert first > 200
    assert second < 80


async def test_account_settings_can_be_made_and_read(desk):
    """Modes, leverage and fees; asking twice changes nothing."""
    for _ in range(2):
        await desk.venue.ensure_account_modes(SYMBOLS)
        await desk.venue.set_leverage("BTCUSDT", 7)
    maker, taker = (await desk.venue.fee_rates(["BTCUSDT"]))["BTCUSDT"]
    assert 0 < maker < taker < Decimal("0.001")
    await desk.venue.arm_dead_man("BTCUSDT", 60_000)
    await desk.venue.arm_dead_man("BTCUSDT", 0)
    assert (await desk.venue.balance()).wallet > 0


async def test_an_entry_rests_is_found_and_is_canceled(desk):
    """Accepted, reported, seen by query and snapshot, canceled; a second cancel is refused with -2011."""
    spec = await desk.entry()
    order = await desk.submit(spec)
    report = await desk.hear(OrderReported)
    found, fills = await desk.venue.query(spec.client_order_id, "BTCUSDT", is_algo=False)
    taken = await desk.venue.snapshot(1, "BTCUSDT", desk.venue.venue_ms() - 1_000)
    await desk.venue.cancel(spec.client_order_id, "BTCUSDT", is_algo=False)
    canceled = await desk.hear(OrderReported, lambda event: event.order.state is OrderState.CANCELED)
    with pytest.raises(VenueRejected) as caught:
        await desk.venue.cancel(spec.client_order_id, "BTCUSDT", is_algo=False)
    assert order.state is report.order.state is found.state is OrderState.ACCEPTED
    assert order.venue_order_id == report.order.venue_order_id == canceled.order.venue_order_id
    assert fills == ()
    assert [each.client_order_id for each in taken.orders] == [spec.client_order_id]
    assert caught.value.code == -2011


async def test_a_post_only_order_that_would_take_is_refused(desk):
    """-5022: nothing recorded, nothing on the stream, not found afterwards."""
    _, ask = await desk.best()
    spec = await desk.entry(px_ticks=int(ask * 1.01))
    with pytest.raises(VenueRejected) as caught:
        await desk.submit(spec)
    assert caught.value.code == -5022
    assert await desk.venue.query(spec.client_order_id, "BTCUSDT", is_algo=False) == (None, ())


async def test_a_round_trip_is_reported_and_reconciles(desk):
    """Fills on the stream equal fills over REST, by trade id and client id; position and wallet follow."""
    since_ms = desk.venue.venue_ms() - 1_000
    opening = desk.spec()
    await desk.submit(opening)
    mine = lambda event: event.fill.client_order_id == opening.client_order_id  # noqa: E731
    fill = await desk.hear(FillReported, mine)
    account = await desk.hear(AccountReported)
    while fill.order.state is not OrderState.FILLED:
        fill = await desk.hear(FillReported, mine)
    taken = await desk.venue.snapshot(2, "", since_ms)
    found, fills = await desk.venue.query(opening.client_order_id, "BTCUSDT", is_algo=False)
    await desk.submit(desk.spec(side=Side.SELL, reduce_only=True, leg=Leg.CLOSE))
    await desk.hear(FillReported, lambda event: event.fill.side is Side.SELL)
    flat = await desk.venue.snapshot(3, "BTCUSDT", since_ms)
    assert [position.qty_lots for position in taken.positions if position.qty_lots] == [10]
    assert account.positions
    assert (found.state, sum(each.qty_lots for each in fills)) == (OrderState.FILLED, 10)
    assert fill.fill in fills
    assert {each.venue_trade_id for each in fills} <= {each.venue_trade_id for each in taken.fills}
    assert all(each.client_order_id for each in taken.fills)
    assert not any(position.qty_lots for position in flat.positions)


async def test_a_stop_triggers_and_is_found_through_its_child(desk):
    """The child carries the stop's client id; the query of the stop shows the child's fill."""
    await desk.submit(desk.spec())
    bid, _ = await desk.best()
    stop = desk.spec(
        kind=OrderKind.STOP_MARKET,
        side=Side.SELL,
        qty_lots=0,
        close_position=True,
        trigger_ticks=int(bid * 0.997),
        leg=Leg.STOP,
    )
    placed = await desk.submit(stop)
    working, _ = await desk.venue.query(stop.client_order_id, "BTCUSDT", is_algo=True)
    open_stops = (await desk.venue.snapshot(1, "BTCUSDT", desk.venue.venue_ms())).orders
    await desk.control("POST", "market", {"symbol": "BTCUSDT", "jump_pct": -1.0})
    fill = await desk.hear(FillReported, lambda event: event.fill.client_order_id == stop.client_order_id)
    finished = await desk.hear(OrderReported, lambda event: event.order.is_algo and event.order.state.is_terminal)
    order, fills = await desk.venue.query(stop.client_order_id, "BTCUSDT", is_algo=True)
    assert placed.is_algo
    assert working.state is OrderState.ACCEPTED
    assert [each.client_order_id for each in open_stops] == [stop.client_order_id]
    assert open_stops[0].close_position
    assert not fill.order.is_algo
    assert finished.order.state is OrderState.FILLED
    assert order.child_order_id == fill.fill.venue_order_id == finished.order.child_order_id
    assert order.state is OrderState.FILLED
    assert fill.fill in fills


async def test_a_stop_past_its_trigger_is_refused(desk):
    """-2021: it would trigger at once."""
    await desk.submit(desk.spec())
    _, ask = await desk.best()
    stop = desk.spec(
        kind=OrderKind.STOP_MARKET, side=Side.SELL, qty_lots=0, close_position=True, trigger_ticks=int(ask * 1.02)
    )
    with pytest.raises(VenueRejected) as caught:
        await desk.submit(stop)
    assert caught.value.code == -2021


async def test_a_lost_answer_is_in_doubt_and_the_order_lives(desk):
    """Executed, but nobody told us: only the question by id settles it (S3-6)."""
    spec = await desk.entry()
    await desk.control(
        "POST", "faults", {"kind": "lost_response", "path": "/fapi/v1/order", "method": "POST", "count": 1}
    )
    with pytest.raises(OutcomeUnknown):
        await desk.submit(spec)
    await desk.control("DELETE", "faults")
    found, _ = await desk.venue.query(spec.client_order_id, "BTCUSDT", is_algo=False)
    with pytest.raises(OutcomeUnknown):
        await desk.submit(spec)
    assert found.state is OrderState.ACCEPTED


@pytest.mark.parametrize(
    ("status", "code", "text", "expected"),
    [
        (503, -1000, "Unknown error, please check your request or try again later.", OutcomeUnknown),
        (503, -1001, "Internal error; unable to process your request. Please try again.", RateLimited),
        (503, -1008, "Request throttled by system-level protection.", RateLimited),
        (502, 0, "Bad Gateway", OutcomeUnknown),
    ],
)
async def test_server_errors_are_told_apart(desk, status, code, text, expected):
    """What a 503 says about an order depends on its text."""
    body = f'{{"code":{code},"msg":"{text}"}}'
    fault = {"kind": "error", "path": "/fapi/v1/order", "method": "POST", "status": status, "body": body, "count": 1}
    await desk.control("POST", "faults", fault)
    with pytest.raises(expected):
        await desk.submit(await desk.entry())


async def test_market_streams_bring_every_kind_in_order(desk):
    """Trades contiguous, depth chained, twenty levels a side; a dropped socket comes back."""
    heard: asyncio.Queue[object] = asyncio.Queue()
    routes: list[tuple[str, Route]] = []
    listener = MarketListener(
        on_message=heard.put_nowait,
        on_up=lambda route: routes.append(("up", route)),
        on_down=lambda route, _: routes.append(("down", route)),
    )
    streams = MarketStreams(desk.urls, SYMBOLS, SystemClock(), Rng(2), listener, sleep=desk.sleep)
    task = asyncio.create_task(streams.run())
    kinds: set[type] = set()
    last_trade: dict[str, int] = {}
    last_depth: dict[str, int] = {}
    async with asyncio.timeout(PATIENCE_S):
        while not {Trade, Depth, BestQuote, Candle, MarkPrice} <= kinds or len(last_trade) < 2:
            message = await heard.get()
            kinds.add(type(message))
            if isinstance(message, Trade):
                assert last_trade.get(message.symbol, message.agg_id - 1) == message.agg_id - 1
                last_trade[message.symbol] = message.agg_id
            elif isinstance(message, Depth):
                assert last_depth.get(message.symbol, message.prev_update_id) == message.prev_update_id
                assert len(message.bids) == len(message.asks) == 20
                last_depth[message.symbol] = message.final_update_id
        await desk.control("POST", "faults", {"kind": "drop_ws", "stream": "aggTrade", "count": 1})
        while routes[-2:] != [("down", Route.MARKET), ("up", Route.MARKET)]:
            await heard.get()
    task.cancel()
    await asyncio.gather(task, return_exceptions=True)
    assert all(stats.violations == 0 for stats in streams.stats().values())


@pytest.mark.parametrize("silently", [False, True])
async def test_a_lost_listen_key_is_noticed_when_it_is_said(desk, silently):
    """With the event the stream comes back by itself; without it the next keepalive would find out."""
    await desk.control("POST", "listenKey", {"account": "main", "silently": silently})
    if silently:
        desk.stream._line.end("the test's own")
    await desk.hear(UserStreamDown)
    await desk.hear(UserStreamUp)
    await desk.submit(await desk.entry())
    assert (await desk.hear(OrderReported)).order.state is OrderState.ACCEPTED


async def test_a_skewed_clock_is_refused_once_and_then_measured(desk):
    """-1021 on an order is a refusal; the offset is measured anew and the next order passes."""
    await desk.control("POST", "faults", {"kind": "clock_skew_ms", "value": 5_000})
    spec = await desk.entry(qty_lots=11)
    with pytest.raises(VenueRejected) as caught:
        await desk.submit(spec)
    await desk.rest.sync_clock()
    order = await desk.submit(await desk.entry())
    await desk.control("DELETE", "faults")
    await desk.rest.sync_clock()
    assert caught.value.code in {-1021, -5028}
    assert order.state is OrderState.ACCEPTED


async def test_an_order_that_arrives_after_its_window_is_refused(desk):
    """The fence: whoever paused between stamp and wire cannot trade with the old stamp (decision 5)."""
    spec = await desk.entry()
    fault = {"kind": "delay_ms", "path": "/fapi/v1/order", "method": "POST", "value": 400, "count": 1}
    await desk.control("POST", "faults", fault)
    with pytest.raises(VenueRejected) as caught:
        await desk.venue.submit(spec, desk.venue.venue_ms() - 800)
    assert caught.value.code in {-1021, -5028}
    assert await desk.venue.query(spec.client_order_id, "BTCUSDT", is_algo=False) == (None, ())


async def test_an_entry_dies_with_its_dead_man_and_the_stop_stays(desk):
    """Silence past the countdown cancels resting entries and leaves protection alone (S3-8)."""
    await desk.submit(desk.spec())
    bid, _ = await desk.best()
    stop = desk.spec(
        kind=OrderKind.STOP_MARKET,
        side=Side.SELL,
        qty_lots=0,
        close_position=True,
        trigger_ticks=int(bid * 0.95),
        leg=Leg.STOP,
    )
    await desk.submit(stop)
    entry = await desk.entry()
    await desk.submit(entry)
    await desk.venue.arm_dead_man("BTCUSDT", 200)
    mine = entry.client_order_id
    await desk.hear(OrderReported, lambda event: event.order.client_order_id == mine and event.order.state.is_terminal)
    left = (await desk.venue.snapshot(1, "BTCUSDT", desk.venue.venue_ms())).orders
    assert [order.client_order_id for order in left] == [stop.client_order_id]
