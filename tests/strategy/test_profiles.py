"""Profiles: drill trades every few seconds on any moving market, conservative never dares more than default."""

from collections import Counter
from decimal import Decimal

import pytest

from vortex.domain.events import AccountView
from vortex.domain.instruments import Instrument
from vortex.domain.plans import TradePlan
from vortex.domain.signals import Action
from vortex.kernel.clock import SystemClock
from vortex.risk.plan import plan_trade
from vortex.risk.settings import CONSERVATIVE_RISK, DEFAULT_RISK, DRILL_RISK
from vortex.signals.board import SignalBoard
from vortex.signals.generated import generate_history, generate_market
from vortex.signals.settings import CONSERVATIVE_SIGNALS, DEFAULT_SIGNALS, DRILL_SIGNALS
from vortex.strategy.decision import Decider, DecisionContext
from vortex.strategy.settings import CONSERVATIVE_DECISION, DEFAULT_DECISION, DRILL_DECISION
from vortex.strategy.speed import measure

ACCOUNT = AccountView(
    equity=Decimal(10_000),
    available=Decimal(10_000),
    margin_used=Decimal(0),
    maker_rate=Decimal("0.0002"),
    taker_rate=Decimal("0.0005"),
    open_positions=0,
    pnl_today=Decimal(0),
    day_open_equity=Decimal(10_000),
    loss_streak=0,
    closed_trades=0,
    win_rate=0.0,
    payoff=0.0,
)


def instrument() -> Instrument:
    """BTCUSDT as it is listed."""
    return Instrument(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        tick_size=Decimal("0.1"),
        step_size=Decimal("0.001"),
        min_price=Decimal("556.8"),
        max_price=Decimal(4_529_764),
        min_lots=1,
        max_lots=1_000_000,
        market_max_lots=120_000,
        min_notional=Decimal(100),
    )


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_drill_finds_an_entry_every_few_seconds(seed: int) -> None:
    """Ten minutes of a generated market: plans of both sides, and often."""
    market = generate_market(600 * 150, seed)
    board = SignalBoard(DRILL_SIGNALS, instrument())
    board.warm_up(generate_history("BTCUSDT", int(market.events["ts_ms"][0]), seed))
    decider = Decider(board, DRILL_DECISION)
    at, plans, refused, entries = 0, Counter(), Counter(), []
    while at < len(market.events):
        at = board.apply_batch(market.events, market.books, market.candles, at)
        if not board.reasons:
            continue
        now = board.cycle_ms
        if entries and now - entries[-1] < 1_000:
            continue
        decision = decider.decide(DecisionContext(feed_warm=board.is_warm(now)), now)
        if decision.action is Action.NO_TRADE:
            continue
        plan = plan_trade(decision, board, instrument(), ACCOUNT, DRILL_RISK, len(entries) + 1, now)
        if isinstance(plan, TradePlan):
            plans[plan.side] += 1
            entries.append(now)
        else:
            refused[plan] += 1
    warm_from = entries[0]
    last = int(market.events["ts_ms"][-1])
    assert len(plans) == 2, "both sides"
    assert (last - warm_from) / len(entries) < 5_000, refused


def test_conservative_dares_less_than_default() -> None:
    """Go-live week 1."""
    assert CONSERVATIVE_DECISION.score_min > DEFAULT_DECISION.score_min
    assert CONSERVATIVE_DECISION.positions_max < DEFAULT_DECISION.positions_max
    assert CONSERVATIVE_RISK.risk_high_pct < DEFAULT_RISK.risk_high_pct
    assert CONSERVATIVE_RISK.leverage_max == 5


@pytest.mark.parametrize(
    ("signals", "decision"),
    [
        (DEFAULT_SIGNALS, DEFAULT_DECISION),
        (CONSERVATIVE_SIGNALS, CONSERVATIVE_DECISION),
        (DRILL_SIGNALS, DRILL_DECISION),
    ],
)
def test_the_kernels_gate_never_hides_a_decision(signals, decision) -> None:
    """The hot loop must stop wherever the checklist's score could hold."""
    assert signals.cycle.gate <= decision.score_min


def test_speed_can_be_measured() -> None:
    """The numbers are for people; that they exist is the test."""
    speed = measure(instrument(), SystemClock(), events=3_000, live=300)
    assert min(speed.batch_events_per_s, speed.trade_us, speed.depth_us, speed.decision_us, speed.record_us) > 0
