"""Levels behind the visible ones: a thousand, static by price, told in small differences, eaten and refilled."""

import hashlib
from collections.abc import Iterator
from decimal import Decimal
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from vortex.exchange.book import Book
from vortex.exchange.deep_book import SHOWN_LEVELS_MAX, DeepLevels
from vortex.exchange.events import StreamEvent
from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.history import DeepProfile
from vortex.exchange.market_events import BookState, DeepState, MarketTrade
from vortex.exchange.venue import Venue

START_MS = 1_763_600_000_000
PROFILE = DeepProfile(99, 0.5, 400.0)
MARKET_DIGEST = "b7032099458ef59708af2e9823d2cae407e8e1bb5610c260d6d532b32bf673d3"


def near(touch: int, sign: int, levels: int = 10) -> tuple[tuple[int, int], ...]:
    """A dense near part that begins at this price."""
    return tuple((touch + sign * at, 50 + at) for at in range(levels))


def book_at(mid: int, profile: DeepProfile = PROFILE) -> Book:
    """A book with a near part round a price and deep levels behind it."""
    book = Book()
    book.deepen(DeepLevels(profile))
    book.replace(near(mid, -1), near(mid + 1, 1))
    return book


@pytest.mark.golden
def test_the_market_itself_did_not_change() -> None:
    """Prints and the best twenty levels of the default seed: what strategies find depends on them to the last lot."""
    digest = hashlib.sha256()
    for event in GeneratedMarket(7, ["BTCUSDT", "ETHUSDT"], START_MS).advance(START_MS + 120_000):
        if isinstance(event, BookState):
            digest.update(repr((event.ts_ms, event.symbol, event.bids[:20], event.asks[:20])).encode())
        elif isinstance(event, MarketTrade):
            seen = (event.ts_ms, event.symbol, event.px_ticks, event.qty_lots, event.buyer_is_maker)
            digest.update(repr(seen).encode())
    assert digest.hexdigest() == MARKET_DIGEST


@pytest.mark.property
@given(mid=st.integers(3_000, 2_000_000), limit=st.integers(1, SHOWN_LEVELS_MAX))
def test_a_side_is_in_order_and_as_deep_as_asked(mid: int, limit: int) -> None:
    """Near levels first, then deep ones, every price once and every quantity above zero."""
    book = book_at(mid)
    for side in (book.bids, book.asks):
        found = side.levels(limit)
        assert len(found) == limit
        assert all(side.sign * (worse[0] - better[0]) > 0 for better, worse in pairwise(found))
        assert all(lots > 0 for _, lots in found)
        assert found[:10] == [side.level(at) for at in range(min(limit, 10))]


def test_prices_end_above_zero() -> None:
    """A coin worth few ticks has few bids."""
    book = book_at(40)
    assert book.bids.levels(1_000)[-1][0] >= 1
    assert len(book.bids.levels(1_000)) < 40


@pytest.mark.property
@given(mid=st.integers(20_000, 900_000), step=st.integers(-300, 300))
def test_deep_levels_stand_still_while_the_market_moves(mid: int, step: int) -> None:
    """What both moments show beyond both near parts is the same."""
    before, after = book_at(mid), book_at(mid + step)
    for one, other in ((before.bids, after.bids), (before.asks, after.asks)):
        shared = set(dict(one.levels(1_000))) & set(dict(other.levels(1_000)))
        beyond = {px for px in shared if min(one.sign * (px - one.edge), one.sign * (px - other.edge)) > 0}
        assert beyond
        first, second = dict(one.levels(1_000)), dict(other.levels(1_000))
        assert all(first[px] == second[px] for px in beyond)


def test_depth_grows_as_a_power_of_the_distance() -> None:
    """About in proportion: twice as far, twice as much, as in recorded books of a thousand levels."""
    book = book_at(800_000, DeepProfile(5, 0.45, 420.0))
    levels = book.asks.levels(1_000)
    far = levels[-1][0] - levels[0][0]
    held = [sum(lots for px, lots in levels if px <= levels[0][0] + far * share) for share in (0.25, 0.5, 1.0)]
    assert 1.4 < held[1] / held[0] < 3.0
    assert 1.4 < held[2] / held[1] < 3.0


def test_takers_eat_deep_levels_until_the_next_state() -> None:
    """Behind an eaten near part the deep levels follow; the next state of the market restores them."""
    book = book_at(500_000)
    side = book.asks
    levels = side.levels(30)
    for px, lots in levels[:20]:
        assert side.best == px
        assert side.take(px, lots + 7) == lots
    assert side.levels(10) == levels[20:30]
    assert side.take(levels[20][0], 1) == 1
    assert side.levels(1)[0] == (levels[20][0], levels[20][1] - 1) or levels[20][1] == 1
    assert side.take(levels[0][0] + 10_000_000, 5) in range(6)
    book.replace(near(500_000, -1), near(500_001, 1))
    assert side.levels(30) == levels


def test_queues_are_followed_in_the_near_part_only() -> None:
    """What is known of queues does not reach into the deep part: the first sight of a level counts in full."""
    book = book_at(500_000)
    deep = book.bids.levels(40)[-1][0]
    assert not book.bids.visible(deep)
    assert book.bids.quantity_at(deep) == 0
    assert len(book.bids) == 10


def test_bands_fill_the_deep_levels_by_price() -> None:
    """Each stretch has its factor, the last one holds for all beyond."""
    book = book_at(500_000)
    plain = dict(book.asks.levels(500))
    ends = sorted(plain)
    book.band((), ((ends[100], 3.0), (ends[200], 0.5)))
    for place, (px, lots) in enumerate(book.asks.levels(500)):
        factor = 1.0 if place < 10 else 3.0 if place <= 100 else 0.5
        assert lots == pytest.approx(max(1, plain[px] * factor), abs=factor + 1)


class Reader:
    """A client that keeps its own book by the documented rule."""

    def __init__(self, snapshot: dict[str, Any]) -> None:
        self.last = snapshot["lastUpdateId"]
        self.sides = {name: dict(snapshot[long]) for name, long in (("b", "bids"), ("a", "asks"))}
        self.before: int | None = None

    def hear(self, event: dict[str, Any]) -> None:
        """Apply one difference; the chain must hold."""
        if event["u"] < self.last:
            return
        if self.before is None:
            assert event["U"] <= self.last <= event["u"]
        else:
            assert event["pu"] == self.before
        self.before = event["u"]
        for name, side in self.sides.items():
            for px, qty in event[name]:
                if float(qty):
                    side[px] = qty
                else:
                    side.pop(px, None)


def lived(market: GeneratedMarket, venue: Venue, from_ms: int, to_ms: int) -> Iterator[dict[str, Any]]:
    """Depth differences while the market goes on."""
    for moment in range(from_ms + 100, to_ms + 1, 100):
        events = [out for event in market.advance(moment) for out in venue.on_market(event, event.ts_ms)]
        for out in (*events, *venue.tick(moment)):
            if isinstance(out, StreamEvent):
                yield out.payload


def shown(venue: Venue, limit: int = 1_000) -> dict[str, Any]:
    """The book over REST."""
    body: dict[str, Any] = venue.request(
        "", "GET", "/fapi/v1/depth", {"symbol": "ETHUSDT", "limit": str(limit)}, venue.floor.now_ms
    ).body
    return body


@pytest.mark.property
@settings(max_examples=4, deadline=None)
@given(seed=st.integers(0, 1_000), jump=st.sampled_from([0.0, -0.4, 0.4]))
@example(seed=285, jump=0.0)
def test_a_readers_book_is_the_book(seed: int, jump: float) -> None:
    """A snapshot of a thousand levels and the differences after it give what the next snapshot says, jumps included."""
    market = GeneratedMarket(seed, ["ETHUSDT"], START_MS)
    venue = Venue(market.symbols, START_MS, impulse=market.impulse)
    venue.load(market.history("ETHUSDT"))
    venue.open_account("main", {"USDT": Decimal(100_000)})
    venue.subscribe("ethusdt@depth@100ms")
    list(lived(market, venue, START_MS, START_MS + 3_000))
    reader = Reader(shown(venue))
    assert len(reader.sides["b"]) == len(reader.sides["a"]) == 1_000
    if jump:
        market.impulse("ETHUSDT", jump)
    sizes = []
    for event in lived(market, venue, START_MS + 3_000, START_MS + 20_000):
        sizes.append(len(event["b"]) + len(event["a"]))
        reader.hear(event)
    now = shown(venue)
    for name, long in (("b", "bids"), ("a", "asks")):
        best = now[long][0][0]
        ahead = {px for px in reader.sides[name] if (float(px) > float(best)) == (name == "b") and px != best}
        assert not ahead, "nothing is left where the market has been"
        depth = dict(now[long][:400])
        assert {px: reader.sides[name].get(px) for px in depth} == depth
    assert sorted(sizes)[len(sizes) // 2] < 60, "an ordinary difference is small"


def test_a_large_order_goes_through_the_visible_part() -> None:
    """What thirty levels cannot give, the deep ones do; all of it is on the tape and off the book."""
    market = GeneratedMarket(7, ["ETHUSDT"], START_MS)
    venue = Venue(market.symbols, START_MS)
    venue.load(market.history("ETHUSDT"))
    venue.open_account("main", {"USDT": Decimal(100_000_000)})
    list(lived(market, venue, START_MS, START_MS + 1_000))
    near_lots = sum(float(qty) for _, qty in shown(venue)["asks"][:30])
    wanted = round(near_lots * 1.5, 1)
    order = {"symbol": "ETHUSDT", "side": "BUY", "type": "MARKET", "quantity": str(wanted)}
    answer = venue.request("main", "POST", "/fapi/v1/order", {**order, "newOrderRespType": "RESULT"}, START_MS + 1_000)
    assert answer.body["executedQty"] == f"{wanted:.3f}"
    assert len(shown(venue)["asks"]) > 900


def test_the_book_of_rpi_orders_is_as_deep() -> None:
    """Nobody posts such orders here, so both books are one."""
    market = GeneratedMarket(7, ["ETHUSDT"], START_MS)
    venue = Venue(market.symbols, START_MS)
    venue.load(market.history("ETHUSDT"))
    list(lived(market, venue, START_MS, START_MS + 500))
    body = venue.request("", "GET", "/fapi/v1/rpiDepth", {"symbol": "ETHUSDT", "limit": "1000"}, START_MS + 500).body
    assert body["bids"] == shown(venue)["bids"]
    assert len(body["bids"]) == 1_000


def test_a_state_of_the_deep_levels_reaches_readers() -> None:
    """When the deep part becomes fuller, readers of differences are told."""
    market = GeneratedMarket(7, ["ETHUSDT"], START_MS)
    venue = Venue(market.symbols, START_MS)
    venue.load(market.history("ETHUSDT"))
    venue.subscribe("ethusdt@depth@100ms")
    list(lived(market, venue, START_MS, START_MS + 1_000))
    reader = Reader(shown(venue))
    venue.on_market(DeepState(START_MS + 1_050, "ETHUSDT", ((1, 2.0),), ((10_000_000, 2.0),)), START_MS + 1_050)
    for event in lived(market, venue, START_MS + 1_000, START_MS + 2_000):
        reader.hear(event)
    depth = dict(shown(venue)["bids"][:500])
    assert {px: reader.sides["b"].get(px) for px in depth} == depth
