"""Ids and stamps are checked before a message may change anything (E0-8)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.domain.market import BestQuote, Candle, Depth, Interval, MarkPrice, Trade, packed_levels
from vortex.market.sequence import SequenceWatch, Verdict

NOW_MS = 1_700_000_000_000


def trade(agg_id: int, ts_ms: int = NOW_MS) -> Trade:
    """A trade with an id."""
    return Trade(symbol="BTCUSDT", ts_ms=ts_ms, agg_id=agg_id, px=1.0, qty=1.0, buyer_is_maker=False)


def depth(final: int, prev: int) -> Depth:
    """A book update with its chain."""
    return Depth(
        symbol="BTCUSDT",
        ts_ms=NOW_MS,
        first_update_id=prev + 1,
        final_update_id=final,
        prev_update_id=prev,
        levels=packed_levels((), ()),
    )


def now() -> int:
    """Our idea of the exchange's clock."""
    return NOW_MS


@pytest.mark.property
@given(st.lists(st.integers(1, 60), max_size=80))
def test_every_missing_trade_is_named_in_exactly_one_gap(ids: list[int]) -> None:
    """Whatever comes in whatever order: seen, repeated and missing ids add up."""
    watch = SequenceWatch()
    seen: set[int] = set()
    missing: set[int] = set()
    for agg_id in ids:
        finding = watch.check(trade(agg_id), now)
        newest = max(seen, default=0)
        assert (finding.verdict is Verdict.REPEATED) == (agg_id <= newest)
        if finding.verdict is Verdict.GAP:
            missing |= set(range(finding.missing_from, finding.missing_to + 1))
        if finding.usable:
            seen.add(agg_id)
    if seen:
        assert seen | missing == set(range(min(seen), max(seen) + 1))
        assert not seen & missing


def test_depth_chains_by_previous_update_id() -> None:
    """`pu` must equal the previous `u`."""
    watch = SequenceWatch()
    verdicts = [watch.check(depth(final, prev), now).verdict for final, prev in [(10, 5), (20, 10), (40, 30)]]
    assert verdicts == [Verdict.IN_ORDER, Verdict.IN_ORDER, Verdict.GAP]
    assert watch.check(depth(40, 30), now).verdict is Verdict.REPEATED
    assert watch.counts[("Depth", Verdict.GAP)] == 1


def test_what_comes_from_the_future_is_not_used_and_not_remembered() -> None:
    """An event later than the clock by more than the tolerance."""
    watch = SequenceWatch()
    finding = watch.check(trade(5, NOW_MS + 1_001), now)
    assert (finding.verdict, finding.usable) == (Verdict.AHEAD, False)
    assert watch.check(trade(5, NOW_MS + 1_000), now).usable
    assert watch.last_trade_id == 5


def test_the_clock_is_asked_again_when_its_last_word_does_not_allow_a_stamp() -> None:
    """Once a second in a market that runs with the clock; and a clock that was set back is believed."""
    watch, clock = SequenceWatch(), [NOW_MS]

    def asked() -> int:
        looks.append(clock[0])
        return clock[0]

    looks: list[int] = []
    for at_ms in range(0, 3_000, 100):
        clock[0] = NOW_MS + at_ms
        assert watch.check(trade(at_ms + 1, NOW_MS + at_ms), asked).verdict is not Verdict.AHEAD
    assert len(looks) == 3
    clock[0] = NOW_MS - 60_000
    assert watch.check(trade(9_000, NOW_MS + 5_000), asked).verdict is Verdict.AHEAD
    assert watch.check(trade(9_001, NOW_MS), asked).verdict is Verdict.AHEAD


def test_after_a_reconnect_the_books_chain_starts_anew_and_the_tapes_does_not() -> None:
    """The hole in the trades is what the backfill is for."""
    watch = SequenceWatch()
    watch.check(trade(5), now)
    watch.check(depth(20, 10), now)
    watch.forget()
    assert watch.check(depth(7, 6), now).verdict is Verdict.IN_ORDER
    finding = watch.check(trade(9), now)
    assert (finding.verdict, finding.missing_from, finding.missing_to) == (Verdict.GAP, 6, 8)


def test_a_backfill_closes_the_gap() -> None:
    """The next live trade follows the last one fetched."""
    watch = SequenceWatch()
    watch.check(trade(5), now)
    watch.filled(12)
    assert watch.check(trade(12), now).verdict is Verdict.REPEATED
    assert watch.check(trade(13), now).verdict is Verdict.IN_ORDER


def test_quotes_go_forward_and_prices_without_ids_pass() -> None:
    """bookTicker by update id; mark prices have none."""
    watch = SequenceWatch()
    quote = BestQuote(symbol="BTCUSDT", ts_ms=NOW_MS, update_id=3, bid_px=1.0, bid_qty=1.0, ask_px=2.0, ask_qty=1.0)
    mark = MarkPrice(
        symbol="BTCUSDT", ts_ms=NOW_MS, mark_px=1.0, index_px=1.0, funding_rate=0.0, next_funding_ms=NOW_MS
    )
    assert [watch.check(m, now).usable for m in (quote, quote, mark, mark)] == [True, False, True, True]


def test_after_a_reconnect_quotes_start_anew_and_repeats_are_all_counted() -> None:
    """Another connection may be a little behind the one before."""
    watch = SequenceWatch()
    quote = BestQuote(symbol="BTCUSDT", ts_ms=NOW_MS, update_id=3, bid_px=1.0, bid_qty=1.0, ask_px=2.0, ask_qty=1.0)
    assert [watch.check(quote, now).usable for _ in range(3)] == [True, False, False]
    assert watch.counts[("BestQuote", Verdict.REPEATED)] == 2
    watch.forget()
    assert watch.check(quote, now).usable


def test_the_updates_that_a_book_has_missed_are_named() -> None:
    """From the one after the last to the one before this."""
    watch = SequenceWatch()
    watch.check(depth(20, 10), now)
    finding = watch.check(depth(40, 30), now)
    assert (finding.verdict, finding.missing_from, finding.missing_to) == (Verdict.GAP, 21, 30)


def test_a_candle_that_opens_after_it_was_told_is_ahead() -> None:
    """Whatever the clock: a minute that has not begun has no prices."""
    watch = SequenceWatch()
    for open_ms, verdict in ((NOW_MS, Verdict.IN_ORDER), (NOW_MS + 1, Verdict.AHEAD)):
        candle = Candle(
            symbol="BTCUSDT",
            ts_ms=NOW_MS,
            interval=Interval.M1,
            open_ms=open_ms,
            open=1.0,
            high=1.0,
            low=1.0,
            close=1.0,
            volume=1.0,
            quote_volume=1.0,
            trades=1,
            taker_buy_volume=0.0,
            closed=False,
        )
        assert watch.check(candle, now).verdict is verdict


@pytest.mark.parametrize(("ahead_ms", "verdict"), [(1_000, Verdict.IN_ORDER), (1_001, Verdict.AHEAD)])
def test_a_second_ahead_of_the_clock_is_believed(ahead_ms: int, verdict: Verdict) -> None:
    """E0-8: clocks differ, though not by more."""
    assert SequenceWatch().check(trade(1, NOW_MS + ahead_ms), now).verdict is verdict
