"""The simulated journal has PostgreSQL's semantics: atomic, fenced, durable, idempotent where the real one is."""

from decimal import Decimal

import msgspec
import pytest

from vortex.domain.orders import Leg, OrderState, Side, VenueFill
from vortex.domain.plans import TradePlan
from vortex.domain.records import CLOSED_KEPT, FillRecorded, OrderChanged, OrderIntended, TradeFinished, TradeOpened
from vortex.domain.signals import Strategy
from vortex.execution.specs import entry_spec, stop_spec
from vortex.kernel.errors import Fenced, JournalUnavailable, LocalViolation
from vortex.sim.journal import SimJournal

NOW = 1_767_260_000_000


def plan(trade_no: int = 1, qty_lots: int = 10) -> TradePlan:
    """A small long."""
    return TradePlan(
        symbol="BTCUSDT",
        trade_no=trade_no,
        side=Side.BUY,
        strategy=Strategy.MOMENTUM_RIDE,
        qty_lots=qty_lots,
        entry_px_ticks=800_000,
        stop_px_ticks=799_900,
        take_profit_px_ticks=800_100,
        trail_ticks=20,
        take_profit_share=60,
        entry_timeout_ms=5_000,
        max_hold_ms=60_000,
        leverage=5,
        confidence=70.0,
        final_score=0.6,
        size_usdt=Decimal(800),
        decided_ms=NOW,
    )


def opened(trade_no: int = 1) -> list[object]:
    """Trade, stop and entry, as one commit."""
    made = plan(trade_no)
    return [
        TradeOpened(plan=made, ts_ms=NOW),
        OrderIntended(spec=stop_spec("v7", made, 0, made.stop_px_ticks), ts_ms=NOW),
        OrderIntended(spec=entry_spec("v7", made), ts_ms=NOW),
    ]


def fill(trade_id: int = 7) -> VenueFill:
    """A maker fill of the entry."""
    return VenueFill(
        symbol="BTCUSDT",
        venue_trade_id=trade_id,
        venue_order_id=1,
        client_order_id=entry_spec("v7", plan()).client_order_id,
        side=Side.BUY,
        qty_lots=4,
        px_ticks=800_000,
        fee=Decimal("0.06"),
        fee_asset="USDT",
        realized_pnl=Decimal(0),
        is_maker=True,
        ts_ms=NOW + 5,
    )


def finished(trade_no: int = 1, close_seq: int = 1) -> TradeFinished:
    """The end of a trade."""
    return TradeFinished(
        symbol="BTCUSDT",
        trade_no=trade_no,
        close_seq=close_seq,
        exit_reason="SL",
        pnl_gross=Decimal(-1),
        fees=Decimal("0.1"),
        pnl_net=Decimal("-1.1"),
        entry_px=Decimal(80_000),
        exit_px=Decimal(79_990),
        maker_fills=1,
        taker_fills=1,
        entry_ms=NOW,
        exit_ms=NOW + 9,
    )


def test_an_older_epoch_commits_nothing() -> None:
    """The fence is part of the commit: not one record of a replaced executor is applied."""
    journal = SimJournal()
    old = journal.take_epoch("executor")
    journal.take_epoch("executor")
    with pytest.raises(Fenced):
        journal.commit(old, opened(), 0)
    assert not journal.orders
    assert not journal.trades
    assert journal.fenced == 1


def test_a_commit_is_all_or_nothing() -> None:
    """One impossible record refuses the whole batch."""
    journal = SimJournal()
    epoch = journal.take_epoch("executor")
    journal.commit(epoch, opened(), 0)
    other = OrderIntended(spec=entry_spec("v7", plan(qty_lots=99)), ts_ms=NOW)
    with pytest.raises(LocalViolation):
        journal.commit(epoch, [TradeOpened(plan=plan(2), ts_ms=NOW), other], 0)
    assert ("BTCUSDT", 2) not in journal.trades


def test_a_repeated_batch_changes_nothing() -> None:
    """A writer whose answer was lost may write the same again."""
    journal = SimJournal()
    epoch = journal.take_epoch("executor")
    for _ in range(2):
        journal.commit(epoch, [*opened(), FillRecorded(fill=fill(), trade_no=1, fee_cash=1)], 0)
    assert len(journal.fills) == 1
    assert len(journal.trades[("BTCUSDT", 1)].fills) == 1


def test_an_unavailable_journal_takes_and_gives_nothing() -> None:
    """Neither a commit nor a load gets through, and nothing of it is applied later."""
    journal = SimJournal()
    epoch = journal.take_epoch("executor")
    journal.available = False
    with pytest.raises(JournalUnavailable):
        journal.commit(epoch, opened(), 0)
    with pytest.raises(JournalUnavailable):
        journal.snapshot(["BTCUSDT"], NOW)
    journal.available = True
    assert not journal.trades


def test_a_snapshot_separates_open_trades_from_leftovers() -> None:
    """A finished trade's order that still lives is a leftover to sweep; its trade counts as closed."""
    journal = SimJournal()
    epoch = journal.take_epoch("executor")
    journal.commit(epoch, opened(1), 0)
    entry = entry_spec("v7", plan()).client_order_id
    stop = stop_spec("v7", plan(), 0, 1).client_order_id
    change = OrderChanged(client_order_id=entry, state=OrderState.FILLED, executed_lots=10, venue_order_id=5, ts_ms=NOW)
    journal.commit(epoch, [change, FillRecorded(fill=fill(), trade_no=1, fee_cash=1), finished()], 0)
    journal.commit(epoch, opened(2), 0)
    taken = journal.snapshot(["BTCUSDT"], NOW)
    assert [trade.plan.trade_no for trade in taken.trades] == [2]
    assert [order.spec.client_order_id for order in taken.leftover_orders] == [stop]
    assert taken.leftover_orders[0].spec.leg is Leg.STOP
    assert taken.last_trade_no == {"BTCUSDT": 2}
    assert taken.last_close_seq == 1
    assert [trade.exit_reason for trade in taken.closed] == ["SL"]
    assert taken.last_fill_ms == NOW + 5


def test_epochs_only_grow() -> None:
    """Each incarnation of a role has a larger number, and roles count apart."""
    journal = SimJournal()
    assert [journal.take_epoch("executor") for _ in range(3)] == [1, 2, 3]
    assert journal.take_epoch("breaker") == 1


def test_unfilled_entries_push_no_trade_out_of_the_past() -> None:
    """Kelly counts trades that filled (S2-1): the last of those come along, however old, and the last day."""
    journal = SimJournal()
    epoch = journal.take_epoch("executor")
    last = 2 * CLOSED_KEPT + 20
    for number in range(1, last + 1):
        reason = "NO_FILL" if number % 2 else "SL"
        end = msgspec.structs.replace(finished(number, number), exit_reason=reason, exit_ms=NOW + number)
        journal.commit(epoch, [TradeOpened(plan=plan(number), ts_ms=NOW), end], 0)
    later = NOW + 3 * 86_400_000
    assert [trade.close_seq for trade in journal.snapshot(["BTCUSDT"], later).closed] == list(range(22, last + 1, 2))
    assert len(journal.snapshot(["BTCUSDT"], NOW).closed) == last
