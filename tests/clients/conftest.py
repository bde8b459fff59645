"""One fresh exchange and one run of the client's script per module; the tests read what the script found out."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from tests.clients.environments import NotInstallable, interpreter_of
from tests.clients.exchange import Exchange


def _fresh() -> Exchange:
    return Exchange("--seed", "7", "--any-route")


@pytest.fixture(scope="module")
def fresh_exchange() -> Callable[[], Exchange]:
    """Start an exchange: a generated market, 10 000 USDT, every stream on unrouted paths for clients from before."""
    return _fresh


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """The module's own exchange; together the clients would use up the request weight of their common address."""
    running = _fresh()
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def found(exchange: Exchange) -> Callable[[str, str], dict[str, Any]]:
    """Run a client's script once per module, or skip when the client cannot be installed."""
    known: dict[str, dict[str, Any]] = {}

    def run(client: str, script: str) -> dict[str, Any]:
        try:
            interpreter_of(client)
        except NotInstallable as reason:
            pytest.skip(str(reason))
        if script not in known:
            known[script] = exchange.run(client, script)
        return known[script]

    return run
