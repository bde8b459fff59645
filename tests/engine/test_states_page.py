"""docs/states.md is drawn from the tables that run, and this is where it is drawn."""

import os
from pathlib import Path

from vortex.execution.order_fsm import ORDER_TABLE
from vortex.execution.position_fsm import POSITION_TABLE
from vortex.kernel.fsm import Ignore, Table, draw
from vortex.market.feed import TABLE as FEED_TABLE
from vortex.supervision.slot import TABLE as SLOT_TABLE

PAGE = Path(__file__).resolve().parents[2] / "docs" / "states.md"
_HEAD = """# State machines

Drawn from the tables in the code; a test fails when this page is stale. Behaviour is in the tables alone: every pair of
state and event is a step, an ignore with a reason, or a refusal that is counted and changes nothing.

To draw it anew: `VORTEX_WRITE_DOCS=1 python -m pytest tests/engine/test_states_page.py`
"""


def states_page() -> str:
    """The whole page."""
    parts = [
        _HEAD,
        "## Orders (`vortex/execution/order_fsm.py`)\n",
        "One per order, in the executor. In flight are SUBMITTED, PENDING_CANCEL and IN_DOUBT.\n",
        draw(ORDER_TABLE, "Order"),
        _ignored(ORDER_TABLE),
        "## Positions (`vortex/execution/position_fsm.py`)\n",
        "One per trade, in the symbol's process. The state is a reading of orders and fills, so it can be rebuilt.\n",
        draw(POSITION_TABLE, "Position"),
        _ignored(POSITION_TABLE),
        "## Feeds (`vortex/market/feed.py`)\n",
        "One per symbol. Decisions are allowed in SUBSCRIBED only.\n",
        draw(FEED_TABLE, "Feed"),
        _ignored(FEED_TABLE),
        "## The slot of the most traded symbol (`vortex/supervision/slot.py`)\n",
        "One per house, in the root. A symbol leaves while nothing is open.\n",
        draw(SLOT_TABLE, "Slot"),
        _ignored(SLOT_TABLE),
    ]
    return "\n".join(parts).rstrip() + "\n"


def _ignored(table: Table) -> str:
    """What is heard and does nothing, with its reason, grouped."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for (state, event), rule in table.items():
        if isinstance(rule, Ignore):
            reasons.setdefault((event.__name__, rule.why), []).append(state.name)
    lines = ["| ignored | in | because |", "|---|---|---|"]
    lines += [f"| {event} | {', '.join(states)} | {why} |" for (event, why), states in reasons.items()]
    return "\n".join([*lines, ""])


def test_the_page_of_state_machines_is_fresh() -> None:
    """Draw it anew with VORTEX_WRITE_DOCS=1."""
    if os.environ.get("VORTEX_WRITE_DOCS") == "1":
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(states_page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == states_page(), "docs/states.md is stale: run with VORTEX_WRITE_DOCS=1"
