"""The past of a recording's later sessions: recorded candles where there are any, older ones made up, as lively."""

import dataclasses
from decimal import Decimal

from vortex.adapters.recorded.market import liveliness_of
from vortex.adapters.recorded.plan import Plan, minutes_of
from vortex.adapters.recorded.reading import Units
from vortex.exchange.generator import HISTORY_DAYS, GeneratedMarket
from vortex.exchange.history import DAY_MS, MINUTE_MS, History
from vortex.exchange.history_fit import fitted, recorded_minutes, with_minutes
from vortex.exchange.instruments import Instrument
from vortex.sim.replay_source import SessionStart


class SessionPasts:
    """Makes the past of one symbol's sessions but the first. `derived` says of each what it is made of."""

    def __init__(self, plan: Plan, units: Units, contract: Instrument, seed: int) -> None:
        self._plan = plan
        self._units = units
        self._contract = contract
        self._seed = seed
        self.derived: list[str] = []

    def before(self, start: SessionStart) -> History:
        """Candles, prints and polls that end where the session begins, at its first price."""
        symbol, first = self._plan.symbol, start.prints[0]
        at_price = dataclasses.replace(self._contract, reference_price=self._contract.tick * Decimal(first.px_ticks))
        past = GeneratedMarket(self._seed, [symbol], start.ts_ms, {symbol: at_price}).history(symbol)
        history = fitted(past, first.px_ticks, liveliness_of(start.prints, past))
        to_ms = start.ts_ms // MINUTE_MS * MINUTE_MS
        minutes = minutes_of(self._plan, self._units, to_ms - HISTORY_DAYS * DAY_MS, to_ms)
        number = len(self.derived) + 2
        if minutes:
            joined = recorded_minutes(minutes, start.ts_ms, first.px_ticks, history)
            history = with_minutes(history, joined, history.trades)
            made = f"{len(minutes)} recorded minutes, older ones and the last prints generated"
        else:
            made = "generated, ending at its first price"
        self.derived.append(f"past of session {number}: {made}")
        return history
