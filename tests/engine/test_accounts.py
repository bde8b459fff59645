"""Money as sizing hears it: what closed trades say, the day's result, margin, the lease, what nobody explained."""

from decimal import Decimal

import pytest

from tests.engine.world import START_MS, Trader, World
from vortex.domain.events import AccountSampled, AccountView, Attached, EntryDenied
from vortex.domain.lease import Lease
from vortex.domain.outcomes import AccountReported, UserStreamUp
from vortex.domain.records import TradeFinished
from vortex.engine.accounts import DAY_MS
from vortex.execution.settings import ExecutionSettings
from vortex.kernel.clock import MS

E0, S0 = "v7-BTCUSDT-1-E0", "v7-BTCUSDT-1-S0"


def finished(number: int, pnl: int, *, reason: str = "SL", at_ms: int = START_MS - 1) -> TradeFinished:
    """A trade of the past."""
    return TradeFinished(
        symbol="BTCUSDT",
        trade_no=number,
        close_seq=number,
        exit_reason=reason,
        pnl_gross=Decimal(pnl) + 1,
        fees=Decimal(1),
        pnl_net=Decimal(pnl),
        entry_px=Decimal(50_000),
        exit_px=Decimal(50_000),
        maker_fills=1,
        taker_fills=1,
        entry_ms=at_ms - 1,
        exit_ms=at_ms,
    )


def told_after(*past: TradeFinished) -> AccountView:
    """What a symbol is told by an executor with such a past."""
    world = World()
    world.journal.records += past
    world.boot()
    world.ready()
    Trader(world)
    return world.events(Attached)[-1].account


def test_win_rate_and_payoff_are_of_closed_trades_and_not_of_entries_that_found_nobody() -> None:
    """S2-1: p is two of five, b is 20 over 8; a trade that earned nothing is no win."""
    rows = [finished(number, pnl) for number, pnl in enumerate((30, -10, 0, 10, -6), 1)]
    told = told_after(*rows, finished(6, -1, reason="NO_FILL"))
    assert (told.closed_trades, told.win_rate, told.payoff) == (5, 0.4, 2.5)
    assert told_after(finished(1, 30)).payoff == 0.0
    nothing = told_after()
    assert (nothing.closed_trades, nothing.win_rate, nothing.payoff, nothing.loss_streak) == (0, 0.0, 0.0, 0)


@pytest.mark.parametrize(
    ("results", "streak"), [((-5, 5, -1, -1), 2), ((-1, 0, -1), 1), ((-1, -1, 5), 0), ((-1, -1, -1), 3)]
)
def test_a_losing_streak_ends_with_the_last_trade_that_did_not_lose(results: tuple[int, ...], streak: int) -> None:
    """S2-1, by the order in which trades were closed, whatever the order of the rows."""
    rows = [finished(number, pnl) for number, pnl in enumerate(results, 1)]
    assert told_after(*reversed(rows)).loss_streak == streak


def test_the_days_result_is_of_the_day_in_utc() -> None:
    """S2-1: what ended before midnight is yesterday's; a part of an entry that was closed again counts."""
    midnight = START_MS - START_MS % DAY_MS
    told = told_after(
        finished(1, -100, at_ms=midnight - 1), finished(2, -7, at_ms=midnight), finished(3, -2, reason="NO_FILL")
    )
    assert told.pnl_today == -9


def test_the_days_result_begins_at_zero_at_midnight_and_its_opening_equity_is_the_last_one_seen() -> None:
    """S2-1: while the executor lives."""
    world = World()
    world.journal.records.append(finished(1, -100))
    world.boot()
    world.ready()
    world.venue.wallet = Decimal(9_900)
    world.advance(10_000)
    assert world.executor.view()["account"]["pnl_today"] == "-100"
    world.clock.advance(DAY_MS * MS)
    world.venue.wallet = Decimal(9_800)
    world.advance(10_000)
    account = world.executor.view()["account"]
    assert (account["pnl_today"], account["fees_today"]) == ("0", "0")
    sampled = [event for event in world.breaker if isinstance(event, AccountSampled)]
    assert (sampled[0].day_open_equity, sampled[-1].day_open_equity) == (10_000, 9_900)


def test_a_trade_that_ends_counts_from_then_on_and_an_entry_that_found_nobody_does_not() -> None:
    """S2-1: the living executor's figures are those that its successor reads from the journal."""
    world = World()
    world.journal.records += [finished(901, 50), finished(902, -10)]
    world.boot()
    world.ready()
    Trader(world)
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.feed(*world.venue.trigger(S0))
    world.feed(*world.venue.fill(S0))
    world.live(1_100)
    living = world.executor.view()["account"]
    assert world.journal.of(TradeFinished)[-1].exit_reason == "SL"
    world.symbol_epoch += 1
    Trader(world)
    before = world.events(Attached)[-1].account
    assert (before.closed_trades, before.loss_streak, before.win_rate) == (3, 2, 1 / 3)
    world.boot()
    world.ready()
    Trader(world)
    after = world.events(Attached)[-1].account
    names = ("closed_trades", "loss_streak", "win_rate", "payoff", "pnl_today")
    assert [getattr(before, name) for name in names] == [getattr(after, name) for name in names]
    assert world.executor.view()["account"]["pnl_today"] == living["pnl_today"]


def test_margin_is_the_plans_notional_over_its_leverage() -> None:
    """S2-2: 100 lots of 0.001 at 50 000 with leverage 10, from the wish to the end, however much was filled."""
    world = World()
    world.ready()
    Trader(world)
    world.price(50_000.0)
    world.want()
    assert Decimal(world.executor.view()["account"]["margin_used"]) == 500
    world.feed(*world.venue.fill(E0, 60))
    assert Decimal(world.executor.view()["account"]["margin_used"]) == 500


def test_a_symbol_is_told_what_the_lease_says_and_no_lease_is_a_no() -> None:
    """CB: a breaker that cannot answer is a veto."""
    world = World()
    world.ready()
    Trader(world)
    for permit, allowed in (({"allows": True}, True), ({"allows": False}, False), ({"gone": True}, False)):
        for name, value in permit.items():
            setattr(world.permit, name, value)
        world.symbol_epoch += 1
        Trader(world)
        assert world.events(Attached)[-1].account.entries_allowed is allowed


def test_a_lease_that_has_run_out_is_a_no() -> None:
    """CB: at its last instant already."""
    world = World()
    world.ready()
    for left_ns, allowed in ((1, True), (0, False)):
        lease = Lease(epoch=1, allows=True, judged_through=99, expires_mono_ns=world.clock.mono() + left_ns)
        world.permit.read = lambda lease=lease: lease
        world.symbol_epoch += 1
        Trader(world)
        assert world.events(Attached)[-1].account.entries_allowed is allowed


@pytest.mark.parametrize(("majors", "code"), [(("BTC", "ETH"), None), (("ETH",), "NOTIONAL_CAP")])
def test_a_position_is_at_most_ten_times_equity_in_a_major_and_one_and_a_half_times_elsewhere(majors, code) -> None:
    """S2-2: 20 000 on 10 000."""
    world = World(ExecutionSettings(major_bases=majors))
    world.ready()
    Trader(world, qty_lots=400)
    world.want()
    assert [denied.code for denied in world.events(EntryDenied)] == ([code] if code else [])


def unexplained(world: World) -> Decimal:
    """What the breaker was told last."""
    return [event for event in world.breaker if isinstance(event, AccountSampled)][-1].unexplained


def test_money_counts_as_unexplained_once_and_only_when_it_is_gone_for_two_readings() -> None:
    """EM-4: between a fill and the stream's word on it, a reading may see one without the other."""
    world = World()
    world.ready()
    world.advance(5_000)
    world.venue.wallet = Decimal(9_000)
    world.advance(5_000)
    assert unexplained(world) == 0
    world.venue.wallet = Decimal(10_000)
    world.advance(10_000)
    assert unexplained(world) == 0
    world.venue.wallet = Decimal(9_000)
    world.advance(30_000)
    assert unexplained(world) == -1_000
    world.venue.wallet = Decimal(8_900)
    world.advance(30_000)
    assert unexplained(world) == -1_100


def test_money_that_leaks_at_every_reading_counts_but_for_the_last_of_it() -> None:
    """EM-4: the gap is another one each time, and most of it has stood for long."""
    world = World()
    world.ready()
    world.advance(5_000)
    for _ in range(10):
        world.venue.wallet -= 80
        world.advance(5_000)
    assert -800 <= unexplained(world) <= -640
    world.advance(10_000)
    assert unexplained(world) == -800


def test_a_stream_that_was_away_may_have_missed_the_explanation() -> None:
    """EM-4: explaining begins anew with the next reading."""
    world = World()
    world.ready()
    world.advance(5_000)
    world.venue.wallet = Decimal(9_000)
    world.feed(UserStreamUp())
    world.advance(30_000)
    assert unexplained(world) == 0


def test_a_reason_that_explains_nothing_leaves_a_gap() -> None:
    """EM-4: neither a fill nor funding nor the owner."""
    world = World()
    world.ready()
    world.advance(5_000)
    world.venue.wallet = Decimal(9_000)
    world.feed(AccountReported(positions=(), wallet="9000", reason="ADMIN_WITHDRAW", ts_ms=1))
    world.advance(30_000)
    assert unexplained(world) == -1_000
