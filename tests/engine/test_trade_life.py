"""Whole trades, with the real executor and the real symbol engine talking to a scripted exchange."""

import pytest

from tests.engine.world import Trader, World
from vortex.domain.records import TradeFinished


def a_world(**plan: object) -> World:
    world = World()
    world.ready()
    Trader(world, **plan)
    return world


def test_strategy_a_takes_profit_moves_to_break_even_and_trails_out() -> None:
    """S3-1, S3-2, S3-3: entry, 60 % at the target, stop to break-even before the old one goes, trail, stopped out."""
    world = a_world()
    world.want()
    assert world.state() == "ENTRY_SENT"
    world.feed(*world.venue.fill("v7-BTCUSDT-1-E0"))
    assert world.state() == "ACTIVE"
    assert world.venue.orders["v7-BTCUSDT-1-T0"].qty_lots == 60
    world.feed(*world.venue.fill("v7-BTCUSDT-1-T0"))
    assert world.state() == "TRAILING"
    assert world.wire.index(("send", "v7-BTCUSDT-1-S1")) < world.wire.index(("cancel", "v7-BTCUSDT-1-S0"))
    assert world.venue.orders["v7-BTCUSDT-1-S1"].trigger_ticks == 500_000
    world.live(10_000)
    world.price(50_200.0)
    assert world.venue.orders["v7-BTCUSDT-1-S2"].trigger_ticks == 501_500
    world.price(50_300.0)
    assert "v7-BTCUSDT-1-S3" not in world.venue.orders, "at most every 10 s"
    world.feed(*world.venue.trigger("v7-BTCUSDT-1-S2"))
    assert world.state() == "CLOSING"
    world.feed(*world.venue.fill("v7-BTCUSDT-1-S2"))
    [finished] = world.journal.of(TradeFinished)
    assert finished.exit_reason == "TP2"
    assert world.state() is None
    assert all(order.state.is_terminal for order in world.venue.orders.values())
    assert world.executor.view()["protection"]["max_unprotected_ms"] == 0


@pytest.mark.parametrize("reborn", ["symbol", "both"])
def test_a_reborn_symbol_trails_no_sooner_than_a_living_one(reborn: str) -> None:
    """S3-3: ten seconds between two moves, whoever made the first; the exchange's word on the stop tells when."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill("v7-BTCUSDT-1-E0"))
    world.feed(*world.venue.fill("v7-BTCUSDT-1-T0"))
    world.price(50_200.0)
    assert world.venue.orders["v7-BTCUSDT-1-S2"].trigger_ticks == 501_500
    world.live(3_000)
    world.symbol_epoch += 1
    if reborn == "both":
        world.boot()
        world.ready()
    Trader(world)
    world.live(1_000)
    world.price(50_300.0)
    assert world.state() == "TRAILING"
    assert "v7-BTCUSDT-1-S3" not in world.venue.orders
    for _ in range(10 if reborn == "both" else 7):  # the journal's word on the stop is a little younger
        world.live(1_000)
        world.price(50_300.0)
    assert world.venue.orders["v7-BTCUSDT-1-S3"].trigger_ticks == 502_500


def test_strategy_b_closes_all_at_its_target() -> None:
    """S3-3 for B."""
    world = a_world(take_profit_share=100, trail_ticks=0)
    world.want()
    world.feed(*world.venue.fill("v7-BTCUSDT-1-E0"))
    world.feed(*world.venue.fill("v7-BTCUSDT-1-T0"))
    [finished] = world.journal.of(TradeFinished)
    assert finished.exit_reason == "TP1_FULL"
    assert world.state() is None


def test_a_stopped_out_trade_is_sl() -> None:
    """The stop of the entry closes the position."""
    world = a_world()
    world.want()
    world.feed(*world.venue.fill("v7-BTCUSDT-1-E0"))
    world.feed(*world.venue.fill("v7-BTCUSDT-1-S0"))
    [finished] = world.journal.of(TradeFinished)
    assert finished.exit_reason == "SL"
