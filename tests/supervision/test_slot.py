"""The slot of the day's most traded symbol: who has it, and that it changes hands only in order (P-1)."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from supervisors.config import RootConfig, with_slot
from supervisors.rotation import is_flat
from vortex.kernel.fsm import draw
from vortex.kernel.rng import Rng
from vortex.settings import Settings
from vortex.supervision import events as ev
from vortex.supervision.nodes import Status
from vortex.supervision.slot import (
    DAY_MS,
    TABLE,
    Chosen,
    Give,
    Left,
    Look,
    Looked,
    Restore,
    Retire,
    SlotState,
    TopVolumeSlot,
    until_next_day_ms,
)
from vortex.supervision.spec import ExitReason, TreePlan, house, symbol_child
from vortex.supervision.tree import Tree


def test_every_state_answers_every_event() -> None:
    """The table has no hole."""
    assert set(TABLE) == {(state, event) for state in SlotState for event in (Chosen, Looked, Left)}
    assert "WAITING --> LEAVING" in draw(TABLE, "slot")


def test_an_empty_slot_is_given_at_once() -> None:
    """Nobody has to leave."""
    slot = TopVolumeSlot("")
    assert slot.handle(Chosen("")) == []
    assert slot.handle(Chosen("DOGEUSDT")) == [Give("DOGEUSDT")]
    assert slot.held == "DOGEUSDT"


def test_the_same_symbol_again_changes_nothing() -> None:
    """Nor does a day without an answer."""
    slot = TopVolumeSlot("DOGEUSDT")
    assert slot.handle(Chosen("DOGEUSDT")) == slot.handle(Chosen("")) == []
    assert slot.state is SlotState.HOLDING


def test_a_symbol_leaves_when_flat_and_is_looked_at_again_when_gone() -> None:
    """Wait, retire, look, give."""
    slot = TopVolumeSlot("DOGEUSDT")
    assert slot.handle(Chosen("XRPUSDT")) == [Look()]
    assert slot.handle(Looked(False)) == [Look()]
    assert slot.handle(Looked(True)) == [Retire("DOGEUSDT")]
    assert slot.held == "DOGEUSDT"
    assert slot.handle(Left()) == [Look()]
    assert slot.handle(Looked(True)) == [Give("XRPUSDT")]
    assert (slot.held, slot.wanted, slot.state) == ("XRPUSDT", "", SlotState.HOLDING)


def test_what_was_opened_at_the_last_moment_brings_the_old_one_back() -> None:
    """Its trade is led to the end by its own symbol."""
    slot = TopVolumeSlot("DOGEUSDT")
    for event in (Chosen("XRPUSDT"), Looked(True), Left()):
        slot.handle(event)
    assert slot.handle(Looked(False)) == [Restore("DOGEUSDT"), Look()]
    assert slot.state is SlotState.WAITING
    assert slot.handle(Looked(True)) == [Retire("DOGEUSDT")]


def test_the_newest_days_choice_counts() -> None:
    """While waiting, another may be chosen, or the holder again."""
    slot = TopVolumeSlot("DOGEUSDT")
    slot.handle(Chosen("XRPUSDT"))
    assert slot.handle(Chosen("ADAUSDT")) == [Look()]
    assert slot.wanted == "ADAUSDT"
    assert slot.handle(Chosen("")) == [Look()]
    assert slot.wanted == "ADAUSDT"
    assert slot.handle(Chosen("DOGEUSDT")) == []
    assert slot.state is SlotState.HOLDING


events = st.one_of(
    st.sampled_from(["", "DOGEUSDT", "XRPUSDT", "ADAUSDT"]).map(Chosen),
    st.booleans().map(Looked),
    st.just(Left()),
)


@pytest.mark.property
@given(st.lists(events, max_size=40))
def test_never_two_share_the_slot_and_nobody_leaves_with_a_trade(steps) -> None:
    """Whatever is said in whatever order: given only after the other was retired and the account seen flat since."""
    slot, running, flat_since = TopVolumeSlot("DOGEUSDT"), "DOGEUSDT", False
    for step in steps:
        flat_since = step.flat if isinstance(step, Looked) else flat_since
        for effect in slot.handle(step):
            match effect:
                case Retire(symbol=symbol):
                    assert symbol == running
                    assert flat_since
                    running, flat_since = "", False
                case Give(symbol=symbol):
                    assert not running
                    assert flat_since
                    running = symbol
                case Restore(symbol=symbol):
                    assert not running
                    running = symbol
    assert (slot.state in (SlotState.LEAVING, SlotState.EMPTY)) == (not running)


@pytest.mark.property
@given(st.integers(0, 10**13))
def test_the_day_turns_at_midnight(now_ms: int) -> None:
    """00:00 UTC, within a day and never at once."""
    wait = until_next_day_ms(now_ms)
    assert 0 < wait <= DAY_MS
    assert (now_ms + wait) % DAY_MS == 0


def test_the_configuration_follows_the_slot() -> None:
    """Symbols of the tree, and of the settings that a restarted executor reads."""
    settings = Settings(home="/nowhere")
    config = RootConfig(
        home="", page="", boot_id="", symbols=settings.symbols, settings_json=settings.to_json(), top_volume="a:b"
    )
    first = with_slot(config, "DOGEUSDT")
    assert first.symbols == ("BTCUSDT", "ETHUSDT", "DOGEUSDT")
    second = with_slot(first, "XRPUSDT")
    assert (second.slot, second.symbols) == ("XRPUSDT", ("BTCUSDT", "ETHUSDT", "XRPUSDT"))
    assert Settings.from_json(second.settings_json).symbols == second.symbols
    assert with_slot(second, "").symbols == settings.symbols


@pytest.mark.parametrize(
    ("view", "flat"),
    [
        ({"state": "SERVING", "positions": [], "orders": []}, True),
        ({"state": "SERVING", "positions": [{"symbol": "BTCUSDT"}], "orders": []}, False),
        ({"state": "SERVING", "positions": [], "orders": [{"symbol": "BTCUSDT"}]}, False),
        ({"state": "RECOVERING", "positions": [], "orders": []}, False),
        ({"state": "HALTED", "positions": [], "orders": []}, False),
        ({}, False),
    ],
)
def test_only_a_serving_executor_can_say_that_the_account_is_flat(view, flat) -> None:
    """In doubt it is not."""
    assert is_flat(view) is flat


def test_the_tree_swaps_one_symbol_and_leaves_the_others_alone() -> None:
    """Stop, death, forgotten; then the newcomer starts. Nothing else is asked for, nothing is counted."""
    plan = TreePlan(symbols=("BTCUSDT", "DOGEUSDT"))
    tree = Tree(house(plan), Rng(1))
    adopted = tuple((role, True) for role in tree.roles())
    assert not [effect for effect in tree.handle(ev.Boot(adopted=adopted), 1) if isinstance(effect, ev.Start)]
    (stop,) = (e for e in tree.handle(ev.RemoveChild("symbol:DOGEUSDT"), 2) if not isinstance(e, ev.Record))
    assert isinstance(stop, ev.Stop)
    assert stop.role == "symbol:DOGEUSDT"
    told = tree.handle(ev.ChildExited(stop.role, stop.token, ExitReason.SHUTDOWN), 3)
    assert all(isinstance(effect, ev.Record) for effect in told)
    assert "symbol:DOGEUSDT" not in tree.roles()
    told = tree.handle(ev.AddChild("symbols", symbol_child("XRPUSDT", plan)), 4)
    assert [e.spec.role for e in told if isinstance(e, ev.Start)] == ["symbol:XRPUSDT"]
    assert tree.status("symbol:BTCUSDT") is Status.RUNNING
