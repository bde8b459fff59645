"""What went in can be read back for screens and the mirror."""

import pytest

from vortex.domain.market import Interval


def test_trades_book_and_candles_come_back_as_they_went_in(build) -> None:
    """E0-2: newest last."""
    board = build.board()
    history = build.history(300, 1)
    board.warm_up(history)
    trades = [build.trade(i + 1, build.start_ms + i, 100.0 + i, 0.5 + i, sell=i % 2 == 0) for i in range(30)]
    depth = build.depth(7, build.start_ms + 50, build.ladder(100.0, -1), build.ladder(100.1, 1)[:3])
    for message in (*trades, depth):
        board.apply(message)
    recent = board.recent()
    back = recent.trades(10)
    assert [(t.agg_id, t.ts_ms, t.px, t.buyer_is_maker) for t in back] == [
        (t.agg_id, t.ts_ms, t.px, t.buyer_is_maker) for t in trades[-10:]
    ]
    assert [t.qty for t in back] == pytest.approx([t.qty for t in trades[-10:]])
    book = recent.book()
    assert book is not None
    assert (book.bids, book.asks, book.final_update_id) == (depth.bids, depth.asks, 7)
    for interval in Interval:
        ours = [(c.open_ms, c.open, c.high, c.low, c.close, c.volume) for c in recent.candles(interval, 7)]
        fed = [c for c in history if c.interval is interval][-7:]
        assert ours == [(c.open_ms, c.open, c.high, c.low, c.close, c.volume) for c in fed]


def test_nothing_is_read_from_an_empty_board(build) -> None:
    """Empty lists and no book."""
    recent = build.board().recent()
    assert recent.trades() == []
    assert recent.book() is None
    assert recent.candles(Interval.M5) == []
