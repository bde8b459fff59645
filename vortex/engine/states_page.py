"""The page of state diagrams (docs/states.md), drawn from the tables that run."""

from vortex.execution.order_fsm import ORDER_TABLE
from vortex.execution.position_fsm import POSITION_TABLE
from vortex.kernel.fsm import Ignore, Table, draw
from vortex.market.feed import TABLE as FEED_TABLE

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
    ]
    return "\n".join(parts).rstrip() + "\n"


def _ignored(table: Table) -> str:  # type: ignore[type-arg]  # any machine's table
    """What is heard and does nothing, with its reason, grouped."""
    reasons: dict[tuple[str, str], list[str]] = {}
    for (state, event), rule in table.items():
        if isinstance(rule, Ignore):
            reasons.setdefault((event.__name__, rule.why), []).append(state.name)
    lines = ["| ignored | in | because |", "|---|---|---|"]
    lines += [f"| {event} | {', '.join(states)} | {why} |" for (event, why), states in reasons.items()]
    return "\n".join([*lines, ""])
