"""What the strategies find in the generated market: boards, decisions, plans and fills, without a venue or a socket.

python -m tests.exchange_market.opportunities --minutes 60 --starts 3

The board hears what the venue would publish: prints, books of 20 levels, closed candles, marks, forced orders and the
slow polls. Entries rest in the venue's own matching engine; a trade ends at its stop, its target or its time.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence

from tests.exchange_market.watcher import Found, Watcher, candle_of
from vortex.domain.market import Interval
from vortex.exchange.generator import GeneratedMarket
from vortex.exchange.instruments import DEFAULT_INSTRUMENTS
from vortex.exchange.listing import Listing
from vortex.exchange.market_events import MarketEvent, MarketTrade, OpenInterestState, RatioState

SYMBOLS = ("BTCUSDT", "ETHUSDT")
STARTS = (1_763_600_000_000, 1_767_225_600_000, 1_785_000_047_300, 1_771_234_567_890, 1_790_000_111_111)
"""Openings at different places within the minute, the three minutes and the day: candles are cut by the clock."""

STEP_MS = 100
KEPT = frozenset(interval.value for interval in Interval)


class Session:
    """The generated market of one seed and one opening, with a watcher per symbol."""

    def __init__(self, seed: int, start_ms: int, symbols: Sequence[str] = SYMBOLS) -> None:
        self.start_ms = start_ms
        self._market = GeneratedMarket(seed, symbols, start_ms)
        listings = {symbol: Listing(DEFAULT_INSTRUMENTS[symbol], start_ms) for symbol in symbols}
        for symbol, listing in listings.items():
            listing.load(self._market.history(symbol))
        self.watchers = {symbol: Watcher(listing, start_ms) for symbol, listing in listings.items()}
        for symbol, watcher in self.watchers.items():
            watcher.warm_up([each for name, each in listings.items() if name != symbol], start_ms)
        self._now_ms = start_ms

    def run(self, until_ms: int, on_step: Callable[[int], None] | None = None) -> None:
        """Watch until then, 100 ms at a time."""
        while self._now_ms < until_ms:
            self._now_ms += STEP_MS
            for event in self._market.advance(self._now_ms):
                self._hear(event)
            for watcher in self.watchers.values():
                self._close_candles(watcher, self._now_ms)
                watcher.poll(self._now_ms)
                watcher.look(self._now_ms)
            if on_step is not None:
                on_step(self._now_ms)

    def _hear(self, event: MarketEvent) -> None:
        watcher = self.watchers[event.symbol]
        listing = watcher.listing
        number = 0
        match event:
            case MarketTrade():
                self._close_candles(watcher, event.ts_ms)
                printed = listing.record_trade(event.ts_ms, event.px_ticks, event.qty_lots, event.buyer_is_maker)
                number = printed.trade_id
            case OpenInterestState():
                listing.record_open_interest(event)
            case RatioState():
                listing.record_ratios(event)
            case _:
                pass
        watcher.hear(event, number)

    def _close_candles(self, watcher: Watcher, now_ms: int) -> None:
        for name, bar in watcher.listing.candles.roll(now_ms):
            if name not in KEPT:
                continue
            candle = candle_of(watcher.listing, Interval(name), bar, closed=True)
            for each in self.watchers.values():
                if each is watcher or name == "1m":
                    each.board.apply(candle)


def watch(seed: int, start_ms: int, minutes: float, symbols: Sequence[str] = SYMBOLS) -> dict[str, Found]:
    """What each symbol offers in so many minutes after the opening."""
    session = Session(seed, start_ms, symbols)
    session.run(start_ms + int(minutes * 60_000))
    for watcher in session.watchers.values():
        watcher.finish()
    return {symbol: watcher.found for symbol, watcher in session.watchers.items()}


def rows(start_ms: int, found: Mapping[str, Found]) -> Iterator[str]:
    """Markdown rows, one per symbol and strategy."""
    for symbol, each in found.items():
        for strategy in "ABC":
            plans = [plan for plan in each.plans if plan.strategy == strategy]
            outcomes = Counter(plan.outcome for plan in plans)
            filled = len(plans) - outcomes["NO_FILL"]
            first = f"{(plans[0].at_ms - start_ms) / 1_000:.0f}" if plans else "-"
            refused = " ".join(f"{code}:{n}" for (whose, code), n in sorted(each.refusals.items()) if whose == strategy)
            ends = " ".join(f"{name}:{n}" for name, n in sorted(outcomes.items()))
            yield (
                f"| {start_ms} | {symbol} | {strategy} | {each.decisions[strategy]} | {len(plans)} | {filled} "
                f"| {first} | {refused} | {ends} |"
            )


def main(arguments: Sequence[str]) -> int:
    """Print the table of decisions, plans and refusals."""
    parser = argparse.ArgumentParser(prog="python -m tests.exchange_market.opportunities", description=__doc__)
    parser.add_argument("--seed", type=int, default=7)
    parser.add_argument("--minutes", type=float, default=60.0)
    parser.add_argument("--starts", type=int, default=3, help=f"how many openings, at most {len(STARTS)}")
    parser.add_argument("--why", type=int, default=0, metavar="N", help="also the N commonest reasons not to trade")
    chosen = parser.parse_args(arguments)
    head = ["start", "symbol", "strategy", "decisions", "plans", "filled", "first s", "refused", "ended"]
    sys.stdout.write("| " + " | ".join(head) + " |\n" + "|---" * len(head) + "|\n")
    for start_ms in STARTS[: chosen.starts]:
        found = watch(chosen.seed, start_ms, chosen.minutes)
        sys.stdout.write("\n".join(rows(start_ms, found)) + "\n")
        for symbol, each in found.items():
            for why, count in each.failures.most_common(chosen.why):
                sys.stdout.write(f"{symbol} {count:6} {why}\n")
        sys.stdout.flush()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
