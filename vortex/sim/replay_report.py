"""What a replay found out: key figures of the trades, distributions of the signals, counts and the hash."""

from collections import deque
from decimal import Decimal

import msgspec
import numpy as np
from numpy.typing import NDArray

from vortex.domain.reasons import ExitReason
from vortex.sim.replay_fills import ClosedTrade

BINS = 2_000
"""Cells of a distribution over [-1, 1]: quantiles are right to 0.001 at any length."""
QUANTILES = (0.05, 0.25, 0.5, 0.75, 0.95)
TRADES_SHOWN = 200
"""The newest trades that a report keeps; key figures count all of them."""
DAY_MS = 86_400_000
UNIT = Decimal("0.00000001")
"""The smallest amount of the quote asset."""


class Spread(msgspec.Struct, frozen=True, kw_only=True):
    """A distribution of numbers between -1 and 1."""

    count: int
    mean: float
    std: float
    quantiles: dict[str, float]


class Distribution:
    """Counts numbers between -1 and 1 in bounded memory."""

    def __init__(self) -> None:
        self._cells: NDArray[np.int64] = np.zeros(BINS + 1, np.int64)
        self._count = 0
        self._sum = self._squares = 0.0

    def add(self, value: float) -> None:
        """Count one number; beyond the ends it counts as the end."""
        self._cells[round((min(1.0, max(-1.0, value)) + 1.0) * BINS / 2)] += 1
        self._count += 1
        self._sum += value
        self._squares += value * value

    def histogram(self, bins: int) -> list[int]:
        """How many numbers fell into each of `bins` equal parts of [-1, 1]; an edge belongs to the part above it."""
        into = np.minimum(np.arange(BINS + 1) * bins // BINS, bins - 1)
        return [int(count) for count in np.bincount(into, weights=self._cells, minlength=bins)]

    def spread(self) -> Spread:
        """What it looks like so far; zeros while empty."""
        if not self._count:
            return Spread(count=0, mean=0.0, std=0.0, quantiles={})
        mean = self._sum / self._count
        below = np.cumsum(self._cells)
        quantiles = {
            f"p{round(100 * share)}": round(int(np.searchsorted(below, share * self._count)) * 2 / BINS - 1.0, 6)
            for share in QUANTILES
        }
        variance = max(0.0, self._squares / self._count - mean * mean)
        return Spread(count=self._count, mean=mean, std=float(variance**0.5), quantiles=quantiles)


class Figures(msgspec.Struct, frozen=True, kw_only=True):
    """Key figures of closed trades, in quote units, seconds and shares; a share of nothing is 0.

    `profit_factor` is what was won over what was lost, None without a loss. `drawdown_max` is the deepest fall of the
    running sum of net results below its peak.
    """

    trades: int
    wins: int
    win_rate: float
    gross: Decimal
    fees: Decimal
    net: Decimal
    average_win: Decimal
    average_loss: Decimal
    expectancy: Decimal
    profit_factor: float | None
    drawdown_max: Decimal
    average_hold_s: float
    trades_per_day: float
    exits: dict[str, int]


class TradeBook:
    """Adds up trades as they close."""

    def __init__(self) -> None:
        self.recent: deque[ClosedTrade] = deque(maxlen=TRADES_SHOWN)
        self._trades = self._wins = 0
        self._gross = self._fees = Decimal(0)
        self._won = self._lost = Decimal(0)
        self._peak = self._deepest = Decimal(0)
        self._held_ms = 0
        self._exits: dict[ExitReason, int] = {}

    def add(self, trade: ClosedTrade) -> None:
        """Count one trade."""
        self.recent.append(trade)
        self._trades += 1
        self._gross += trade.gross
        self._fees += trade.fees
        if trade.net > 0:
            self._wins += 1
            self._won += trade.net
        else:
            self._lost -= trade.net
        running = self._won - self._lost
        self._peak = max(self._peak, running)
        self._deepest = max(self._deepest, self._peak - running)
        self._held_ms += trade.exit_ms - trade.entry_ms
        self._exits[trade.reason] = self._exits.get(trade.reason, 0) + 1

    def figures(self, span_ms: int) -> Figures:
        """The key figures over a span of market time."""
        trades, losses = self._trades, self._trades - self._wins
        net = self._gross - self._fees
        return Figures(
            trades=trades,
            wins=self._wins,
            win_rate=self._wins / trades if trades else 0.0,
            gross=self._gross,
            fees=self._fees,
            net=net,
            average_win=_average(self._won, self._wins),
            average_loss=_average(self._lost, losses),
            expectancy=_average(net, trades),
            profit_factor=float(self._won / self._lost) if self._lost else None,
            drawdown_max=self._deepest,
            average_hold_s=self._held_ms / trades / 1_000 if trades else 0.0,
            trades_per_day=trades * DAY_MS / span_ms if span_ms else 0.0,
            exits={reason.value: count for reason, count in sorted(self._exits.items())},
        )


def _average(total: Decimal, count: int) -> Decimal:
    """To the eighth decimal; of nothing, nothing."""
    return (total / count).quantize(UNIT) if count else Decimal(0)


class SymbolReport(msgspec.Struct, frozen=True, kw_only=True):
    """One symbol's replay. Counts named `sample_…` are of the whole checklist, judged at every sample of market time.

    `market_ms` is the time within sessions. `decisions` are those a live symbol would have made, by outcome: the
    strategy for a trade, NO_TRADE else.
    """

    symbol: str
    first_ms: int
    last_ms: int
    market_ms: int
    events: int
    market_trades: int
    orders: int
    decisions: int
    decisions_by: dict[str, int]
    failed: dict[str, int]
    refused: dict[str, int]
    entries: int
    entries_rejected: int
    entries_unfilled: int
    figures: Figures
    samples: int
    samples_warm: int
    sample_failed: dict[str, int]
    sample_strategy_best: dict[str, int]
    sample_strategy_scored: dict[str, int]
    sample_strategy_qualified: dict[str, int]
    score: Spread
    strength: dict[str, Spread]
    direction: dict[str, dict[str, int]]
    input_refused: dict[str, int]
    counters: dict[str, int]
    recent_trades: list[ClosedTrade]
    hash: str
