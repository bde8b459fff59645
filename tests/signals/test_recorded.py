"""A recorded session of trades and books through all engines: no refusal, sane signals, the same story every time."""

import gzip
from pathlib import Path

import numpy as np
import pyarrow.parquet as pq
import pytest

from vortex.domain.market import LEVELS
from vortex.domain.signals import Direction, Engine
from vortex.market.layout import CANDLE, EVENT, Kind
from vortex.signals.generated import GeneratedMarket, generate_history
from vortex.signals.settings import CycleSettings, SignalSettings

SPAN = "20240718T2357_20240719T0005"


def recorded(data: Path, symbol: str) -> GeneratedMarket:
    """Trades and 100 ms books in order of time."""
    folder = data / "market" / "l2_20240718"
    depth = pq.read_table(folder / f"{symbol}-depth20-100ms-{SPAN}.parquet").to_pandas()
    with gzip.open(folder / f"{symbol}-aggTrades-{SPAN}.csv.gz", "rt") as lines:
        rows = np.array([line.strip().split(",") for line in list(lines)[1:]])
    events = np.zeros(len(depth) + len(rows), EVENT)
    books = np.empty((len(depth), LEVELS, 4))
    for i in range(LEVELS):
        for column, name in enumerate((f"bid{i}_price", f"bid{i}_qty", f"ask{i}_price", f"ask{i}_qty")):
            books[:, i, column] = depth[name]
    first = events[: len(depth)]
    first["kind"], first["ref"], first["ts_ms"] = Kind.DEPTH, np.arange(len(depth)), depth["event_time"]
    first["id"], first["prev_id"] = depth["final_update_id"], depth["prev_final_update_id"]
    rest = events[len(depth) :]
    rest["kind"], rest["id"], rest["px"] = Kind.TRADE, rows[:, 0].astype(int), rows[:, 1].astype(float)
    rest["qty"], rest["ts_ms"] = rows[:, 2].astype(float), rows[:, 5].astype(int)
    rest["flag"] = np.char.lower(rows[:, 6]) == "true"
    order = np.argsort(events["ts_ms"], kind="stable")
    return GeneratedMarket(events[order].copy(), books, np.zeros(1, CANDLE))


@pytest.mark.parametrize("symbol", ["BTCUSDT", "ETHUSDT"])
def test_a_recorded_session_is_judged_the_same_way_each_time(build, shared_data: Path, symbol: str) -> None:
    """Eight minutes of the real market: every cycle's score, in one piece and in many."""
    market = recorded(shared_data, symbol)
    first = market.events[market.events["kind"] == Kind.TRADE][0]
    history = generate_history(symbol, int(first["ts_ms"]), seed=1, px=float(first["px"]))
    stories = []
    for size in (len(market.events), 777):
        board = build.board(SignalSettings(cycle=CycleSettings(gate=0.0)), symbol)
        board.warm_up(history)
        story, directions = [], set()
        for start in range(0, len(market.events), size):
            piece = market.events[start : start + size].copy()
            at = 0
            while at < len(piece):
                at = board.apply_batch(piece, market.books, market.candles, at)
                if board.reasons:
                    story.append((board.cycle_ms, board.score))
                    directions.add(board.signal(Engine.ORDER_FLOW, board.cycle_ms).direction)
        assert board.refusals() == {}
        assert board.is_warm(board.cycle_ms)
        assert directions == set(Direction)
        stories.append(story)
    assert len(stories[0]) > 4_000
    assert stories[0] == stories[1]
