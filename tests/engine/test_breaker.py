"""The breaker: what trips, for how long, what survives, and how permission is lent (section 4, EM-2, EM-4)."""

from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.commands import Flatten, LatchKill, ResumeTrading
from vortex.domain.effects import Alert, Effect, Exit, GrantLease, Instruct, SaveBreaker
from vortex.domain.events import AccountSampled, ApiSampled, ExecutorUp, TradeClosed
from vortex.domain.lease import Lease
from vortex.domain.outcomes import TimerFired
from vortex.domain.records import ClosedTrade
from vortex.engine.breaker import BreakerEngine
from vortex.kernel.clock import MS, ManualClock
from vortex.risk.breaker_settings import DAY_MS, HOUR_MS, MINUTE_MS, BreakerSettings

NOON_MS = 20_000 * DAY_MS + 12 * HOUR_MS


class Desk:
    """A breaker with a clock, and what it has lent and saved."""

    def __init__(self, settings: BreakerSettings | None = None, saved: str | None = None, **kwargs: Any) -> None:
        self.clock = ManualClock(NOON_MS * MS)
        self.settings = settings
        self.effects: list[Effect] = []
        self.engine = BreakerEngine(epoch=1, clock=self.clock, settings=settings, saved_json=saved, **kwargs)
        self.seq = kwargs.get("last_close_seq", 0)
        self.do(self.engine.start())

    def do(self, effects: list[Effect]) -> list[Effect]:
        self.effects += effects
        return effects

    def give(self, event: Any) -> list[Effect]:
        return self.do(self.engine.handle(event))

    @property
    def now_ms(self) -> int:
        return self.clock.unix() // MS

    @property
    def lease(self) -> Lease:
        return [effect for effect in self.effects if isinstance(effect, GrantLease)][-1].lease

    @property
    def saved(self) -> str:
        return [effect for effect in self.effects if isinstance(effect, SaveBreaker)][-1].state_json

    def account(self, equity: int = 10_000, unexplained: int = 0, opened: int = 10_000) -> list[Effect]:
        return self.give(
            AccountSampled(
                ts_ms=self.now_ms,
                equity=Decimal(equity),
                wallet=Decimal(equity),
                day_open_equity=Decimal(opened),
                unexplained=Decimal(unexplained),
            )
        )

    def trade(self, net: str, fees: str = "0.1", seq: int = 0) -> list[Effect]:
        self.seq = seq or self.seq + 1
        pnl = Decimal(net)
        return self.give(
            TradeClosed(
                trade_no=self.seq,
                symbol="BTCUSDT",
                close_seq=self.seq,
                closed_ms=self.now_ms,
                pnl_gross=pnl + Decimal(fees),
                fees=Decimal(fees),
                pnl_net=pnl,
                exit_reason="SL",
                hold_ms=60_000,
            )
        )

    def api(self, p95: float = 10.0, failures: int = 0) -> list[Effect]:
        return self.give(ApiSampled(ts_ms=self.now_ms, p95_ms=p95, consecutive_failures=failures))

    def wait(self, ms: int) -> None:
        self.clock.advance(ms * MS)
        self.give(TimerFired(key="lease"))


def a_desk(**settings: Any) -> Desk:
    desk = Desk(BreakerSettings(**settings))
    desk.account()
    return desk


def reasons(desk: Desk) -> str:
    return " ".join(desk.lease.reasons)


def test_nothing_is_allowed_before_the_account_is_seen() -> None:
    """A restart never re-arms by accident."""
    desk = Desk()
    assert not desk.lease.allows
    desk.wait(250)
    assert not desk.lease.allows
    desk.account()
    assert desk.lease.allows


def test_a_lease_is_lent_every_period_and_lapses() -> None:
    """250 ms, for 1 s."""
    desk = a_desk()
    before = desk.lease.expires_mono_ns
    desk.wait(250)
    assert desk.lease.expires_mono_ns == before + 250 * MS == desk.clock.mono() + 1_000 * MS


def test_old_account_figures_are_a_veto() -> None:
    """A breaker that cannot judge vetoes."""
    desk = a_desk()
    desk.wait(30_001)
    assert "NO_ACCOUNT" in reasons(desk)


def test_daily_loss_holds_until_midnight() -> None:
    """CB-1."""
    desk = a_desk()
    desk.account(equity=9_750)
    assert desk.lease.allows
    desk.account(equity=9_749)
    assert "DAILY_LOSS" in reasons(desk)
    assert desk.lease.cooldown_until_ms == 20_001 * DAY_MS
    desk.clock.advance(12 * HOUR_MS * MS)
    desk.account(equity=9_749, opened=9_749)
    desk.wait(1)
    assert desk.lease.allows


def test_a_trade_that_closes_right_after_midnight_is_judged_by_the_new_day() -> None:
    """CB-1: yesterday's loss ends with yesterday, also before the first account figures of the new day."""
    desk = a_desk()
    desk.wait(12 * HOUR_MS - 1_000)
    desk.account(equity=9_740)
    assert "DAILY_LOSS" in reasons(desk)
    desk.wait(1_500)
    desk.trade("-1")
    assert desk.lease.allows
    desk.trade("-250")
    assert "DAILY_LOSS" in reasons(desk), "the new day has a limit of its own"


def test_daily_loss_is_seen_in_trades_before_the_account_is_read_again() -> None:
    """The next entry may come before the next balance."""
    desk = a_desk(loss_streak=100, hourly_losses=100)
    desk.trade("-251")
    assert "DAILY_LOSS" in reasons(desk)


def test_three_losses_cool_down_then_caution() -> None:
    """CB-2: ten minutes, then 0.5 % for ten trades."""
    desk = a_desk()
    for _ in range(3):
        desk.trade("-1")
    assert "LOSS_STREAK" in reasons(desk)
    desk.wait(10 * MINUTE_MS - 1)
    desk.account()
    assert not desk.lease.allows
    desk.wait(1)
    assert desk.lease.allows
    assert desk.lease.risk_cap_pct == Decimal("0.5")
    for _ in range(10):
        desk.trade("5")
    assert desk.lease.risk_cap_pct is None


def test_a_win_ends_a_streak() -> None:
    """Consecutive means consecutive."""
    desk = a_desk()
    for net in ("-1", "-1", "1", "-1", "-1"):
        desk.trade(net)
    assert desk.lease.allows


def test_five_losses_within_an_hour() -> None:
    """CB-3."""
    desk = a_desk(loss_streak=100)
    for _ in range(4):
        desk.trade("-1")
        desk.wait(MINUTE_MS)
        desk.account()
    assert desk.lease.allows
    desk.trade("-1")
    assert "HOURLY_LOSS" in reasons(desk)
    desk.wait(30 * MINUTE_MS)
    desk.account()
    assert desk.lease.allows


def test_too_many_trades_in_an_hour_wait_for_the_next() -> None:
    """CB-4."""
    desk = a_desk(hourly_trades=3)
    for _ in range(3):
        desk.trade("1")
    assert "OVERTRADE" in reasons(desk)
    desk.wait(HOUR_MS)
    desk.account()
    assert desk.lease.allows


def test_too_many_trades_in_a_day_wait_for_the_next() -> None:
    """CB-8."""
    desk = a_desk(daily_trades=3, hourly_trades=100)
    for _ in range(3):
        desk.trade("1")
    assert "DAILY_TRADES" in reasons(desk)
    desk.clock.advance(11 * HOUR_MS * MS)
    desk.account()
    assert not desk.lease.allows
    desk.clock.advance(HOUR_MS * MS)
    desk.account()
    desk.wait(1)
    assert desk.lease.allows


def test_an_entry_that_never_filled_is_no_trade() -> None:
    """NO_FILL moves no counter, but is judged."""
    desk = a_desk(hourly_trades=1)
    desk.trade("0", fees="0")
    assert desk.lease.allows
    assert desk.lease.judged_through == 1


def test_one_large_loss() -> None:
    """CB-9."""
    desk = a_desk(daily_loss_pct=Decimal(50))
    desk.trade("-500")
    assert "SINGLE_LOSS" in reasons(desk)
    desk.give(ResumeTrading(reason="seen"))
    assert desk.lease.allows


def test_drawdown_is_latched() -> None:
    """CB-10: only a person lifts it, and then the peak starts anew."""
    desk = a_desk(daily_loss_pct=Decimal(90))
    desk.account(equity=12_000)
    desk.account(equity=10_200)
    assert "DRAWDOWN" in reasons(desk)
    assert desk.lease.state == "latched"
    desk.wait(48 * HOUR_MS)
    desk.account(equity=10_200)
    assert not desk.lease.allows
    desk.give(ResumeTrading(reason="reviewed"))
    assert desk.lease.allows
    desk.account(equity=10_200)
    assert desk.lease.allows


def test_fees_alert_once_and_veto_nothing() -> None:
    """CB-7."""
    desk = a_desk()
    alerts = [e for e in desk.trade("1", fees="1") + desk.trade("1", fees="1") if isinstance(e, Alert)]
    assert len(alerts) == 1
    assert desk.lease.allows


def test_a_sick_interface_opens_and_closes_by_probing() -> None:
    """CB-11: CLOSED, OPEN, HALF_OPEN, CLOSED."""
    desk = a_desk()
    desk.api(failures=5)
    assert desk.lease.state == "open"
    desk.api()
    assert desk.lease.state == "half_open"
    assert not desk.lease.allows
    desk.api()
    desk.api()
    assert desk.lease.allows


def test_an_interface_that_stays_sick_closes_everything() -> None:
    """EM-2: after thirty seconds, once."""
    desk = a_desk()
    desk.api(p95=1_500)
    desk.clock.advance(30_001 * MS)
    orders = [e for e in desk.api(p95=1_500) + desk.api(p95=1_500) if isinstance(e, Instruct)]
    assert len(orders) == 1
    assert isinstance(orders[0].command, Flatten)
    assert not orders[0].command.latch


def test_money_that_leaves_without_a_record_closes_everything_for_good() -> None:
    """EM-4."""
    desk = a_desk(daily_loss_pct=Decimal(90), drawdown_pct=Decimal(90))
    effects = desk.account(equity=9_400, unexplained=-600)
    assert any(isinstance(e, Instruct) for e in effects)
    assert desk.lease.state == "latched"


def test_slow_unexplained_drift_is_no_emergency() -> None:
    """Only within ten minutes."""
    desk = a_desk(daily_loss_pct=Decimal(90), drawdown_pct=Decimal(90))
    for step in range(1, 7):
        desk.clock.advance(6 * MINUTE_MS * MS)
        desk.account(equity=10_000 - 200 * step, unexplained=-200 * step)
    assert desk.lease.allows


@pytest.mark.parametrize("counted", [600, -400])
def test_a_new_executor_that_counts_from_zero_neither_makes_nor_hides_an_emergency(counted: int) -> None:
    """EM-4: what its predecessor had counted did not come back with its death, and is not forgotten either."""
    desk = a_desk(daily_loss_pct=Decimal(90), drawdown_pct=Decimal(90))
    desk.give(ExecutorUp(epoch=1))
    desk.account()
    desk.wait(MINUTE_MS)
    desk.account(unexplained=counted)
    desk.give(ExecutorUp(epoch=2))
    assert not any(isinstance(e, Instruct) for e in desk.account())
    desk.wait(MINUTE_MS)
    effects = desk.account(unexplained=-600 if counted > 0 else -200)
    assert any(isinstance(e, Instruct) for e in effects), "six percent within two minutes"


def test_unexplained_money_is_remembered_over_the_breakers_own_death() -> None:
    """EM-4: half before, half after."""
    desk = a_desk(daily_loss_pct=Decimal(90), drawdown_pct=Decimal(90))
    desk.account()
    for _ in range(40):
        desk.wait(20_000)
        desk.account()
    desk.account(unexplained=-300)
    reborn = Desk(desk.settings, saved=desk.saved)
    reborn.clock.advance(desk.clock.mono() - reborn.clock.mono())
    assert any(isinstance(e, Instruct) for e in reborn.account(unexplained=-600))


def test_an_executor_that_dies_over_closing_everything_leaves_it_to_the_next() -> None:
    """EM-2, EM-4: the next one is told again, as long as the emergency is one."""
    desk = a_desk(daily_loss_pct=Decimal(90), drawdown_pct=Decimal(90))
    assert not any(isinstance(e, Instruct) for e in desk.give(ExecutorUp(epoch=2)))
    desk.account(unexplained=-600)
    again = [e.command for e in desk.give(ExecutorUp(epoch=3)) if isinstance(e, Instruct)]
    assert [type(command) for command in again] == [Flatten]
    assert any(isinstance(e, Instruct) for e in Desk(desk.settings, saved=desk.saved).give(ExecutorUp(epoch=3)))
    desk.wait(11 * MINUTE_MS)
    assert not any(isinstance(e, Instruct) for e in desk.give(ExecutorUp(epoch=4)))
    desk.give(ResumeTrading(reason="looked into"))
    desk.api(p95=1_500)
    desk.wait(30_001)
    desk.api(p95=1_500)
    assert any(isinstance(e, Instruct) for e in desk.give(ExecutorUp(epoch=5)))
    for _ in range(3):
        desk.api()
    assert not any(isinstance(e, Instruct) for e in desk.give(ExecutorUp(epoch=6)))


def test_kill_is_pushed_at_once_and_survives_a_restart() -> None:
    """CB-13: lease first, then saved; the saved state is a veto in the next life."""
    desk = a_desk()
    effects = desk.give(LatchKill(reason="operator"))
    kinds = [type(e) for e in effects if isinstance(e, GrantLease | SaveBreaker)]
    assert kinds == [GrantLease, SaveBreaker]
    assert not desk.lease.allows
    reborn = Desk(saved=desk.saved)
    reborn.account()
    assert "KILL" in reasons(reborn)


def test_a_loosened_verdict_is_saved_before_it_is_lent() -> None:
    """No crash can leave a permission that is not on record."""
    desk = a_desk()
    desk.give(LatchKill(reason="operator"))
    effects = desk.give(ResumeTrading(reason="checked"))
    kinds = [type(e) for e in effects if isinstance(e, GrantLease | SaveBreaker)]
    assert kinds == [SaveBreaker, GrantLease]
    assert desk.lease.allows


def test_a_trade_is_judged_once() -> None:
    """Told again after a restart of the executor."""
    desk = a_desk()
    for _ in range(5):
        desk.trade("-1", seq=1)
    assert desk.lease.allows
    assert desk.lease.judged_through == 1


def test_a_missed_trade_ends_the_process() -> None:
    """The next incarnation reads it from the journal."""
    desk = a_desk()
    desk.trade("1")
    assert [type(e) for e in desk.trade("1", seq=3)] == [Exit]


def test_trades_closed_while_it_was_dead_are_judged_at_the_start() -> None:
    """From the journal; a streak that it missed still trips."""
    closed = tuple(
        ClosedTrade(
            symbol="BTCUSDT",
            trade_no=seq,
            close_seq=seq,
            exit_reason="SL",
            pnl_gross=Decimal(-1),
            fees=Decimal("0.1"),
            pnl_net=Decimal("-1.1"),
            entry_ms=NOON_MS - 2_000,
            exit_ms=NOON_MS - 1_000,
        )
        for seq in (1, 2, 3)
    )
    desk = Desk(closed=closed, last_close_seq=3)
    assert any(isinstance(e, Alert) and "LOSS_STREAK" in e.text for e in desk.effects), "people hear of it, too"
    desk.account()
    assert "LOSS_STREAK" in reasons(desk)
    later = Desk(closed=closed, last_close_seq=3, saved=desk.saved)
    assert not any(isinstance(e, Alert) for e in later.effects)
    assert desk.lease.judged_through == 3


def test_a_new_executor_gets_a_lease_at_once() -> None:
    """It starts with none."""
    desk = a_desk()
    assert any(isinstance(e, GrantLease) for e in desk.give(ExecutorUp(epoch=2)))


@pytest.mark.property
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("trade"), st.sampled_from(["-1", "1", "-600", "20"])),
            st.tuples(st.just("account"), st.integers(5_000, 12_000)),
            st.tuples(st.just("api"), st.sampled_from([10.0, 2_000.0])),
            st.tuples(st.just("wait"), st.integers(1, 20 * MINUTE_MS)),
            st.tuples(st.just("kill"), st.just(0)),
        ),
        max_size=30,
    )
)
def test_a_restart_never_allows_what_was_forbidden(story: list[tuple[str, Any]]) -> None:
    """After any story, the saved state plus the journal veto whatever the living breaker vetoed by a trip."""
    desk = a_desk()
    closed: list[ClosedTrade] = []
    for what, value in story:
        match what:
            case "trade":
                desk.trade(value)
                closed.append(
                    ClosedTrade(
                        symbol="BTCUSDT",
                        trade_no=desk.seq,
                        close_seq=desk.seq,
                        exit_reason="SL",
                        pnl_gross=Decimal(value) + Decimal("0.1"),
                        fees=Decimal("0.1"),
                        pnl_net=Decimal(value),
                        entry_ms=desk.now_ms,
                        exit_ms=desk.now_ms,
                    )
                )
            case "account":
                desk.account(equity=value)
            case "api":
                desk.api(p95=value)
            case "wait":
                desk.wait(value)
            case _:
                desk.give(LatchKill(reason="x"))
    reborn = BreakerEngine(
        epoch=2,
        clock=desk.clock,
        settings=desk.settings,
        saved_json=desk.saved,
        closed=tuple(closed),
        last_close_seq=desk.seq,
    )
    reborn.start()
    equity = Decimal(desk.engine.view()["equity"])
    reborn.handle(
        AccountSampled(
            ts_ms=desk.now_ms, equity=equity, wallet=equity, day_open_equity=Decimal(10_000), unexplained=Decimal(0)
        )
    )
    alive = {reason.split(":")[0] for reason in desk.engine.verdict().reasons} - {"NO_ACCOUNT", "API_HEALTH"}
    after = {reason.split(":")[0] for reason in reborn.verdict().reasons}
    assert alive <= after
