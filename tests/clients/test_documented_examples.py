"""The examples of docs/venue.md, run as they stand there; only the port is another."""

import re

import pytest

from tests.clients.environments import NotInstallable, interpreter_of
from tests.clients.exchange import ROOT, Exchange

pytestmark = [pytest.mark.clients, pytest.mark.timeout(1200), pytest.mark.xdist_group("clients-documented")]

EXAMPLES = re.findall(r"```python\n(.*?)```", (ROOT / "docs" / "venue.md").read_text(), re.DOTALL)
WORDS = {
    "ccxt": ["resting:", "holding: 0.002", "balance: 99"],
    "python-binance": ["event: ACCOUNT_UPDATE", "balance: 99"],
}


@pytest.mark.parametrize("client", list(WORDS))
def test_the_documented_example_works(exchange: Exchange, client: str) -> None:
    """Copied, pasted, run: it trades, and says what it promises."""
    example = next(text for text in EXAMPLES if f"pip install {client}\n" in text)
    try:
        interpreter_of(client)
    except NotInstallable as reason:
        pytest.skip(str(reason))
    assert "127.0.0.1:8700" in example
    said = exchange.execute(client, "-c", example.replace("127.0.0.1:8700", exchange.rest.removeprefix("http://")))
    assert [word for word in WORDS[client] if word not in said] == []
