"""Every refusal has a machine-readable code, is counted, and is recorded with the decision it ended (S2-6, S1-5)."""

from typing import Any

import pytest

from tests.engine.world import Trader, World
from vortex.domain.commands import EnterTrade
from vortex.domain.reasons import DenyCode

PLANNED = (
    DenyCode.NO_ATR,
    DenyCode.BAD_LEVELS,
    DenyCode.MIN_TAKE_PROFIT,
    DenyCode.REWARD_RISK,
    DenyCode.MARGIN,
    DenyCode.NOTIONAL_CAP,
    DenyCode.BELOW_MINIMUM,
)
"""What `plan_trade` may say instead of a plan."""


def refusing(world: World, monkeypatch: pytest.MonkeyPatch, code: DenyCode) -> None:
    """From now on the risk manager says no."""

    def plan(*_: object) -> DenyCode:
        return code

    monkeypatch.setattr(world.symbols["BTCUSDT"], "_plan", plan)


@pytest.mark.parametrize("code", PLANNED)
def test_a_refused_plan_is_counted_recorded_and_not_sent(code: DenyCode, monkeypatch: pytest.MonkeyPatch) -> None:
    """The count is in the view that people and the mirror see."""
    world = World()
    world.ready()
    Trader(world)
    refusing(world, monkeypatch, code)
    world.want()
    world.live(120_000)
    world.want()
    assert not [command for command in world.commands if isinstance(command, EnterTrade)]
    view: dict[str, Any] = world.symbols["BTCUSDT"].view()
    assert view["refusals"] == {code.value: 2}
    assert [made.refused for made in world.decisions] == [code.value] * 2


def test_codes_are_words_that_no_two_reasons_share() -> None:
    """Machine-readable."""
    assert all(code.value == code.value.upper() and " " not in code.value for code in DenyCode)
    assert len({code.value for code in DenyCode}) == len(DenyCode)
