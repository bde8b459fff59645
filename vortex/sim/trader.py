"""The trader of the simulation: tosses coins for when and where to enter, with levels close enough to be reached."""

from dataclasses import dataclass
from decimal import Decimal

from vortex.domain.events import AccountView
from vortex.domain.instruments import Instrument
from vortex.domain.market import BestQuote, MarketMessage, Trade
from vortex.domain.orders import Side
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import DenyCode
from vortex.domain.signals import Action, Decision, Signal, Strategy
from vortex.kernel.rng import Rng
from vortex.signals.board import GATE
from vortex.strategy.decision import DecisionContext

LOTS = (10, 120)
STOP_TICKS = (15, 60)
TARGET_TICKS = (8, 50)
ENTRY_TIMEOUT_MS = (600, 2_500)
HOLD_MS = (2_000, 12_000)
EAGER_PERCENT = 25
"""Of the looks at the book, how many make the trader want to enter."""


class CoinBoard:
    """A board without signals: it knows the prices, and finds a moment interesting by chance (engine.symbol.Board)."""

    def __init__(self, rng: Rng) -> None:
        self._rng = rng
        self.score = 0.0
        self.last_px = 0.0
        self.touch: tuple[float, float] | None = None

    def apply(self, message: MarketMessage) -> int:
        """Take one market event; the gate opens by chance when the book moves."""
        if isinstance(message, Trade):
            self.last_px = message.px
            return 0
        if isinstance(message, BestQuote):
            self.touch = (message.bid_px, message.ask_px)
            return GATE if self._rng.chance(EAGER_PERCENT, 100) else 0
        return 0

    def tick(self, now_ms: int) -> int:
        """Time alone makes nothing interesting."""
        return 0

    def is_warm(self, now_ms: int) -> bool:
        """Warm as soon as it has seen a book."""
        return self.touch is not None

    def signals(self, now_ms: int) -> tuple[Signal, ...]:
        """There are none."""
        return ()


@dataclass(slots=True)
class Mood:
    """What all traders share: `eager` is False once the world heals, so that everything can come to rest."""

    eager: bool = True


class CoinTrader:
    """Decides and plans for one symbol (engine.symbol.Decide and Plan)."""

    def __init__(self, symbol: str, board: CoinBoard, rng: Rng, mood: Mood) -> None:
        self._symbol, self._board, self._rng, self._mood = symbol, board, rng, mood

    def decide(self, context: DecisionContext, now_ms: int) -> Decision:
        """Long or short by chance; nothing while the breaker is known to forbid it in two of three cases."""
        wants = self._mood.eager and context.feed_warm and (context.breaker_closed or self._rng.chance(1, 3))
        action = self._rng.choice((Action.LONG, Action.SHORT)) if wants else Action.NO_TRADE
        strategy = Strategy.MEAN_REVERSION if self._rng.chance(1, 3) else Strategy.MOMENTUM_RIDE
        return Decision(
            symbol=self._symbol,
            ts_ms=now_ms,
            action=action,
            strategy=strategy if wants else None,
            confidence=70.0,
            final_score=0.6,
            engines_agree=4,
            failed=() if wants else ("score",),
            reason="coin",
        )

    def plan(
        self, decision: Decision, instrument: Instrument, account: AccountView, trade_no: int, now_ms: int
    ) -> TradePlan | DenyCode:
        """A small trade around the best prices, never crossing (S3-1)."""
        touch, rng = self._board.touch, self._rng
        assert touch is not None, "a cold board decides nothing"
        assert decision.strategy is not None, "a trade has a strategy"
        bid, ask = (int(Decimal(repr(px)) / instrument.tick_size) for px in touch)
        side = Side.BUY if decision.action is Action.LONG else Side.SELL
        entry = min(bid + 1, ask - 1) if side is Side.BUY else max(ask - 1, bid + 1)
        scalp = decision.strategy is Strategy.MEAN_REVERSION
        return TradePlan(
            symbol=self._symbol,
            trade_no=trade_no,
            side=side,
            strategy=decision.strategy,
            qty_lots=rng.randint(*LOTS),
            entry_px_ticks=entry,
            stop_px_ticks=entry - side.sign * rng.randint(*STOP_TICKS),
            take_profit_px_ticks=entry + side.sign * rng.randint(*TARGET_TICKS),
            trail_ticks=0 if scalp else rng.randint(5, 20),
            take_profit_share=100 if scalp else 60,
            entry_timeout_ms=rng.randint(*ENTRY_TIMEOUT_MS),
            max_hold_ms=rng.randint(*HOLD_MS),
            leverage=5,
            confidence=decision.confidence,
            final_score=decision.final_score,
            size_usdt=Decimal(1_000),
            decided_ms=now_ms,
        )
