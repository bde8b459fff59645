"""Entries that go wrong: refused, half filled, lost on the way, without a stop (S3-1, S3-2, S3-5, S3-6)."""

import json
from decimal import Decimal

import msgspec
import pytest

from tests.engine.world import Trader, World, a_plan
from vortex.domain.commands import Attach, EnterTrade, Flatten, Halt, LiftHalt, RaiseFence, Reconcile
from vortex.domain.effects import ReadBalance
from vortex.domain.events import AccountSampled, EntryDenied
from vortex.domain.orders import OrderState, Side, VenueFill
from vortex.domain.outcomes import BalanceTaken, FillReported, LinkDown, SnapshotFailed, UserStreamDown
from vortex.domain.records import EquityTaken, FillRecorded, OrderIntended, TradeFinished, TradeOpened
from vortex.engine.accounts import DAY_MS
from vortex.engine.desk import request_key
from vortex.engine.executor_view import answer_key
from vortex.execution.specs import entry_spec
from vortex.kernel.clock import MS

E0, S0, T0, C0 = (f"v7-BTCUSDT-1-{leg}0" for leg in "ESTC")


def a_world(**plan: object) -> World:
    world = World()
    world.ready()
    Trader(world, **plan)
    return world


def finished(world: World) -> list[str]:
    return [record.exit_reason for record in world.journal.of(TradeFinished)]


def is_clean(world: World) -> bool:
    """Nothing open on either side, and both sides agree."""
    venue_open = [o for o in world.venue.orders.values() if not o.state.is_terminal]
    ours = world.executor.view()
    return not venue_open and not ours["positions"] and not ours["orders"] and not any(world.venue.positions.values())


def test_a_post_only_refusal_is_a_skip() -> None:
    """-5022: the stop goes too, the trade ends as NO_FILL, the next one may come."""
    world = a_world()
    world.venue.refuse["E"] = -5022
    world.want()
    assert finished(world) == ["NO_FILL"]
    assert is_clean(world)
    world.live(1_500)
    world.want()
    assert world.state() == "ENTRY_SENT"


def test_an_entry_times_out() -> None:
    """S3-1: canceled after its timeout, NO_FILL."""
    world = a_world()
    world.want()
    world.live(4_900)
    assert world.state() == "ENTRY_SENT"
    world.live(200)
    assert finished(world) == ["NO_FILL"]
    assert is_clean(world)


def test_less_than_half_filled_at_the_timeout_is_closed_again() -> None:
    """S3-5."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0, 49))
    assert world.state() == "PARTIAL_FILL"
    world.live(5_100)
    assert finished(world) == ["NO_FILL"]
    assert world.venue.orders[C0].executed_lots == 49
    assert is_clean(world)


def test_what_a_closed_part_cost_is_known_after_a_restart_too() -> None:
    """S2-1: the day's result counts NO_FILL trades of which a part was filled; another incarnation adds up the same."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0, 49))
    world.live(5_100)
    before = world.executor.view()["account"]
    assert Decimal(before["fees_today"]) > 0 > Decimal(before["pnl_today"])
    world.boot()
    world.ready()
    after = world.executor.view()["account"]
    assert (after["pnl_today"], after["fees_today"]) == (before["pnl_today"], before["fees_today"])


def midnight(world: World) -> int:
    """How many ms it is to the next one."""
    return DAY_MS - world.venue.now_ms % DAY_MS


def test_a_trade_that_ends_before_midnight_is_yesterdays_although_the_journal_heard_of_it_after() -> None:
    """S2-1: the day's result is the same before a restart as after it, and as the breaker counts it."""
    world = a_world()
    world.advance(midnight(world) - 7_000)
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0, 49))
    world.live(4_500)
    world.price(50_000.0)
    world.journal.down = True
    world.live(1_500)
    assert world.venue.positions["BTCUSDT"] == 0
    world.live(2_000)
    world.journal.down = False
    world.live(1_000)
    assert finished(world) == ["NO_FILL"]
    assert world.executor.view()["account"]["fees_today"] == "0"
    world.boot()
    world.ready()
    assert world.executor.view()["account"]["fees_today"] == "0"


def test_a_day_opens_with_the_same_equity_for_an_executor_and_for_its_successor() -> None:
    """CB-1 is a share of it: the last equity before midnight, however soon after it another incarnation asks."""
    world = a_world()
    world.advance(midnight(world) - 2_000)
    world.advance(4_000)
    world.venue.wallet = Decimal(9_900)
    world.advance(10_000)
    day_ms = world.venue.now_ms - world.venue.now_ms % DAY_MS
    taken = [record for record in world.journal.of(EquityTaken) if record.ts_ms >= day_ms]
    sampled = [event for event in world.breaker if isinstance(event, AccountSampled)]
    assert sampled[-1].day_open_equity == taken[0].equity == 10_000


def test_half_filled_at_the_timeout_goes_on_with_adjusted_sizes() -> None:
    """S3-5: the target is 60 % of what was filled."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0, 50))
    world.live(5_100)
    assert world.state() == "ACTIVE"
    assert world.venue.orders[T0].qty_lots == 30


def test_a_lost_answer_is_asked_for_and_never_sent_again() -> None:
    """S3-6: the order was executed silently; the query finds it."""
    world = a_world()
    world.venue.swallow["E"] = "executed"
    world.want()
    assert world.state() == "PENDING_ENTRY"
    world.advance(300)
    assert world.state() == "ENTRY_SENT"
    assert [spec.client_order_id for spec in world.venue.requests].count(E0) == 1


def test_an_entry_that_never_arrived_is_given_up_after_several_not_founds() -> None:
    """S3-6: not found, spread over the window, no position: NO_FILL, and never a second sending."""
    world = a_world()
    world.venue.swallow["E"] = "lost"
    world.want()
    world.live(9_000)
    assert finished(world) == [], "not yet proven absent"
    world.live(4_000)
    assert finished(world) == ["NO_FILL"]
    assert [spec.client_order_id for spec in world.venue.requests].count(E0) == 1
    assert is_clean(world)


def test_while_an_entry_is_in_doubt_nothing_else_may_enter() -> None:
    """The trade holds its slot and its symbol."""
    world = a_world()
    world.venue.swallow["E"] = "lost"
    world.want()
    world.command(EnterTrade(plan=a_plan(trade_no=2, decided_ms=world.venue.now_ms)))
    assert world.events(EntryDenied)[-1].code == "SYMBOL_UNRECONCILED"


def test_without_a_stop_there_is_no_entry() -> None:
    """S3-2: a refused stop takes the resting entry with it."""
    world = a_world()
    world.venue.refuse["S"] = -4045
    world.want()
    assert finished(world) == ["NO_FILL"]
    assert is_clean(world)


def test_a_position_whose_stop_dies_gets_a_new_one() -> None:
    """S3-2: expired by the exchange; replaced at the same place at once."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    world.feed(*world.venue.end(S0, OrderState.EXPIRED, "7"))
    assert world.venue.orders["v7-BTCUSDT-1-S1"].trigger_ticks == 499_000
    assert world.venue.orders["v7-BTCUSDT-1-S1"].close_position
    assert world.state() == "ACTIVE"


def test_a_position_whose_stop_cannot_be_replaced_is_closed() -> None:
    """S3-2: two stops lost in a row."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    world.venue.refuse["S"] = -2021
    world.feed(*world.venue.end(S0, OrderState.EXPIRED, "7"))
    assert finished(world) == ["EMERGENCY"]
    assert is_clean(world)


def test_a_wall_clock_that_jumps_back_fills_no_budget(monkeypatch: pytest.MonkeyPatch) -> None:
    """S3-7: what was spent a minute ago is over, whatever the time of day is said to be."""
    world = a_world()
    world.want()
    world.live(5_100)
    unix = world.clock.unix
    monkeypatch.setattr(world.clock, "unix", lambda: unix() - 3_600_000 * MS)
    world.advance(65_000)
    throttle = world.executor.view()["throttle"]
    assert throttle["orders_1m"] == 0
    assert throttle["weight_1m"] < 300


def test_a_balance_that_cannot_be_read_counts_as_the_request_it_was() -> None:
    """EM-2: its latency is known, and no request is waited for any more."""
    asked = request_key(ReadBalance(token=-3))
    assert answer_key(SnapshotFailed(token=-3, reason="timeout")) == (asked, False)
    assert answer_key(BalanceTaken(token=-3, balance=World().venue.balance())) == (asked, True)
    assert answer_key(SnapshotFailed(token=3, reason="timeout")) == ("snapshot/3", False)


def test_the_guard_closes_a_bare_position_whose_symbol_is_dead() -> None:
    """Promise 9: within the protection limit, by the executor alone, and the trade is finished."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    del world.symbols["BTCUSDT"]
    world.feed(LinkDown(role="symbol:BTCUSDT"))
    world.feed(*world.venue.end(S0, OrderState.EXPIRED, "7"))
    world.advance(999)
    assert world.venue.positions["BTCUSDT"] == 100
    world.advance(2)
    assert world.venue.positions["BTCUSDT"] == 0
    world.advance(3_100)
    assert finished(world) == ["EMERGENCY"]
    assert is_clean(world)
    assert 999 <= world.executor.view()["protection"]["max_unprotected_ms"] <= 1_001


def test_a_triggered_stop_that_does_not_fill_is_not_trusted_for_long() -> None:
    """After the grace the guard's clock runs, and then the position is closed."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    world.feed(*world.venue.trigger(S0))
    world.advance(1_990)
    assert world.venue.positions["BTCUSDT"] == 100
    world.advance(20)
    assert world.venue.positions["BTCUSDT"] == 0
    assert finished(world) == ["SL"]


def test_a_forgotten_entry_is_canceled_by_the_executor() -> None:
    """Its symbol is dead: timeout plus grace."""
    world = a_world()
    world.want()
    del world.symbols["BTCUSDT"]
    world.advance(6_990)
    assert not world.venue.orders[E0].state.is_terminal
    world.advance(20)
    assert world.venue.orders[E0].state is OrderState.CANCELED
    world.advance(4_000)
    assert finished(world) == ["NO_FILL"]
    assert is_clean(world)


def test_a_position_held_too_long_is_closed() -> None:
    """S3-4: by its symbol at the limit, by the executor a little later if the symbol is dead."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    for _ in range(301):
        world.price(50_000.0)
        world.live(1_000)
    assert finished(world) == ["TIMEOUT"]
    other = a_world()
    other.want()
    other.feed(*other.venue.fill(E0))
    del other.symbols["BTCUSDT"]
    other.advance(304_990)
    assert other.venue.positions["BTCUSDT"] == 100
    other.advance(20)
    assert other.venue.positions["BTCUSDT"] == 0


def test_a_silent_feed_closes_the_position() -> None:
    """EM-1."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.live(5_100)
    assert finished(world) == ["EMERGENCY"]
    assert is_clean(world)


def test_a_close_that_is_refused_is_tried_again_after_a_pause() -> None:
    """-4131 in a crash; the second attempt has a new id, because the first was definitely refused."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.venue.refuse["C"] = -4131
    world.live(5_100)
    assert world.venue.positions["BTCUSDT"] == 100
    world.live(1_000)
    assert finished(world) == ["EMERGENCY"]
    assert is_clean(world)


def test_a_fill_reported_twice_counts_once() -> None:
    """S3-9: deduplicated by the exchange's number."""
    world = a_world()
    world.want()
    events = world.venue.fill(E0, 60)
    world.feed(*events, *events)
    assert len(world.journal.of(FillRecorded)) == 1
    assert world.executor.view()["positions"][0]["quantity"] == "0.060"


def test_a_fill_before_its_acceptance_is_taken() -> None:
    """T35: the stream runs ahead of the answer."""
    world = a_world()
    world.venue.swallow["E"] = "executed"
    world.want()
    world.feed(*world.venue.fill(E0))
    assert world.state() == "ACTIVE"


def test_a_fill_that_races_its_cancel_counts() -> None:
    """T46: canceled after filling; the fill wins."""
    world = a_world()
    world.want()
    fill = world.venue.fill(E0, 80)
    cancel = world.venue.end(E0, OrderState.CANCELED)
    world.feed(*cancel)
    assert world.state() != "NO_FILL", "80 lots are executed though their fill has not come"
    world.feed(*fill)
    assert world.state() == "ACTIVE"
    assert world.venue.orders[T0].qty_lots == 48


def test_an_older_incarnation_of_a_symbol_is_turned_away() -> None:
    """Promise 3."""
    world = a_world()
    world.operator(RaiseFence(role="symbol:BTCUSDT", epoch=2))
    world.want()
    assert world.journal.of(TradeOpened) == []
    assert world.executor.view()["denials"] == {"STALE_EPOCH": 1}


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"gone": True}, "NO_LEASE"),
        ({"allows": False}, "VETO"),
        ({"judged_through": -1}, "LEASE_BEHIND"),
    ],
)
def test_without_a_good_lease_nothing_opens(change: dict[str, object], code: str) -> None:
    """Decision 4: fail closed."""
    world = a_world()
    for name, value in change.items():
        setattr(world.permit, name, value)
    world.want()
    assert world.events(EntryDenied)[-1].code == code
    assert world.venue.requests == []
    assert world.state() is None


def test_a_veto_between_commit_and_wire_holds_the_entry_back() -> None:
    """Promise 6: the lease is read again right before sending."""
    world = a_world()
    commit = world.journal.commit

    def trip(epoch: int, effect: object) -> object:
        answer = commit(epoch, effect)  # type: ignore[arg-type]
        world.permit.allows = False
        return answer

    world.journal.commit = trip  # type: ignore[assignment,method-assign]
    world.want()
    assert world.venue.requests == []
    assert finished(world) == ["NO_FILL"]


def test_a_stale_intent_is_denied() -> None:
    """The market it was decided on is gone."""
    world = a_world()
    world.command(EnterTrade(plan=a_plan(decided_ms=world.venue.now_ms - 1_501)))
    assert world.events(EntryDenied)[-1].code == "STALE_INTENT"


def test_slots_are_counted_with_pending_entries() -> None:
    """CB-5: atomically, over all symbols."""
    world = World(settings=World().settings.__class__(max_positions=1))
    world.ready()
    Trader(world)
    Trader(world, symbol="ETHUSDT")
    world.want()
    world.want("ETHUSDT")
    assert world.events(EntryDenied)[-1].code == "SLOTS_FULL"
    assert len(world.journal.of(TradeOpened)) == 1


def test_without_a_journal_nothing_opens_and_reductions_still_leave() -> None:
    """JournalUnavailable: entries halt; the position is closed all the same, and recorded when the journal is back."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.journal.down = True
    world.live(5_100)
    assert world.venue.positions["BTCUSDT"] == 0
    assert finished(world) == []
    world.command(EnterTrade(plan=a_plan(symbol="ETHUSDT", decided_ms=world.venue.now_ms)), symbol="ETHUSDT")
    assert "JOURNAL_UNAVAILABLE" in world.executor.view()["denials"] or world.events(EntryDenied)
    world.journal.down = False
    world.live(1_000)
    assert finished(world) == ["EMERGENCY"]
    assert C0 in {record.spec.client_order_id for record in world.journal.of(OrderIntended)}
    assert world.executor.view()["journal"] == {"available": True, "backlog": 0}


def test_an_entry_whose_intent_is_not_durable_never_leaves() -> None:
    """Promise 1."""
    world = a_world()
    world.journal.down = True
    world.want()
    assert world.venue.requests == []
    world.journal.down = False
    world.live(2_000)
    assert finished(world) == ["NO_FILL"], "a commit that failed may be durable: its end is recorded"
    world.want()
    assert [spec.trade_no for spec in world.venue.requests] == [2, 2], "the first number is used up"


def test_without_the_user_stream_nothing_opens() -> None:
    """Account events are missing: no entries until it is back and compared."""
    world = a_world()
    world.feed(UserStreamDown(reason="reset"))
    world.want()
    assert world.events(EntryDenied)[-1].code == "USER_STREAM_DOWN"


def test_a_foreign_position_is_adopted_and_protected() -> None:
    """S3-9: seen twice, then adopted with a stop; the symbol leads it."""
    world = a_world()
    world.venue.foreign_fill("BTCUSDT", Side.SELL, 30, 500_000)
    world.operator(Reconcile(request_id="r1"))
    assert world.executor.view()["positions"] == []
    world.advance(600)
    assert world.executor.view()["positions"][0]["adopted"]
    assert world.venue.orders[S0].trigger_ticks == 501_500
    assert world.state() == "ACTIVE"
    world.feed(*world.venue.fill(T0))
    assert finished(world) == ["TP1_FULL"]
    assert is_clean(world)


def test_a_dry_run_reports_and_changes_nothing() -> None:
    """`vortex reconcile --dry-run`."""
    world = a_world()
    world.venue.foreign_fill("BTCUSDT", Side.SELL, 30, 500_000)
    world.operator(Reconcile(request_id="r1", dry_run=True))
    body = json.loads(world.answers[-1].body_json)
    kinds = {row["kind"] for row in body["differences"]}
    assert kinds == {"unknown_position", "missing_stop"}
    world.advance(2_000)
    assert world.executor.view()["positions"] == []


def test_fills_missed_by_the_stream_are_found_by_reconciliation() -> None:
    """S3-9: missing fill, status mismatch; the machines catch up."""
    world = a_world()
    world.want()
    world.advance(2_000)
    world.venue.silent_stream = True
    world.venue.fill(E0)
    world.venue.silent_stream = False
    assert world.state() == "ENTRY_SENT"
    world.operator(Reconcile(request_id="r1"))
    body = json.loads(world.answers[-1].body_json)
    assert {"missing_fill", "hanging_order"} <= {row["kind"] for row in body["differences"]}
    assert world.state() == "ACTIVE"


def test_flatten_closes_everything_and_answers_when_the_exchange_is_flat() -> None:
    """EM-5: positions, stops, foreign orders; and no new entry until it is lifted."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    world.venue.foreign_fill("ETHUSDT", Side.BUY, 7, 30_000)
    world.operator(Flatten(request_id="f1", why="operator"))
    world.live(3_000)
    body = json.loads(world.answers[-1].body_json)
    assert body["flat"] is True
    assert is_clean(world) or world.executor.view()["positions"], world.executor.view()
    assert not any(world.venue.positions.values())
    world.live(5_000)
    assert is_clean(world)
    world.want()
    assert world.events(EntryDenied)[-1].code == "HALTED"
    world.operator(LiftHalt(why="checked"))
    world.live(1_500)
    world.want()
    assert world.state() == "ENTRY_SENT"


def test_halt_cancels_resting_entries_and_keeps_positions() -> None:
    """A stopping tree."""
    world = a_world()
    world.want()
    world.operator(Halt(why="stop"))
    assert finished(world) == ["NO_FILL"]


def test_a_failed_snapshot_is_no_information() -> None:
    """Never read as flat: it is asked again and the symbol stays shut meanwhile."""
    world = World()
    answer = world.venue.snapshot
    world.venue.snapshot = lambda effect: SnapshotFailed(token=effect.token, reason="503")  # type: ignore[assignment,method-assign,return-value]
    world.ready()
    assert world.executor.state == "RECOVERING"
    world.command(Attach(symbol="BTCUSDT"))
    world.command(EnterTrade(plan=a_plan(decided_ms=world.venue.now_ms)))
    assert world.events(EntryDenied)[-1].code == "SYMBOL_UNRECONCILED"
    world.venue.snapshot = answer  # type: ignore[method-assign]
    world.advance(600)
    assert world.executor.state == "SERVING"


def test_the_dead_man_switch_is_refreshed_while_the_entry_works() -> None:
    """S3-8."""
    world = a_world()
    world.want()
    assert world.dead_man["BTCUSDT"] == 10_000
    world.dead_man.clear()
    world.live(3_400)
    assert world.dead_man["BTCUSDT"] == 10_000
    world.live(2_000)
    assert world.dead_man["BTCUSDT"] == 0


def test_a_fenced_executor_stops_without_another_word() -> None:
    """A newer executor lives."""
    world = a_world()
    world.journal.epoch = 99
    world.want()
    assert world.exits
    assert world.venue.requests == []
    assert world.executor.state == "FENCED"


def test_a_lost_user_stream_cancels_entries_and_reads_instead() -> None:
    """A fill while it is down is found within seconds."""
    world = a_world()
    world.want()
    world.feed(UserStreamDown(reason="reset"))
    assert world.venue.orders[E0].state is OrderState.CANCELED
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    world.feed(UserStreamDown(reason="reset"))
    world.venue.silent_stream = True
    world.venue.fill(S0)
    for _ in range(8):
        world.price(50_000.0)
        world.live(1_000)
    assert finished(world) == ["SL"]
    assert is_clean(world)


@pytest.mark.parametrize(
    ("client_order_id", "reason"), [("web_123", "MANUAL"), ("autoclose-1", "EMERGENCY"), ("ios_9", "MANUAL")]
)
def test_a_position_closed_by_somebody_else_ends_the_trade(client_order_id: str, reason: str) -> None:
    """T37: a person in the web page, or the exchange itself; the stop is swept."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill(E0))
    world.venue.positions["BTCUSDT"] = 0
    entry = world.venue.fills[-1]
    fill = msgspec.structs.replace(
        entry, venue_trade_id=999, venue_order_id=999, client_order_id=client_order_id, side=Side.SELL
    )
    order = msgspec.structs.replace(
        world.venue.orders[E0], client_order_id=client_order_id, venue_order_id=999, side=Side.SELL
    )
    world.feed(FillReported(fill=fill, order=order))
    assert finished(world) == [reason]
    assert is_clean(world)


def test_an_order_of_ours_that_the_journal_does_not_know_is_canceled() -> None:
    """S3-9, orphan order: its trade is over, or never was."""
    world = a_world()
    world.venue.submit(entry_spec("v7", a_plan(trade_no=77)))
    world.operator(Reconcile(request_id="r1"))
    assert world.venue.orders["v7-BTCUSDT-4d-E0"].state is OrderState.CANCELED
    body = json.loads(world.answers[-1].body_json)
    assert [row["kind"] for row in body["differences"]] == ["orphan_order"]
    assert body["unresolved"] == 0


def test_a_strangers_order_is_reported_and_left() -> None:
    """A person's order is a person's affair, unless set otherwise."""
    world = a_world()
    world.venue.submit(msgspec.structs.replace(entry_spec("v7", a_plan()), client_order_id="web_1"))
    world.operator(Reconcile(request_id="r1"))
    assert world.venue.orders["web_1"].state is OrderState.ACCEPTED
    assert any("web_1" in alert.text for alert in world.alerts)


def test_two_incarnations_of_the_executor_agree_on_the_next_trade_number() -> None:
    """Promise 2: ids never repeat over a restart."""
    world = a_world()
    world.want()
    world.live(5_200)
    assert finished(world) == ["NO_FILL"]
    world.symbols.clear()
    world.boot()
    world.ready()
    world.symbol_epoch += 1
    Trader(world)
    world.want()
    ids = [spec.client_order_id for spec in world.venue.requests]
    assert ids == [S0, E0, "v7-BTCUSDT-2-S0", "v7-BTCUSDT-2-E0"]


def test_a_new_executor_waits_out_the_fence_unless_its_predecessor_is_dead() -> None:
    """Decision 5: W plus the clocks' uncertainty."""
    world = World()
    world.boot(predecessor_dead=False)
    world.advance(1_199)
    assert world.executor.state == "RECOVERING"
    world.advance(2)
    assert world.executor.state == "SERVING"
    world.boot(predecessor_dead=True)
    world.advance(2)
    assert world.executor.state == "SERVING"


def test_a_trade_that_never_began_is_buried_by_the_next_executor() -> None:
    """Its commit failed but was durable; a newer trade of the symbol is the real one."""
    world = a_world()
    plan = a_plan(trade_no=1)
    world.journal.records += [
        TradeOpened(plan=plan, ts_ms=1),
        OrderIntended(spec=entry_spec("v7", plan), ts_ms=1),
        TradeOpened(plan=a_plan(trade_no=2), ts_ms=2),
        OrderIntended(spec=entry_spec("v7", a_plan(trade_no=2)), ts_ms=2),
    ]
    world.symbols.clear()
    world.boot()
    world.ready()
    world.live(20_000)
    assert {record.trade_no: record.exit_reason for record in world.journal.of(TradeFinished)} == {
        1: "NO_FILL",
        2: "NO_FILL",
    }
    assert is_clean(world)


def test_the_true_fill_behind_an_alignment_is_not_counted_on_top_of_it() -> None:
    """A stranger traded unseen; the position was aligned; later the fill itself is read, also by the next executor."""
    world = a_world()
    world.venue.foreign_fill("BTCUSDT", Side.SELL, 30, 500_000)
    true_fill = msgspec.structs.replace(
        fill_of(world), venue_trade_id=4_711, client_order_id="web_1", side=Side.SELL, qty_lots=30
    )
    world.operator(Reconcile(request_id="r1"))
    world.live(600)
    assert world.executor.view()["positions"][0]["quantity"] == "-0.030"
    world.venue.fills.append(true_fill)
    world.operator(Reconcile(request_id="r2"))
    assert world.executor.view()["positions"][0]["quantity"] == "-0.030"
    world.symbols.clear()
    world.boot()
    world.ready()
    world.advance(2_000)
    assert world.executor.view()["positions"][0]["quantity"] == "-0.030"


def fill_of(world: World) -> VenueFill:
    """A fill of a moment ago."""
    return VenueFill(
        symbol="BTCUSDT",
        venue_trade_id=1,
        venue_order_id=999,
        client_order_id="x",
        side=Side.BUY,
        qty_lots=1,
        px_ticks=500_000,
        fee=Decimal(0),
        fee_asset="USDT",
        realized_pnl=Decimal(0),
        is_maker=True,
        ts_ms=world.venue.now_ms,
    )


def test_a_paused_executor_with_a_trade_finds_out_within_a_second() -> None:
    """It has nothing to say, and says it all the same: the journal answers that a newer one lives."""
    world = a_world()
    world.want()
    world.journal.epoch = 99
    sent = len(world.venue.requests)
    world.advance(2_100)
    assert world.executor.state == "FENCED"
    assert len(world.venue.requests) == sent


def test_a_number_that_the_exchange_has_seen_is_never_used_again() -> None:
    """An order that left without a journal: its successor does not know it, and the snapshot shows it."""
    world = a_world()
    world.venue.submit(entry_spec("v7", a_plan(trade_no=5)))
    world.operator(Reconcile(request_id="r1"))
    world.want()
    assert world.events(EntryDenied)[-1].code == "TRADE_NO_USED"
    world.live(1_500)
    world.want()
    assert world.venue.requests[-1].client_order_id == "v7-BTCUSDT-6-E0"
