"""nautilus_trader with its Binance adapter, unmodified: a live node with a strategy, on unrouted streams."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients.environments import NotInstallable, interpreter_of
from tests.clients.exchange import Exchange

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200), pytest.mark.xdist_group("clients-nautilus")]

LIFE = [
    "OrderAccepted",
    "OrderUpdated",
    "OrderCanceled",
    "OrderRejected",
    "OrderAccepted",
    "OrderFilled",
    "OrderAccepted",
    "OrderFilled",
]


@pytest.fixture(scope="module", params=["nautilus", "nautilus-new"])
def node(request: pytest.FixtureRequest, fresh_exchange: Callable[[], Exchange]) -> Iterator[dict[str, Any]]:
    """What the strategy of a live node saw: the last version for Python 3.11, and a current one where it installs.

    Each gets an exchange of its own, because a node reconciles with everything the account has done before.
    """
    try:
        interpreter_of(request.param)
    except NotInstallable as reason:
        pytest.skip(str(reason))
    running = fresh_exchange()
    try:
        yield {"client": request.param, **running.run(request.param, "nautilus_trading.py")}
    finally:
        running.close()


def test_nautilus_loads_instruments_and_hears_the_market(node: dict[str, Any]) -> None:
    """Quotes, trades, book deltas and marks, decoded by its typed schemas."""
    assert node["instruments"] == ["BTCUSDT-PERP.BINANCE", "ETHUSDT-PERP.BINANCE"]
    assert {"quote", "trade", "book", "mark"} <= set(node["data"])


def test_nautilus_reconciles_what_was_there_before(node: dict[str, Any]) -> None:
    """An order and a position made by somebody else are found at the start."""
    assert node["orders_before"] == ["before-1"]
    assert node["positions_before"] == [["ETHUSDT-PERP.BINANCE", "0.100"]]


def test_nautilus_trades_a_whole_life(node: dict[str, Any]) -> None:
    """Accepted, amended and canceled by events; post-only refused; in and out again."""
    assert "stuck_at" not in node
    names = [name for name, _ in node["events"]]
    assert names[: len(LIFE)] == LIFE
    refused = [str(reason) for name, reason in node["events"] if name == "OrderRejected"]
    assert "Post Only" in refused[0]
    assert (node["opened"], node["closed"]) == (["2", "0.002"], "0.000")
    assert node["balance"].endswith("USDT")


def test_nautilus_meets_the_algo_service(node: dict[str, Any]) -> None:
    """The old version sends stops to /fapi/v1/order and is refused; the new one places and cancels an algo order."""
    rest = node["events"][len(LIFE) :]
    if node["client"] == "nautilus":
        assert [name for name, _ in rest] == ["OrderRejected"]
        assert "-4120" in rest[0][1]
    else:
        assert [name for name, _ in rest] == ["OrderAccepted", "OrderCanceled"]
