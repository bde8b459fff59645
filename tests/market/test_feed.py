"""The feed's life: the table is complete, losses make it cold, silence is told once, delays grow with jitter."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vortex.kernel.fsm import draw
from vortex.kernel.rng import Rng
from vortex.market.backoff import delay_ms, plain_delay_ms
from vortex.market.feed import (
    TABLE,
    Acknowledged,
    Backfilled,
    Cold,
    Connect,
    FeedLink,
    FeedSettings,
    FeedState,
    GapSeen,
    HangUp,
    Lost,
    NeedBackfill,
    Opened,
    Ping,
    Retry,
    RetryDue,
    Seen,
    Silent,
    Start,
    Stop,
    Subscribe,
    Ticked,
    Warm,
)

EVENTS = (Start, Opened, Acknowledged, Backfilled, Seen, GapSeen, Ticked, Lost, RetryDue, Stop)


def link() -> FeedLink:
    """A feed that has not begun."""
    return FeedLink(FeedSettings(), Rng(1))


def live(now_ms: int = 0) -> FeedLink:
    """A feed that is subscribed and warm."""
    feed = link()
    for event in (Start(now_ms), Opened(now_ms), Acknowledged(now_ms), Backfilled(now_ms)):
        feed.handle(event)
    return feed


def test_every_state_answers_every_event() -> None:
    """The table has no hole."""
    assert set(TABLE) == {(state, event) for state in FeedState for event in EVENTS}
    assert "SUBSCRIBED --> STALE" in draw(TABLE, "feed")


def test_a_feed_connects_subscribes_backfills_and_is_warm() -> None:
    """E0-4, E0-5."""
    feed = link()
    assert feed.handle(Start(0)) == [Connect()]
    assert feed.handle(Opened(10)) == [Subscribe()]
    assert feed.handle(Acknowledged(20)) == [NeedBackfill()]
    assert not feed.warm
    assert feed.handle(Backfilled(30)) == [Warm()]
    assert feed.warm


def test_a_gap_makes_it_cold_until_it_is_filled() -> None:
    """E0-5: no decision on a warming feed."""
    feed = live()
    assert feed.handle(GapSeen(100, 77)) == [Cold(), NeedBackfill(77)]
    assert feed.state is FeedState.WARMING
    assert feed.handle(Backfilled(200)) == [Warm()]


def test_a_gap_is_a_sign_of_life_and_its_repair_has_the_time_of_a_new_connection() -> None:
    """Stale 2 s after it, not after what came before."""
    feed = live()
    feed.handle(GapSeen(1_500, 77))
    assert feed.last_seen_ms == 1_500
    assert feed.handle(Ticked(3_500)) == []
    assert feed.handle(Ticked(3_501)) == [Ping()]


def test_what_just_reaches_a_limit_of_time_is_not_too_late() -> None:
    """5 s to connect, 2 s to answer a ping."""
    feed = link()
    feed.handle(Start(0))
    assert feed.handle(Ticked(5_000)) == []
    assert [type(e) for e in feed.handle(Ticked(5_001))] == [Silent, HangUp, Retry]
    feed = live()
    feed.handle(Ticked(2_001))
    assert feed.handle(Ticked(4_001)) == []
    assert [type(e) for e in feed.handle(Ticked(4_002))] == [HangUp, Retry]


def test_a_feed_that_was_stopped_starts_without_the_delays_of_its_past() -> None:
    """Its first loss waits a second again."""
    feed = live()
    for _ in range(3):
        feed.handle(Lost(0, "reset"))
        feed.handle(RetryDue(0))
    feed.handle(Stop(0))
    feed.handle(Start(10))
    assert feed.last_seen_ms == 10
    assert feed.handle(Lost(20, "refused"))[-1].attempt == 0


def test_silence_is_pinged_then_told_once_then_reconnected() -> None:
    """Stale after 2 s, reconnected 2 s later, emergency after 5 s (E0-6), once."""
    feed = live()
    assert feed.handle(Ticked(2_000)) == []
    assert feed.handle(Ticked(2_001)) == [Cold(), Ping()]
    assert feed.state is FeedState.STALE
    effects = feed.handle(Ticked(4_002))
    assert [type(e) for e in effects] == [HangUp, Retry]
    assert feed.state is FeedState.RECONNECTING
    assert feed.handle(Ticked(5_000)) == []
    assert feed.handle(Ticked(5_001)) == [Silent(0)]
    assert feed.handle(Ticked(9_000)) == []
    feed.handle(RetryDue(9_100))
    feed.handle(Opened(9_200))
    feed.handle(Seen(9_300))
    assert feed.handle(Ticked(9_400)) == []
    assert feed.handle(Ticked(14_301))[0] == Silent(9_300)


def test_a_message_ends_staleness_but_asks_for_a_backfill() -> None:
    """What was missed in between is unknown."""
    feed = live()
    feed.handle(Ticked(3_000))
    assert feed.handle(Seen(3_100)) == [NeedBackfill()]
    assert feed.state is FeedState.WARMING


def test_the_outage_before_does_not_make_a_new_connection_stale() -> None:
    """Else its first history would be in vain. Silence still counts from the last message (law 2)."""
    feed = live()
    feed.handle(Lost(1_000, "reset"))
    for event in (RetryDue(2_000), Opened(4_000), Acknowledged(4_000)):
        feed.handle(event)
    assert feed.handle(Ticked(4_100)) == []
    assert feed.handle(Ticked(5_001)) == [Silent(0)]
    assert feed.handle(Ticked(5_101)) == []
    assert feed.handle(Backfilled(5_200)) == [Warm()]
    assert feed.handle(Lost(5_300, "reset"))[0] == Cold()
    for event in (RetryDue(6_000), Opened(7_000), Acknowledged(7_000)):
        feed.handle(event)
    assert feed.handle(Ticked(9_000)) == []
    assert feed.handle(Ticked(9_001)) == [Ping()]
    assert feed.state is FeedState.STALE


def test_delays_double_to_thirty_seconds_and_begin_anew_after_success() -> None:
    """1, 2, 4, 8, 16, 30 s, less up to a fifth (E0-4)."""
    assert [plain_delay_ms(n) for n in range(8)] == [1_000, 2_000, 4_000, 8_000, 16_000, 30_000, 30_000, 30_000]
    feed = live()
    delays = []
    now = 0
    for _ in range(6):
        (*_, retry) = feed.handle(Lost(now, "reset"))
        assert isinstance(retry, Retry)
        delays.append(retry.delay_ms)
        feed.handle(RetryDue(now))
    plain = [plain_delay_ms(n) for n in range(6)]
    assert all(0.8 * p <= d <= p for p, d in zip(plain, delays, strict=True))
    for event in (Opened(now), Acknowledged(now), Backfilled(now)):
        feed.handle(event)
    assert feed.handle(Lost(now, "reset"))[-1].attempt == 0


@pytest.mark.property
@given(st.integers(0, 50), st.integers(0, 10**6))
def test_no_delay_exceeds_the_limit(attempt: int, seed: int) -> None:
    """Nor is any shorter than a fifth less."""
    delay = delay_ms(attempt, Rng(seed))
    assert 0.8 * plain_delay_ms(attempt) <= delay <= plain_delay_ms(attempt) <= 30_000


moves = st.lists(st.tuples(st.sampled_from(EVENTS), st.integers(0, 3_000)), max_size=60)


@pytest.mark.property
@given(moves)
def test_warm_is_said_only_after_a_backfill_and_cold_whenever_it_ends(steps) -> None:
    """However events fall: what was told last is what is."""
    feed = link()
    now, told = 0, False
    for kind, gap in steps:
        now += gap
        extra = {Lost: ("gone",), GapSeen: (7,)}.get(kind, ())
        for effect in feed.handle(kind(now, *extra)):
            if isinstance(effect, Warm):
                assert kind is Backfilled
                told = True
            elif isinstance(effect, Cold):
                told = False
        assert feed.warm == told
