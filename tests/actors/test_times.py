"""Stage timers: the trail of a market event through the symbol's process, and on to the last byte of its order."""

import dataclasses
from decimal import Decimal

import msgspec
import pytest

from actors.symbol import CYCLE_MS, GAP_MS_MIN, GRACE_MS, until_cycle_ms
from actors.times import STAGES, TOTAL, TRAIL, MarketTimes, OrderTimes
from vortex.domain.commands import EnterTrade
from vortex.domain.envelope import Envelope, decode, encode
from vortex.domain.market import Depth, Trade, packed_levels
from vortex.domain.orders import Leg, OrderKind, OrderSpec, Side, TimeInForce
from vortex.domain.plans import TradePlan
from vortex.domain.signals import Strategy
from vortex.kernel.clock import ManualClock

START_NS = 1_000_000_000
TRADE = Trade(symbol="BTCUSDT", ts_ms=1, recv_ns=START_NS, agg_id=1, px=1.0, qty=1.0, buyer_is_maker=False)
DEPTH = Depth(
    symbol="BTCUSDT",
    ts_ms=1,
    recv_ns=START_NS,
    first_update_id=1,
    final_update_id=1,
    prev_update_id=0,
    levels=packed_levels((), ()),
)
PLAN = TradePlan(
    symbol="BTCUSDT",
    trade_no=3,
    side=Side.BUY,
    strategy=Strategy.MOMENTUM_RIDE,
    qty_lots=1,
    entry_px_ticks=100,
    stop_px_ticks=90,
    take_profit_px_ticks=110,
    trail_ticks=0,
    take_profit_share=60,
    entry_timeout_ms=1,
    max_hold_ms=1,
    leverage=1,
    confidence=1.0,
    final_score=1.0,
    size_usdt=Decimal(1),
    decided_ms=1,
)
SPEC = OrderSpec(
    client_order_id="v7-BTCUSDT-3-E0",
    symbol="BTCUSDT",
    trade_no=3,
    leg=Leg.ENTRY,
    attempt=0,
    side=Side.BUY,
    kind=OrderKind.LIMIT,
    time_in_force=TimeInForce.GTX,
)


@dataclasses.dataclass
class Process:
    """A symbol's process whose every step takes as long as the test says."""

    clock: ManualClock = dataclasses.field(default_factory=lambda: ManualClock(START_NS))

    def __post_init__(self) -> None:
        self.times = MarketTimes(self.clock, self.clock.mono)

    def hear(self, message: Trade | Depth, *steps: int) -> None:
        """Read a message and take it as far as the engines; `steps` are decode, feed, engines."""
        decode_ns, feed_ns, engines_ns = steps
        self.clock.advance(decode_ns)
        self.times.heard(message.recv_ns)
        self.clock.advance(feed_ns)
        self.times.checked()
        self.clock.advance(engines_ns)
        self.times.judged()

    def decide(self, decision_ns: int, risk_ns: int, record_ns: int = 1) -> EnterTrade:
        """Decide, explain and plan; the entry as it is sent."""
        self.clock.advance(decision_ns)
        self.times.stepped("decided")
        self.clock.advance(record_ns)
        self.times.stepped("explained")
        self.clock.advance(risk_ns)
        self.times.stepped("planned")
        return EnterTrade(plan=PLAN, trail=self.times.trail())


def counted(times: MarketTimes | OrderTimes) -> dict[str, list[int]]:
    """Durations of every timer that heard something."""
    return {name: one.percentiles_ns(1.0) for name, one in times.timings.of.items() if one.count}


def executor_after(command: EnterTrade, clock: ManualClock, *, near: bool = True) -> OrderTimes:
    """The executor's timers after that entry was approved, committed and sent, each step 10 ns apart from 1000 on."""
    times = OrderTimes(clock)
    clock.advance(1_000)
    arrived_ns = times.arrived()
    clock.advance(10)
    times.gated(command, arrived_ns, near=near)
    clock.advance(20)
    times.sending(SPEC)
    times.written(SPEC.client_order_id, clock.mono() + 30)
    return times


def test_an_order_is_timed_from_its_tick_to_its_last_byte_stage_by_stage() -> None:
    """The stages add up to the whole way, across the message that carries the trail."""
    process = Process()
    process.hear(TRADE, 11, 12, 13)
    sent = encode(Envelope(sender="s", epoch=1, session="s", seq=1, body=process.decide(14, 15, 16)))
    command = decode(sent).body
    assert isinstance(command, EnterTrade)
    assert len(command.trail) == TRAIL
    found = {name: values[0] for name, values in counted(executor_after(command, process.clock)).items()}
    assert found.pop(TOTAL) == pytest.approx(11 + 12 + 13 + 14 + 15 + 16 + 1_000 + 10 + 20 + 30, rel=0.02)
    assert found == {
        "decode": 11,
        "feed": 12,
        "engines": 13,
        "decision": 14,
        "record": 16,
        "risk": 15,
        "hop": pytest.approx(1_000, rel=0.02),
        "permit": 10,
        "journal": 20,
        "send": 30,
    }
    assert tuple(found) == STAGES


def test_an_entry_that_time_led_to_has_no_trail_and_is_counted_apart() -> None:
    """The last event before it did not cause it."""
    process = Process()
    process.hear(TRADE, 1, 1, 1)
    process.times.handled(TRADE)
    process.times.cycle_begins()
    command = process.decide(1, 1)
    process.times.cycle_ends()
    assert command.trail == ()
    times = executor_after(command, process.clock)
    assert counted(times) == {}
    assert times.untimed == 1


def test_an_event_of_no_use_leaves_no_trail() -> None:
    """A repeated trade is dropped before the engines; what a timer decides then is not its doing."""
    process = Process()
    process.times.heard(TRADE.recv_ns)
    process.times.dropped()
    assert process.decide(1, 1).trail == ()


def test_stamps_of_another_node_are_not_compared_with_ours() -> None:
    """Monotonic clocks of two machines have nothing in common."""
    process = Process()
    process.hear(TRADE, 1, 1, 1)
    times = executor_after(process.decide(1, 1), process.clock, near=False)
    assert counted(times) == {}
    assert times.untimed == 1


def test_events_are_timed_by_kind_and_those_that_decide_by_their_stages_alone() -> None:
    """A trade and a book count as such; one that led to a decision would say more of the decision than of itself."""
    process = Process()
    process.hear(TRADE, 5, 1, 2)
    process.clock.advance(3)
    process.times.handled(TRADE)
    assert counted(process.times) == {"decode": [5], "trade": [6]}
    process.clock.advance(100)
    process.times.heard(process.clock.unix() - 7)
    process.times.checked()
    process.clock.advance(9)
    process.times.judged()
    process.times.handled(DEPTH)
    assert counted(process.times) == {"decode": [7], "trade": [6], "depth": [9]}
    process.clock.advance(100)
    process.times.heard(process.clock.unix())
    process.times.checked()
    process.times.judged()
    process.decide(30, 40)
    process.times.handled(TRADE)
    assert process.times.timings.of["trade"].count == 1
    assert counted(process.times)["decision"] == [30]
    assert counted(process.times)["risk"] == [40]


def test_a_denied_entry_does_not_lend_its_trail_to_the_next() -> None:
    """The next trade number of the same symbol is another entry."""
    process = Process()
    process.hear(TRADE, 1, 1, 1)
    times = OrderTimes(process.clock)
    times.gated(process.decide(1, 1), times.arrived(), near=True)
    times.sending(msgspec.structs.replace(SPEC, trade_no=4))
    assert counted(times) == {}
    assert times.untimed == 1


def test_only_entries_are_timed() -> None:
    """A stop travels with its entry and is no order of the market event's making."""
    process = Process()
    process.hear(TRADE, 1, 1, 1)
    times = OrderTimes(process.clock)
    times.gated(process.decide(1, 1), times.arrived(), near=True)
    times.sending(msgspec.structs.replace(SPEC, leg=Leg.STOP))
    times.written(SPEC.client_order_id, 5)
    assert counted(times) == {}
    assert times.untimed == 0


def test_the_clock_comes_after_the_market_once_in_every_cycle() -> None:
    """Wherever we start, the next look is the grace after the end of a cycle, and never twice for the same one."""
    for now_ms in range(1_000, 1_000 + 2 * CYCLE_MS):
        wait_ms = until_cycle_ms(now_ms)
        assert (now_ms + wait_ms) % CYCLE_MS == GRACE_MS
        assert GAP_MS_MIN <= wait_ms < CYCLE_MS + GAP_MS_MIN
