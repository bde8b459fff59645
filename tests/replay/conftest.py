"""Builders for replays: an instrument, settings of a profile, plans, and a desk that has seen a past."""

from collections.abc import Iterable
from decimal import Decimal

import pytest

from vortex.domain.instruments import Instrument
from vortex.domain.orders import Side
from vortex.domain.plans import TradePlan
from vortex.domain.signals import Strategy
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.kernel.clock import SystemClock
from vortex.settings import load
from vortex.signals.generated import generate_history
from vortex.sim.replay_desk import ReplayDesk, ReplaySettings
from vortex.sim.replay_fills import FillSettings
from vortex.sim.replay_report import SymbolReport
from vortex.sim.replay_rows import Batch
from vortex.sim.replay_source import generated_batches
from vortex.sim.words import instrument_of

START_MS = 1_700_000_000_000


class Make:
    """What replays are made of; the default plan buys ten lots at 1000 ticks, stop 990, take 1013, trail 5."""

    @property
    def bitcoin(self) -> Instrument:
        """A tick of 0.1 and a lot of 0.001."""
        return instrument_of(DEFAULT_INSTRUMENTS["BTCUSDT"])

    def settings(self, profile: str = "drill", sample_ms: int = 1_000) -> ReplaySettings:
        """The profile's sections."""
        settings = load({}, flags={"profile": profile}).settings
        return ReplaySettings(
            signals=settings.signals,
            decision=settings.decision,
            risk=settings.risk,
            fills=FillSettings(),
            entry_pause_ms=settings.execution.entry_pause_ms,
            sample_ms=sample_ms,
        )

    def batches(self, events: int = 60_000, seed: int = 1) -> list[Batch]:
        """A generated market."""
        return list(generated_batches(self.bitcoin, events, seed, START_MS, 60_000.0))

    def replayed(self, batches: Iterable[Batch], settings: ReplaySettings | None = None) -> SymbolReport:
        """All of it through a desk."""
        desk = ReplayDesk(self.bitcoin, settings or self.settings(), SystemClock())
        desk.board.warm_up(generate_history("BTCUSDT", START_MS, seed=4))
        for batch in batches:
            desk.feed(batch)
        return desk.finish()

    def plan(self, side: Side = Side.BUY, **changes: int) -> TradePlan:
        """A plan whose levels mirror for a sale."""
        sign = side.sign
        levels = {
            "qty_lots": 10,
            "entry_px_ticks": 1_000,
            "stop_px_ticks": 1_000 - 10 * sign,
            "take_profit_px_ticks": 1_000 + 13 * sign,
            "trail_ticks": 5,
            "take_profit_share": 60,
            "entry_timeout_ms": 5_000,
            "max_hold_ms": 300_000,
        }
        return TradePlan(
            symbol="BTCUSDT",
            trade_no=1,
            side=side,
            strategy=Strategy.MOMENTUM_RIDE,
            leverage=5,
            confidence=70.0,
            final_score=0.6 * sign,
            size_usdt=Decimal(1),
            decided_ms=0,
            **(levels | changes),
        )


@pytest.fixture
def make() -> Make:
    """The builders."""
    return Make()
