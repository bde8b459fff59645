"""Money as the executor sees it: wallet, equity, what explains their changes, and what sizing may use (S2-1, S2-2)."""

from decimal import Decimal

from vortex.domain.effects import ReadBalance, TellBreaker
from vortex.domain.events import AccountChanged, AccountSampled, AccountView
from vortex.domain.money import from_cash
from vortex.domain.orders import VenueBalance
from vortex.domain.outcomes import AccountReported
from vortex.domain.records import CLOSED_KEPT, ClosedTrade, EquityTaken, JournalSnapshot
from vortex.engine.desk import Desk
from vortex.engine.ledger import Ledger
from vortex.engine.trades import OpenBook, Trades
from vortex.ports import PermitReader

DAY_MS = 86_400_000
EXPLAINED_REASONS = frozenset({"ORDER", "FUNDING_FEE", "DEPOSIT", "WITHDRAW", "INSURANCE_CLEAR"})
"""Wallet changes that fills, funding or the owner account for; anything else is unexplained (EM-4)."""


class Accounts:
    """One account in one quote asset."""

    def __init__(
        self, desk: Desk, ledger: Ledger, trades: Trades, permit: PermitReader, journal: JournalSnapshot
    ) -> None:
        self._desk, self._ledger, self._trades, self._permit = desk, ledger, trades, permit
        self.balance: VenueBalance | None = None
        self.day_open_equity = journal.day_open_equity
        self._day = desk.now_ms // DAY_MS
        self._recent = sorted(
            (trade for trade in journal.closed if trade.exit_reason != "NO_FILL"), key=lambda trade: trade.close_seq
        )
        self.closed_count = len(self._recent)
        today = [trade for trade in journal.closed if trade.exit_ms // DAY_MS == self._day]
        self._pnl_today = sum((trade.pnl_net for trade in today), Decimal(0))
        self._fees_today = sum((trade.fees for trade in today), Decimal(0))
        self._wallet_expected: Decimal | None = None
        self._unexplained = Decimal(0)
        self._gap = Decimal(0)
        self._token = 0
        self._equity_recorded_ms = 0

    # --- news ---

    def ask(self) -> None:
        """Read the balance; the token is negative so that it is never a snapshot's."""
        self._token -= 1
        self._desk.emit(ReadBalance(token=self._token))

    def take(self, balance: VenueBalance) -> None:
        """Fresh figures: sample them for the breaker, and now and then for the record."""
        self._roll_day()
        self._explain(balance.wallet)
        self.balance = balance
        if self.day_open_equity is None:
            self.day_open_equity = balance.margin_balance
        now = self._desk.now_ms
        self._desk.emit(
            TellBreaker(
                event=AccountSampled(
                    ts_ms=now,
                    equity=balance.margin_balance,
                    wallet=balance.wallet,
                    day_open_equity=self.day_open_equity,
                    unexplained=self._unexplained,
                )
            )
        )
        if now - self._equity_recorded_ms >= self._desk.settings.equity_every_ms:
            self._record_equity(balance)

    def reported(self, event: AccountReported) -> None:
        """The user stream's word on the wallet; its reason says whether we know why."""
        if event.wallet is None:
            return
        if event.reason in EXPLAINED_REASONS:
            self._wallet_expected, self._gap = Decimal(event.wallet), Decimal(0)

    def closed(self, trade: ClosedTrade) -> None:
        """One more finished trade. One that ended before midnight is yesterday's, whenever its end became durable."""
        self._roll_day()
        if trade.exit_ms // DAY_MS == self._day:
            self._pnl_today += trade.pnl_net
            self._fees_today += trade.fees
        if trade.exit_reason != "NO_FILL":
            self._recent = [*self._recent[1 - CLOSED_KEPT :], trade]
            self.closed_count += 1

    def stream_restarted(self) -> None:
        """Accounting events may have been missed: start explaining anew from the next balance."""
        self._wallet_expected, self._gap = None, Decimal(0)

    def _explain(self, wallet: Decimal) -> None:
        """What of a gap to the expected wallet stands from reading to reading, unexplained by the stream, counts."""
        if self._wallet_expected is None:
            self._wallet_expected = wallet
        gap = wallet - self._wallet_expected
        if gap * self._gap > 0:
            stood = min(gap, self._gap, key=abs)
            self._unexplained += stood
            self._wallet_expected += stood
            gap -= stood
        self._gap = gap

    def _record_equity(self, balance: VenueBalance) -> None:
        now = self._equity_recorded_ms = self._desk.now_ms
        self._ledger.record(
            EquityTaken(ts_ms=now, equity=balance.margin_balance, wallet=balance.wallet, margin_used=self.margin_used())
        )

    def _roll_day(self) -> None:
        """A day opens with the equity last seen; recorded, so that a successor takes the same for its opening."""
        day = self._desk.now_ms // DAY_MS
        if day != self._day:
            self._day = day
            self._pnl_today = self._fees_today = Decimal(0)
            self.day_open_equity = None if self.balance is None else self.balance.margin_balance
            if self.balance is not None:
                self._record_equity(self.balance)

    # --- figures ---

    @property
    def equity(self) -> Decimal:
        """Margin balance as last read; 0 before that."""
        return Decimal(0) if self.balance is None else self.balance.margin_balance

    def margin_used(self) -> Decimal:
        """Initial margin of open trades and pending entries, by their plans (promise 5)."""
        return sum((self._margin(book) for book in self._trades.open.values()), Decimal(0))

    def _margin(self, book: OpenBook) -> Decimal:
        instrument = self._desk.instrument(book.plan.symbol)
        lots = max(book.plan.qty_lots, abs(book.net_lots))
        return from_cash(instrument.notional(book.plan.entry_px_ticks, lots)) / max(1, book.plan.leverage)

    def notional_cap(self, symbol: str) -> Decimal:
        """Largest notional of one position (S2-2)."""
        settings = self._desk.settings
        major = self._desk.instrument(symbol).base in settings.major_bases
        return self.equity * (settings.notional_cap_major if major else settings.notional_cap_other)

    def view_for(self, symbol: str) -> AccountView:
        """What a symbol's sizing may use."""
        lease = self._permit.read()
        alive = lease is not None and self._desk.mono_ns < lease.expires_mono_ns
        maker, taker = self._desk.fee_rates(symbol)
        wins = [t.pnl_net for t in self._recent if t.pnl_net > 0]
        losses = [-t.pnl_net for t in self._recent if t.pnl_net < 0]
        known = len(self._recent)
        mean_win = sum(wins, Decimal(0)) / len(wins) if wins else Decimal(0)
        mean_loss = sum(losses, Decimal(0)) / len(losses) if losses else Decimal(0)
        return AccountView(
            equity=self.equity,
            available=Decimal(0) if self.balance is None else self.balance.available,
            margin_used=self.margin_used(),
            maker_rate=maker,
            taker_rate=taker,
            open_positions=len(self._trades.open),
            pnl_today=self._pnl_today,
            day_open_equity=self.day_open_equity if self.day_open_equity is not None else self.equity,
            loss_streak=self._loss_streak(),
            closed_trades=self.closed_count,
            win_rate=len(wins) / known if known else 0.0,
            payoff=float(mean_win / mean_loss) if mean_loss else 0.0,
            entries_allowed=alive and lease is not None and lease.allows,
            risk_cap_pct=lease.risk_cap_pct if lease is not None else None,
        )

    def announce(self, symbols: list[str]) -> None:
        """Fresh figures to the symbols."""
        for symbol in symbols:
            self._desk.tell_symbol(symbol, AccountChanged(account=self.view_for(symbol)))

    def _loss_streak(self) -> int:
        streak = 0
        for trade in reversed(self._recent):
            if trade.pnl_net >= 0:
                break
            streak += 1
        return streak

    def view(self) -> dict[str, object]:
        """For the status screen; money as text."""
        return {
            "equity": str(self.equity),
            "balance": "0" if self.balance is None else str(self.balance.wallet),
            "margin_used": str(self.margin_used()),
            "pnl_today": str(self._pnl_today),
            "fees_today": str(self._fees_today),
            "unexplained": str(self._unexplained),
        }
