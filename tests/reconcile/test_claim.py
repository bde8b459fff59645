"""An order of an open trade is known by its id and its terms, and by nothing less (S3-6, S3-9)."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.execution.builders import a_plan, described
from vortex.domain.orders import OrderSpec, Side, VenueOrder
from vortex.domain.plans import TradePlan
from vortex.execution.specs import close_spec, entry_spec, stop_spec, take_profit_spec
from vortex.reconcile.claim import claimed

TAG = "v7"
NUMBER = st.integers(1, 1_000_000)


def legs(plan: TradePlan, attempt: int = 0) -> list[OrderSpec]:
    """One order of each leg that may rest."""
    return [
        entry_spec(TAG, plan),
        stop_spec(TAG, plan, attempt, plan.stop_px_ticks),
        stop_spec(TAG, plan, attempt, plan.entry_px_ticks, plan.qty_lots),
        take_profit_spec(TAG, plan, attempt, plan.qty_lots),
    ]


@pytest.mark.property
@given(st.sampled_from(Side), NUMBER, NUMBER, st.integers(1, 1_000), st.integers(0, 255))
def test_whatever_a_trade_would_send_is_recognized_to_the_letter(
    side: Side, trade_no: int, entry_ticks: int, lots: int, attempt: int
) -> None:
    """The spec that comes back is the one that left."""
    stop_ticks = max(1, entry_ticks - 100 * side.sign)
    plan = a_plan(
        side=side, trade_no=trade_no, entry_px_ticks=max(entry_ticks, 2), stop_px_ticks=stop_ticks, qty_lots=lots
    )
    for spec in legs(plan, attempt):
        if (spec.trigger_ticks - stop_ticks) * side.sign >= 0:
            assert claimed(described(spec), plan, TAG) == spec


@pytest.mark.parametrize("spec", legs(a_plan()), ids=lambda spec: spec.client_order_id)
@pytest.mark.parametrize(
    ("tag", "changes"),
    [
        ("other", {}),
        (TAG, {"trade_no": 8}),
        (TAG, {"symbol": "ETHUSDT"}),
        (TAG, {"side": Side.SELL, "stop_px_ticks": 5_100}),
    ],
)
def test_another_account_trade_symbol_or_side_is_not_ours(spec: OrderSpec, tag: str, changes: dict[str, Any]) -> None:
    """The id must say so, and the side must be the plan's."""
    assert claimed(described(spec), a_plan(**changes), tag) is None


@pytest.mark.parametrize(
    "changed",
    [
        described(entry_spec(TAG, a_plan()), px_ticks=5_001),
        described(entry_spec(TAG, a_plan()), qty_lots=11),
        described(entry_spec(TAG, a_plan()), reduce_only=True),
        described(stop_spec(TAG, a_plan(), 1, 4_899)),
        described(stop_spec(TAG, a_plan(), 1, 4_900), side=Side.BUY),
        described(stop_spec(TAG, a_plan(), 1, 4_900, 10), reduce_only=False),
        described(stop_spec(TAG, a_plan(), 1, 4_900), px_ticks=4_890),
        described(take_profit_spec(TAG, a_plan(), 0, 10), px_ticks=5_149),
        described(take_profit_spec(TAG, a_plan(), 0, 11)),
        described(take_profit_spec(TAG, a_plan(), 0, 10), reduce_only=False),
        described(close_spec(TAG, a_plan(), 0, 10, "SL")),
        described(entry_spec(TAG, a_plan()), client_order_id="web_1"),
    ],
)
def test_other_terms_are_not_ours(changed: VenueOrder) -> None:
    """Price, quantity, side, a stop that risks more than the plan; and a close never rests."""
    assert claimed(changed, a_plan(), TAG) is None


def test_a_stop_that_closes_the_whole_position_may_be_described_in_more_than_one_way() -> None:
    """Quantity and reduce-only mean nothing there, and the exchange fills them in as it likes."""
    spec = stop_spec(TAG, a_plan(), 0, 4_950)
    assert claimed(described(spec, qty_lots=55, reduce_only=True), a_plan(), TAG) == spec


def test_an_adopted_trade_has_no_entry() -> None:
    """What would open it further is none of its orders."""
    adopted = a_plan(entry_timeout_ms=0)
    assert claimed(described(entry_spec(TAG, adopted)), adopted, TAG) is None
