"""Opens the market an operator asks for: recorded files when there are some, else the seeded generator."""

from collections.abc import Mapping, Sequence
from pathlib import Path

from vortex.adapters.recorded.market import RecordedMarket
from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.instruments import Instrument
from vortex.exchange.market_source import MarketSource
from vortex.kernel.errors import ConfigError


def open_market(
    paths: Sequence[str | Path],
    symbols: Sequence[str] | None,
    seed: int,
    start_ms: int,
    instruments: Mapping[str, Instrument],
    *,
    loop: bool = True,
) -> MarketSource:
    """The market of these files and folders, or without any the generated one of this seed.

    Without paths the symbols must be named. Raises ConfigError for what cannot be read or is not listed.
    """
    if paths:
        files = [Path(each) for each in paths]
        return RecordedMarket(files, symbols, start_ms, instruments, loop=loop, seed=seed)
    if not symbols:
        raise ConfigError("name the symbols to generate, or give recorded files")
    unknown = [symbol for symbol in symbols if symbol not in instruments]
    if unknown:
        raise ConfigError(f"{', '.join(unknown)}: the simulated exchange lists {', '.join(sorted(instruments))}")
    return GeneratedMarket(seed, symbols, start_ms, instruments)
