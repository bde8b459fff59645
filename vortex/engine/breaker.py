"""The breaker's brain: judges what happens, and lends the executor permission a second at a time (decision 4).

1. A tightened verdict is lent out at once and saved after; a loosened one is saved before it is lent out.
2. Silence lapses: whoever does not hear from the breaker may not enter.
3. Nothing is allowed before the account has been seen, so a restart never re-arms by accident.
"""

from decimal import Decimal
from typing import Any

import msgspec

from vortex.domain.commands import BreakerCommand, Flatten, LatchKill, ResumeTrading
from vortex.domain.effects import Alert, Audit, Effect, Exit, GrantLease, Instruct, SaveBreaker, SetTimer
from vortex.domain.events import AccountSampled, ApiSampled, BreakerEvent, ExecutorUp, TradeClosed
from vortex.domain.lease import Lease
from vortex.domain.outcomes import TimerFired
from vortex.domain.records import ClosedTrade
from vortex.kernel.clock import MS, Clock
from vortex.kernel.errors import LocalViolation
from vortex.risk.breaker_settings import BreakerSettings
from vortex.risk.breakers import (
    FEE_ALERT,
    Breakers,
    Happening,
    Judged,
    Verdict,
    closing_due,
    count_anew,
    expire,
    judge_account,
    judge_api,
    judge_trade,
    latch_kill,
    resume,
    verdict,
)

LEASE_KEY = "lease"
PEAK_SAVED_STEP = Decimal("1.001")
"""The peak is saved when it has grown by 0.1 %: every sample would be too much, never would forget it."""


class BreakerEngine:
    """Feed it events and commands; carry out its effects in order."""

    def __init__(
        self,
        *,
        epoch: int,
        clock: Clock,
        settings: BreakerSettings | None = None,
        saved_json: str | None = None,
        closed: tuple[ClosedTrade, ...] = (),
        last_close_seq: int = 0,
    ) -> None:
        self._epoch, self._clock = epoch, clock
        self._settings = settings if settings is not None else BreakerSettings()
        self._state = Breakers() if saved_json is None else msgspec.json.decode(saved_json, type=Breakers)
        self._saved_peak = self._state.peak_equity
        self._missed: dict[str, Happening] = {}
        for trade in sorted(closed, key=lambda row: row.close_seq):
            self._state, happened = judge_trade(self._state, _as_event(trade), self._settings)
            self._missed |= {what.code: what for what in happened}
        if last_close_seq > self._state.judged_through:
            self._state = msgspec.structs.replace(self._state, judged_through=last_close_seq)
        self._account_ms = -self._settings.account_age_max_ms - 1
        self._lent: Verdict | None = None
        self._instructions = 0

    def start(self) -> list[Effect]:
        """The first lease is a veto: the account has not been seen. What tripped while no breaker lived is said now."""
        self._state = expire(self._state, self._now_ms)
        effects = [*self._lend(event="STARTED", reason="", force=True), self._timer()]
        standing = {trip.code.value for trip in self._state.trips} | ({FEE_ALERT} if self._state.fee_alerted else set())
        for code, what in self._missed.items():
            if code in standing:
                effects += self._announce(what)
        return effects

    def handle(self, event: BreakerEvent | BreakerCommand | TimerFired) -> list[Effect]:
        """Judge one thing and lend out what follows."""
        match event:
            case TimerFired():
                self._state = expire(self._state, self._now_ms)
                return [*self._lend(event="TIME", reason="", force=True), self._timer()]
            case TradeClosed() if self._is_gap(event):
                return [Exit(reason=f"trade {event.close_seq} closed, but {self._state.judged_through} was the last")]
            case TradeClosed():
                return self._after(judge_trade(self._state, event, self._settings), save=True)
            case AccountSampled():
                self._account_ms = self._clock.mono() // MS
                judged = judge_account(self._state, event, self._settings)
                return self._after(judged, save=self._is_worth_saving(judged[0]))
            case ApiSampled():
                return self._after(judge_api(self._state, event, self._settings), save=False)
            case LatchKill(reason=reason):
                return self._after(latch_kill(self._state, reason, self._now_ms), save=True)
            case ResumeTrading(reason=reason):
                return self._after(resume(self._state, reason, self._now_ms), save=True)
            case ExecutorUp(epoch=epoch):
                return self._meet(epoch)
            case _:
                raise LocalViolation(f"the breaker cannot take {type(event).__name__}")

    def verdict(self) -> Verdict:
        """What the next lease will say."""
        known = self._clock.mono() // MS - self._account_ms <= self._settings.account_age_max_ms
        return verdict(self._state, self._settings, account_known=known)

    def view(self) -> dict[str, Any]:
        """For the status screen."""
        now = self.verdict()
        return {
            "state": now.state,
            "reasons": list(now.reasons),
            "cooldown_until": now.cooldown_until_ms or None,
            "allows": now.allows,
            "judged_through": self._state.judged_through,
            "risk_cap_pct": None if now.risk_cap_pct is None else str(now.risk_cap_pct),
            "trades_today": self._state.day_trades,
            "trades_this_hour": self._state.hour_trades,
            "loss_streak": self._state.streak,
            "equity": str(self._state.equity),
            "peak_equity": str(self._state.peak_equity),
            "api": self._state.api.value,
        }

    @property
    def _now_ms(self) -> int:
        return self._clock.unix() // MS

    def _timer(self) -> Effect:
        return SetTimer(key=LEASE_KEY, delay_ms=self._settings.lease_every_ms)

    def _is_gap(self, event: TradeClosed) -> bool:
        """A trade was missed: the next incarnation reads it from the journal."""
        return self._state.judged_through > 0 and event.close_seq > self._state.judged_through + 1

    def _is_worth_saving(self, after: Breakers) -> bool:
        """The peak has grown, or money has moved that nobody explains."""
        before = self._state.unexplained[-1][1] if self._state.unexplained else 0
        return after.peak_equity > self._saved_peak * PEAK_SAVED_STEP or after.unexplained[-1][1] != before

    def _meet(self, epoch: int) -> list[Effect]:
        """An executor introduces itself: it is lent a lease, and told what its predecessor may have left undone."""
        before, self._state = self._state, count_anew(self._state, epoch)
        effects: list[Effect] = [
            Audit(kind="breaker.executor_up", detail={"epoch": epoch}),
            *self._lend(event="EXECUTOR_UP", reason="", force=True, save=self._state.unexplained != before.unexplained),
        ]
        why = closing_due(self._state, self._settings, self._now_ms)
        return effects if why is None else [*effects, self._close_all(why)]

    def _after(self, judged: Judged, *, save: bool) -> list[Effect]:
        before = self._state.judged_through
        self._state, happened = judged
        first = happened[0] if happened else Happening(code="COUNTED", reason="")
        effects = self._lend(
            event=first.code,
            reason=first.reason,
            force=before != self._state.judged_through,
            save=save or bool(happened),
        )
        for what in happened:
            effects += self._announce(what)
        return effects

    def _announce(self, what: Happening) -> list[Effect]:
        effects: list[Effect] = [
            Audit(kind="breaker.happened", detail={"code": what.code, "reason": what.reason}),
            Alert(level="critical" if what.close_all else "warning", text=f"breaker {what.code}: {what.reason}"),
        ]
        if what.close_all:
            effects.append(self._close_all(f"{what.code}: {what.reason}"))
        return effects

    def _close_all(self, why: str) -> Effect:
        self._instructions += 1
        request_id = f"breaker-{self._epoch}-{self._instructions}"
        return Instruct(command=Flatten(request_id=request_id, why=why, latch=False))

    def _lend(self, *, event: str, reason: str, force: bool, save: bool = False) -> list[Effect]:
        """A lease, with the saving before or after it as the first law says."""
        now, before = self.verdict(), self._lent
        changed = before is None or now != before
        if not (force or changed or save):
            return []
        self._lent = now
        lease = GrantLease(
            lease=Lease(
                epoch=self._epoch,
                allows=now.allows,
                judged_through=self._state.judged_through,
                expires_mono_ns=self._clock.mono() + self._settings.lease_ms * MS,
                risk_cap_pct=now.risk_cap_pct,
                reasons=now.reasons,
                state=now.state,
                cooldown_until_ms=now.cooldown_until_ms,
            )
        )
        if not (save or changed):
            return [lease]
        self._saved_peak = self._state.peak_equity
        saving = SaveBreaker(
            state_json=msgspec.json.encode(self._state).decode(),
            event=event,
            reason=reason or "; ".join(now.reasons),
        )
        return [saving, lease] if now.allows else [lease, saving]


def _as_event(trade: ClosedTrade) -> TradeClosed:
    return TradeClosed(
        trade_no=trade.trade_no,
        symbol=trade.symbol,
        close_seq=trade.close_seq,
        closed_ms=trade.exit_ms,
        pnl_gross=trade.pnl_gross,
        fees=trade.fees,
        pnl_net=trade.pnl_net,
        exit_reason=trade.exit_reason,
        hold_ms=max(0, trade.exit_ms - trade.entry_ms),
    )
