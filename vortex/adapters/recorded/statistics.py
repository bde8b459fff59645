"""Prints stylized facts of recorded and generated markets side by side, as a Markdown table.

python -m vortex.adapters.recorded.statistics --generate BTCUSDT --seed 7 --minutes 60 NAME=PATH[,PATH...] ...
"""

import argparse
import sys
from collections.abc import Sequence
from pathlib import Path

from vortex.adapters.recorded.market import RecordedMarket
from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.market_statistics import MarketStatistics, measure
from vortex.kernel.errors import ConfigError

START_MS = 1_700_000_000_000
"""Where the measured markets are put in time: any moment will do, and a fixed one repeats."""


def main(arguments: Sequence[str]) -> int:
    """Measure what was asked for and print it; 2 when a recording cannot be read."""
    parser = argparse.ArgumentParser(prog="python -m vortex.adapters.recorded.statistics", description=__doc__)
    parser.add_argument("recordings", nargs="*", metavar="NAME=PATH[,PATH]", help="recorded files under one name")
    parser.add_argument("--generate", action="append", default=[], metavar="SYMBOL", help="add a generated symbol")
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=int, default=60, help="market time to measure at most")
    chosen = parser.parse_args(arguments)
    try:
        columns = _generated(chosen.generate, chosen.seed, chosen.minutes)
        for each in chosen.recordings:
            columns.update(_recorded(each, chosen.minutes))
    except ConfigError as error:
        sys.stderr.write(f"{error}\n")
        return 2
    if not columns:
        parser.print_usage(sys.stderr)
        return 2
    sys.stdout.write(table(columns))
    return 0


def _generated(symbols: list[str], seed: int, minutes: int) -> dict[str, MarketStatistics]:
    if not symbols:
        return {}
    found = measure(GeneratedMarket(seed, symbols, START_MS), DEFAULT_INSTRUMENTS, minutes * 60_000)
    return {f"{symbol} generated": numbers for symbol, numbers in found.items()}


def _recorded(named: str, minutes: int) -> dict[str, MarketStatistics]:
    name, equals, joined = named.partition("=")
    if not equals:
        raise ConfigError(f"{named}: write NAME=PATH, the name heads a column")
    paths = [Path(each) for each in joined.split(",")]
    market = RecordedMarket(paths, None, START_MS, loop=False)
    first, last = market.recorded_span
    found = measure(market, DEFAULT_INSTRUMENTS, min(minutes * 60_000, last - first))
    return {f"{symbol} {name}": numbers for symbol, numbers in found.items()}


def table(columns: dict[str, MarketStatistics]) -> str:
    """A Markdown table, one row per number."""
    rows = [numbers.rows() for numbers in columns.values()]
    lines = ["| | " + " | ".join(columns) + " |", "|---|" + "---:|" * len(columns)]
    lines += [f"| {same[0][0]} | " + " | ".join(value for _, value in same) + " |" for same in zip(*rows, strict=True)]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
