"""The pasts of recordings are generated once per symbol, because six days of weather take half a second."""

from collections.abc import Mapping, Sequence

import pytest

from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.instruments import Instrument

_PASTS: dict[tuple[int, tuple[str, ...], int], GeneratedMarket] = {}


@pytest.fixture(autouse=True)
def _one_past_per_symbol(monkeypatch: pytest.MonkeyPatch) -> None:
    """A recording only reads the history of the market it asks for, and fits that to its own first price."""

    def cached(seed: int, symbols: Sequence[str], start_ms: int, listed: Mapping[str, Instrument]) -> GeneratedMarket:
        key = (seed, tuple(symbols), start_ms)
        if key not in _PASTS:
            _PASTS[key] = GeneratedMarket(seed, symbols, start_ms, listed)
        return _PASTS[key]

    monkeypatch.setattr("vortex.adapters.recorded.market.GeneratedMarket", cached)
