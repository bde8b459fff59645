"""Entries from the symbol's wish to a finished trade."""

from tests.engine.world import World, a_plan
from vortex.domain.commands import Attach, EnterTrade, FinishTrade, SubmitOrder
from vortex.domain.events import Attached, OrderAccepted, OrderFilled, TradeClosed
from vortex.domain.records import FillRecorded, OrderIntended, TradeFinished, TradeOpened
from vortex.execution.specs import take_profit_spec


def test_a_trade_goes_from_attach_to_its_record() -> None:
    """Stop and entry leave together after one commit; the take-profit closes it; the trade is recorded once."""
    world = World()
    world.ready()
    world.command(Attach(symbol="BTCUSDT"))
    assert len(world.events(Attached)) == 1
    world.command(EnterTrade(plan=a_plan(take_profit_share=100, decided_ms=world.venue.now_ms)))
    assert [key for _, key in world.wire] == ["v7-BTCUSDT-1-S0", "v7-BTCUSDT-1-E0"]
    assert len(world.events(OrderAccepted)) == 2
    assert world.dead_man == {"BTCUSDT": 10_000}
    world.feed(*world.venue.fill("v7-BTCUSDT-1-E0"))
    assert world.dead_man == {"BTCUSDT": 0}
    plan = a_plan(take_profit_share=100)
    world.command(SubmitOrder(spec=take_profit_spec("v7", plan, 0, 100), why="take profit"))
    world.feed(*world.venue.fill("v7-BTCUSDT-1-T0"))
    assert [event.leaves_lots for event in world.events(OrderFilled)] == [0, 0]
    world.command(FinishTrade(symbol="BTCUSDT", trade_no=1, exit_reason="TP1_FULL"))
    assert len(world.journal.of(TradeOpened)) == 1
    assert len(world.journal.of(OrderIntended)) == 3
    assert len(world.journal.of(FillRecorded)) == 2
    [finished] = world.journal.of(TradeFinished)
    assert finished.exit_reason == "TP1_FULL"
    assert str(finished.pnl_gross) == "15.00000000"
    assert world.venue.orders["v7-BTCUSDT-1-S0"].state == "CANCELED"
    [closed] = world.events(TradeClosed)
    assert closed.close_seq == 1
    assert closed in world.breaker
    assert world.executor.view()["positions"] == []
