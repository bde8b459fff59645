"""Measures the hot path on this machine: events per second in batch, cost of one live event, cost of a decision."""

from collections.abc import Callable, Sequence

import msgspec

from vortex.domain.instruments import Instrument
from vortex.domain.market import Depth, Trade
from vortex.kernel.clock import SECOND, Clock
from vortex.market.layout import Kind
from vortex.signals.board import SignalBoard
from vortex.signals.generated import GeneratedMarket, generate_history, generate_market
from vortex.signals.settings import SignalSettings
from vortex.strategy.decision import Decider, DecisionContext
from vortex.strategy.settings import DecisionSettings


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Times of one event or call; the live ones are medians. A record is what a decision to trade carries along."""

    batch_events_per_s: float
    trade_us: float
    depth_us: float
    decision_us: float
    record_us: float


def measure(instrument: Instrument, clock: Clock, *, events: int = 1_000_000, live: int = 5_000) -> Speed:
    """Run generated events through a board in batch and one by one, then decide. Compiles the kernels first."""
    warming = generate_market(10_000, seed=1)
    _run(_warm_board(instrument, warming), warming)
    market = generate_market(events, seed=2)
    board = _warm_board(instrument, market)
    started = clock.mono()
    _run(board, market)
    seconds = max(1, clock.mono() - started) / SECOND
    trade_us, depth_us = _live_us(clock, instrument, live)
    now_ms = board.cycle_ms
    decider, context = Decider(board, DecisionSettings()), DecisionContext()
    made = decider.decide(context, now_ms)
    return Speed(
        batch_events_per_s=events / seconds,
        trade_us=trade_us,
        depth_us=depth_us,
        decision_us=_median_us(clock, lambda _: decider.decide(context, now_ms), range(2_000)),
        record_us=_median_us(clock, lambda _: decider.explain(made), range(2_000)),
    )


def messages_of(market: GeneratedMarket, symbol: str) -> tuple[list[Trade], list[Depth]]:
    """The trades and books of a generated market as messages."""
    trades: list[Trade] = []
    depths: list[Depth] = []
    for event in market.events:
        ts_ms, ident = int(event["ts_ms"]), int(event["id"])
        if event["kind"] == Kind.TRADE:
            trades.append(
                Trade(
                    symbol=symbol,
                    ts_ms=ts_ms,
                    agg_id=ident,
                    px=float(event["px"]),
                    qty=float(event["qty"]),
                    buyer_is_maker=bool(event["flag"]),
                )
            )
            continue
        depths.append(
            Depth(
                symbol=symbol,
                ts_ms=ts_ms,
                first_update_id=ident,
                final_update_id=ident,
                prev_update_id=int(event["prev_id"]),
                levels=market.books[int(event["ref"])].tobytes(),
            )
        )
    return trades, depths


def _warm_board(instrument: Instrument, market: GeneratedMarket) -> SignalBoard:
    board = SignalBoard(SignalSettings(), instrument)
    board.warm_up(generate_history(instrument.symbol, int(market.events["ts_ms"][0]), seed=4))
    return board


def _run(board: SignalBoard, market: GeneratedMarket) -> None:
    at = 0
    while at < len(market.events):
        at = board.apply_batch(market.events, market.books, market.candles, at)


def _live_us(clock: Clock, instrument: Instrument, live: int) -> tuple[float, float]:
    """Median time of one trade and one book, applied in their order."""
    market = generate_market(live, seed=3)
    board = _warm_board(instrument, market)
    trades, depths = messages_of(market, instrument.symbol)
    spent: dict[type, list[int]] = {Trade: [], Depth: []}
    messages: list[Trade | Depth] = [*depths, *trades]
    for message in sorted(messages, key=lambda m: m.ts_ms):
        before = clock.mono()
        board.apply(message)
        spent[type(message)].append(clock.mono() - before)
    return _median(spent[Trade]), _median(spent[Depth])


def _median_us(clock: Clock, call: Callable[..., object], items: Sequence[object]) -> float:
    times: list[int] = []
    for item in items:
        before = clock.mono()
        call(item)
        times.append(clock.mono() - before)
    return _median(times)


def _median(times: list[int]) -> float:
    """Nanoseconds to the median in microseconds."""
    return sorted(times)[len(times) // 2] / 1_000.0
