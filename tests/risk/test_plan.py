"""From decision to plan: checks after fees, refusals by code, and what the plan carries (S2-4 … S2-6)."""

from decimal import Decimal
from fractions import Fraction

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.orders import Side
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import DenyCode
from vortex.domain.signals import Action, Decision, Direction, Engine, Signal, Strategy
from vortex.risk.fees import reward_risk, round_trip
from vortex.risk.levels import Levels
from vortex.risk.plan import judge_levels, plan_trade
from vortex.risk.settings import RiskSettings
from vortex.signals.regime import Phase, Regime, VolPhase

PLAIN = RiskSettings()


class FakeBoard:
    """A board that says one market view."""

    def __init__(self, view, regime: Regime) -> None:
        self._view, self._regime = view, regime
        self.best_bid, self.best_ask = view.best_bid, view.best_ask

    def regime(self, now_ms: int) -> Regime:
        return self._regime

    def signal(self, engine: Engine, now_ms: int) -> Signal:
        view = self._view
        fields: dict[str, float | str | bool] = {"nearest_liq_cluster": view.cluster}
        if engine is Engine.TECHNICAL:
            fields = {name: getattr(view, name) for name in ("atr", "bb_upper", "bb_middle", "bb_lower", "vwap")}
            for k in range(5):
                fields[f"resistance_{k + 1}"] = view.resistances[k]
                fields[f"support_{k + 1}"] = view.supports[k]
        return Signal(
            engine=engine, ts_ms=0, direction=Direction.LONG, label="", strength=1.0, warm=True, fields=fields
        )


def regime(**changes: object) -> Regime:
    """A calm, trending market."""
    plain = Regime(
        ts_ms=0,
        warm=True,
        tradeable=True,
        reason="",
        phase=Phase.TRENDING,
        vol_phase=VolPhase.NORMAL,
        spread_ok=True,
        current_spread=0.0008,
        spread_ratio=1.0,
        adx=30.0,
        atr_pct=0.3,
        in_range=True,
        risk_off=False,
        weights={},
        tp_multiplier=1.0,
        sl_multiplier=1.0,
        leverage_max=12,
        size_multiplier=1.0,
        preferred_strategy="A",
    )
    return msgspec.structs.replace(plain, **changes)


def decision(action: Action = Action.LONG, strategy: Strategy = Strategy.MOMENTUM_RIDE) -> Decision:
    """A confident one."""
    return Decision(
        symbol="BTCUSDT",
        ts_ms=7,
        action=action,
        strategy=strategy,
        confidence=85.0,
        final_score=0.85,
        engines_agree=4,
        failed=(),
        reason="",
    )


def plan(risk_build, *, settings=PLAIN, cap=100.0, account=None, said=None, **view):
    """The plan of a decision in a market view."""
    board = FakeBoard(risk_build.view(**view), regime())
    return plan_trade(
        said or decision(),
        board,
        risk_build.instrument(),
        account or risk_build.account(),
        settings,
        42,
        1_000,
        cap,
    )


def test_a_plan_carries_everything_the_executor_needs(risk_build) -> None:
    """A wide ATR pays its fees."""
    made = plan(risk_build, atr=600.0)
    assert isinstance(made, TradePlan)
    assert (made.symbol, made.trade_no, made.side, made.strategy) == ("BTCUSDT", 42, Side.BUY, Strategy.MOMENTUM_RIDE)
    assert (made.entry_px_ticks, made.stop_px_ticks, made.take_profit_px_ticks) == (600_001, 595_201, 607_801)
    assert (made.trail_ticks, made.take_profit_share) == (3_000, 60)
    assert (made.entry_timeout_ms, made.max_hold_ms) == (5_000, 300_000)
    assert (made.regime, made.vol_phase, made.decided_ms) == ("TRENDING", "NORMAL", 1_000)
    assert made.size_usdt == Decimal(made.qty_lots) * Decimal("0.001") * Decimal("60000.1")
    assert made.signals_json == "[]"
    lost = float(made.size_usdt) * (600_001 - 595_201) / 600_001
    assert lost <= 150.0


@pytest.mark.parametrize(
    ("strategy", "timeout", "hold", "share"),
    [
        (Strategy.MOMENTUM_RIDE, 5_000, 300_000, 60),
        (Strategy.MEAN_REVERSION, 10_000, 600_000, 100),
        (Strategy.LIQUIDATION_CASCADE, 5_000, 480_000, 60),
    ],
)
def test_each_strategy_has_its_own_patience(risk_build, strategy, timeout: int, hold: int, share: int) -> None:
    """S3-1, S3-3, S3-4."""
    view = {"atr": 400.0, "cluster": 60_200.0, "bb_middle": 61_500.0, "vwap": 62_000.0, "bb_lower": 60_000.0}
    made = plan(risk_build, said=decision(strategy=strategy), **view)
    assert isinstance(made, TradePlan)
    assert (made.entry_timeout_ms, made.max_hold_ms, made.take_profit_share) == (timeout, hold, share)


def test_refusals_have_codes(risk_build) -> None:
    """S2-6, in the order in which they are found."""
    assert plan(risk_build, atr=0.0) is DenyCode.NO_ATR
    assert plan(risk_build, atr=30.0) is DenyCode.MIN_TAKE_PROFIT
    assert plan(risk_build, atr=150.0) is DenyCode.REWARD_RISK
    assert plan(risk_build, atr=600.0, account=risk_build.account(available=Decimal(0))) is DenyCode.MARGIN
    assert plan(risk_build, atr=600.0, cap=0.0) is DenyCode.BELOW_MINIMUM


def test_the_round_trip_is_two_maker_fees_or_the_fallback(risk_build) -> None:
    """P-5; exactly two of them."""
    assert round_trip(risk_build.account(maker_rate=Decimal("0.00018")), PLAIN) == Decimal("0.00036")
    assert round_trip(risk_build.account(maker_rate=Decimal(0)), PLAIN) == 0
    for rate in ("-1", "-0.00001", "0.01"):
        assert round_trip(risk_build.account(maker_rate=Decimal(rate)), PLAIN) == Decimal("0.0004")


def test_reward_to_risk_counts_the_fee_twice_against_us() -> None:
    """S2-5's formula."""
    assert reward_risk(Decimal(50), Decimal(20), Decimal(4)) == Decimal(46) / Decimal(24)


@pytest.mark.parametrize("sign", [1, -1], ids=["long", "short"])
@pytest.mark.parametrize("rate", ["0.0002", "0.00018"], ids=["plain", "with BNB"])
def test_what_equals_a_limit_passes_and_a_tick_less_does_not(risk_build, sign: int, rate: str) -> None:
    """S2-4 and S2-5 are exact: of distances at which R:R is just 1.3, or the profit just the least, none is lost."""
    fee = round_trip(risk_build.account(maker_rate=Decimal(rate)), PLAIN)
    for entry in (50_000, 600_000, 1_000_000):
        cost, seen = fee * entry, 0
        least = cost + Decimal("0.0005") * entry
        for stop in range(1, 400):
            take = Decimal("1.3") * (stop + cost) + cost
            if take != int(take) or take < least:
                continue
            seen += 1
            for short, code in ((0, None), (1, DenyCode.REWARD_RISK)):
                levels = Levels(entry=entry, stop=entry - sign * stop, take=entry + sign * (int(take) - short), trail=1)
                if short and int(take) - short < least:
                    code = DenyCode.MIN_TAKE_PROFIT
                assert judge_levels(levels, fee, 0.0, PLAIN) is code, (entry, stop, short)
        assert seen > 10
        for spread_pct in (0.0, 0.002, 0.01):
            take = least + Decimal(repr(spread_pct)) * entry / 100
            for short, code in ((0, None), (1, DenyCode.MIN_TAKE_PROFIT)):
                ahead = sign * (int(take) - short)
                generous = msgspec.structs.replace(PLAIN, reward_risk_min=0.0)
                levels = Levels(entry=entry, stop=entry - sign, take=entry + ahead, trail=1)
                assert judge_levels(levels, fee, spread_pct, generous) is code, (entry, spread_pct, short)


@pytest.mark.property
@given(
    st.integers(1, 5_000),
    st.integers(1, 5_000),
    st.decimals(Decimal(0), Decimal("0.002"), places=6),
    st.floats(0.0, 0.05),
)
def test_no_level_passes_that_the_formulas_refuse(stop: int, take: int, fee: Decimal, spread_pct: float) -> None:
    """S2-4 and S2-5 on any distances."""
    levels = Levels(entry=600_000, stop=600_000 - stop, take=600_000 + take, trail=1)
    verdict = judge_levels(levels, fee, spread_pct, PLAIN)
    tp, sl, paid = Fraction(take, 600_000), Fraction(stop, 600_000), Fraction(fee)
    if tp < paid + (Fraction(repr(spread_pct)) + Fraction("0.05")) / 100:
        assert verdict is DenyCode.MIN_TAKE_PROFIT
    elif (tp - paid) / (sl + paid) < Fraction("1.3"):
        assert verdict is DenyCode.REWARD_RISK
    else:
        assert verdict is None
