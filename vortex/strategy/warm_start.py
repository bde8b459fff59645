"""Compiles or loads all kernels ahead of the first event: seconds once per machine, then milliseconds."""

from decimal import Decimal

from vortex.domain.instruments import Instrument
from vortex.domain.market import Trade
from vortex.market.jit import cache_message
from vortex.signals.board import SignalBoard
from vortex.signals.settings import SignalSettings
from vortex.strategy.decision import Decider, DecisionContext
from vortex.strategy.settings import DecisionSettings


def compile_all() -> str:
    """Run one event, one reading and one decision through a throwaway board; `cache_message()`."""
    one = Decimal(1)
    instrument = Instrument(
        symbol="WARM",
        base="W",
        quote="ARM",
        tick_size=one,
        step_size=one,
        min_price=one,
        max_price=one,
        min_lots=1,
        max_lots=1,
        market_max_lots=1,
        min_notional=one,
    )
    board = SignalBoard(SignalSettings(), instrument)
    board.apply(Trade(symbol="WARM", ts_ms=1_000, agg_id=1, px=1.0, qty=1.0, buyer_is_maker=False))
    board.signals(2_000)
    Decider(board, DecisionSettings()).decide(DecisionContext(), 2_000)
    return cache_message()
