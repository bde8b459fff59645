"""The slot of the day's most traded symbol on the real tree: it waits for a flat account, swaps, and is remembered."""

import asyncio
import os
import signal
import time
from pathlib import Path

import pytest

from supervisors.rotation import DAY_KEY, SLOT_KEY
from tests.tree.house import House, eventually, running_house
from tests.tree.toy_roles import FileRegistry
from vortex.supervision.slot import DAY_MS

pytestmark = [pytest.mark.ray, pytest.mark.timeout(900)]


def symbols_of(house: House) -> list[str]:
    """Symbols whose process runs."""
    rows = house.status()["tree"]
    return sorted(row["name"] for row in rows if row["kind"] == "symbol" and row["state"] == "running")


async def remember(path: Path, day: int) -> None:
    """What an earlier life left behind."""
    registry = FileRegistry(str(path))
    await registry.set_state(SLOT_KEY, "DOGEUSDT")
    await registry.set_state(DAY_KEY, str(day))
    await registry.close()


def test_the_most_traded_symbol_of_a_new_day_takes_the_slot_when_nothing_is_open(tmp_path: Path) -> None:
    """The former holder stays while a trade is open; siblings keep their processes; a reborn root knows the new one."""
    home = tmp_path / "home"
    (home / "crash").mkdir(parents=True)
    (home / "crash" / "choice").write_text("XRPUSDT")
    (home / "crash" / "open").touch()
    yesterday = time.time_ns() // 1_000_000 // DAY_MS - 1
    asyncio.run(remember(home / "registry.db", yesterday))
    with running_house(home, top_volume="toy_roles:toy_choice", patience=100) as house:
        registry = FileRegistry(str(home / "registry.db"))

        def kinds(symbol: str) -> list[str]:
            return [event.kind for event in registry.events() if event.role == f"symbol:{symbol}"]

        house.settle()
        eventually(lambda: "slot.chosen" in kinds("XRPUSDT"), "the day's choice")
        assert symbols_of(house) == ["symbol:BTCUSDT", "symbol:DOGEUSDT", "symbol:ETHUSDT"]
        bitcoin, executor = house.row("symbol:BTCUSDT"), house.row("executor")

        (home / "crash" / "open").unlink()
        eventually(lambda: "symbol:XRPUSDT" in symbols_of(house), "the newcomer")
        assert symbols_of(house) == ["symbol:BTCUSDT", "symbol:ETHUSDT", "symbol:XRPUSDT"]
        assert house.row("symbol:BTCUSDT")["pid"] == bitcoin["pid"]
        house.replaced(executor)
        assert "slot.changed" in kinds("XRPUSDT")
        assert kinds("DOGEUSDT")[-1] == "child.exited"

        newcomer, root = house.row("symbol:XRPUSDT"), house.row("root")
        os.kill(root["pid"], signal.SIGKILL)
        eventually(lambda: house.row("root")["pid"] != root["pid"], "a new root")
        house.settle()
        assert house.row("symbol:XRPUSDT")["pid"] == newcomer["pid"]
        assert symbols_of(house) == ["symbol:BTCUSDT", "symbol:ETHUSDT", "symbol:XRPUSDT"]
