"""Measures the hot path on this machine: events per second in batch, cost of one live event, cost of a decision."""

from collections.abc import Callable, Sequence

import msgspec

from vortex.domain.instruments import Instrument
from vortex.domain.market import Depth, Trade
from vortex.kernel.clock import SECOND, Clock
from vortex.market.layout import LEVELS, Kind
from vortex.signals.board import SignalBoard
from vortex.signals.generated import GeneratedMarket, generate_market
from vortex.signals.settings import SignalSettings
from vortex.strategy.decision import DecisionContext, decide
from vortex.strategy.settings import DecisionSettings


class Speed(msgspec.Struct, frozen=True, kw_only=True):
    """Times of one event or call; the live ones are medians."""

    batch_events_per_s: float
    trade_us: float
    depth_us: float
    plain_decision_us: float
    full_decision_us: float


def measure(instrument: Instrument, clock: Clock, *, events: int = 1_000_000, live: int = 5_000) -> Speed:
    """Run generated events through a board in batch and one by one, then decide. Compiles the kernels first."""
    _run_batch(instrument, generate_market(10_000, seed=1))
    market = generate_market(events, seed=2)
    started = clock.mono()
    board = _run_batch(instrument, market)
    seconds = max(1, clock.mono() - started) / SECOND
    trades, depths = messages_of(generate_market(live, seed=3), instrument.symbol)
    fresh = SignalBoard(SignalSettings(), instrument)
    now_ms = board.cycle_ms
    return Speed(
        batch_events_per_s=events / seconds,
        trade_us=_median_us(clock, fresh.apply, trades),
        depth_us=_median_us(clock, fresh.apply, depths),
        plain_decision_us=_median_us(clock, lambda _: _decide(board, now_ms, explain=False), range(2_000)),
        full_decision_us=_median_us(clock, lambda _: _decide(board, now_ms, explain=True), range(2_000)),
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
        rows = market.books[int(event["ref"])].tolist()
        depths.append(
            Depth(
                symbol=symbol,
                ts_ms=ts_ms,
                first_update_id=ident,
                final_update_id=ident,
                prev_update_id=int(event["prev_id"]),
                bids=tuple((rows[i][0], rows[i][1]) for i in range(LEVELS)),
                asks=tuple((rows[i][2], rows[i][3]) for i in range(LEVELS)),
            )
        )
    return trades, depths


def _run_batch(instrument: Instrument, market: GeneratedMarket) -> SignalBoard:
    board = SignalBoard(SignalSettings(), instrument)
    at = 0
    while at < len(market.events):
        at = board.apply_batch(market.events, market.books, market.candles, at)
    return board


def _decide(board: SignalBoard, now_ms: int, *, explain: bool) -> object:
    return decide(board, DecisionContext(), DecisionSettings(score_min=2.0), now_ms, explain=explain)


def _median_us(clock: Clock, call: Callable[..., object], items: Sequence[object]) -> float:
    times: list[int] = []
    for item in items:
        before = clock.mono()
        call(item)
        times.append(clock.mono() - before)
    return sorted(times)[len(times) // 2] / 1_000.0
