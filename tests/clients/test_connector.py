"""binance-futures-connector, unmodified: the old connector with its query strings and threaded sockets."""

from collections.abc import Callable
from typing import Any

import pytest

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200), pytest.mark.xdist_group("clients-connector")]

Found = Callable[[str, str], dict[str, Any]]


@pytest.fixture
def connector(found: Found) -> dict[str, Any]:
    """What its script found out."""
    return found("connector", "connector_all.py")


def test_the_connector_reads_every_endpoint_it_names(connector: dict[str, Any]) -> None:
    """46 methods; those with rows have rows."""
    calls = connector["calls"]
    assert len(calls) == 46
    assert all(calls[name] for name in ("depth", "klines", "trades", "open_interest_hist", "leverage_brackets"))


def test_the_connector_trades(connector: dict[str, Any]) -> None:
    """Parameters in the query string of every method, with a JSON content type and no body."""
    assert connector["orders"] == {
        "placed": "NEW",
        "modified": "0.003",
        "read": ["NEW", True],
        "canceled": "CANCELED",
        "maker": "GTX",
        "everything": 200,
        "market": ["FILLED", "FILLED"],
        "batch": ["NEW", -4016, "CANCELED"],
        "countdown": "60000",
        "off": "0",
        "leverage": 6,
        "test": {},
    }


def test_the_connector_raises_every_code(connector: dict[str, Any]) -> None:
    """ClientError with the code for 4xx, ServerError with the status for 5xx."""
    wrong = []
    for wanted, met in connector["refusals"]:
        code, _, status = str(wanted).partition("/")
        expected = ["ServerError", 503] if status == "503" else ["ClientError", int(code)]
        if met != (None if code == "0" else expected):
            wrong.append([wanted, met])
    assert wrong == []


def test_the_connector_hears_every_route(connector: dict[str, Any]) -> None:
    """One socket per route: market raw, public combined, the account by SUBSCRIBE of the listen key."""
    assert connector["streams"] == {"renewed": True, "market": True, "public": True, "private": True}
