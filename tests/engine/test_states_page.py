"""The drawn state machines are those that run."""

import os
from pathlib import Path

from vortex.engine.states_page import states_page

PAGE = Path(__file__).resolve().parents[2] / "docs" / "states.md"


def test_the_page_of_state_machines_is_fresh() -> None:
    """Draw it anew with VORTEX_WRITE_DOCS=1."""
    if os.environ.get("VORTEX_WRITE_DOCS") == "1":
        PAGE.parent.mkdir(exist_ok=True)
        PAGE.write_text(states_page(), encoding="utf-8")
    assert PAGE.read_text(encoding="utf-8") == states_page(), "docs/states.md is stale: run with VORTEX_WRITE_DOCS=1"
