"""The same calls give the same answers, byte for byte, in any process."""

import os
import subprocess
import sys

STORY = """
import hashlib, random
from decimal import Decimal
import msgspec
from vortex.exchange.market_events import BookState, MarketTrade, MarkState
from vortex.exchange.venue import Venue

chance, now, digest = random.Random(5), 1_794_000_000_000, hashlib.sha256()
symbols = ("BTCUSDT", "ETHUSDT", "SOLUSDT")
venue = Venue(symbols, now, seed=3)
for account in ("main", "other"):
    venue.open_account(account, {"USDT": Decimal(50_000)})
for name in ("btcusdt@depth@100ms", "ethusdt@aggTrade", "solusdt@bookTicker", "!miniTicker@arr"):
    venue.subscribe(name)
venue.add_fault({"kind": "error", "probability": 0.05}, now)

def told(value):
    digest.update(msgspec.json.encode([getattr(each, "payload", each) for each in value]))

for step in range(400):
    now += 50
    for symbol in symbols:
        mid = 1_000_000 + chance.randint(-30, 30)
        levels = tuple((mid - at, 100 + at) for at in range(10)), tuple((mid + 1 + at, 100 + at) for at in range(10))
        told(venue.on_market(MarkState(now, symbol, mid / 100, mid / 100, 0.0001, now + 1_000_000), now))
        told(venue.on_market(BookState(now, symbol, *levels), now))
        told(venue.on_market(MarketTrade(now, symbol, mid, 50, True), now))
    told(venue.tick(now))
    account, symbol = chance.choice(("main", "other")), chance.choice(symbols)
    order = {"symbol": symbol, "side": chance.choice(("BUY", "SELL")), "type": "MARKET", "quantity": "0.1"}
    answer = venue.request(account, "POST", "/fapi/v1/order", order, now)
    told([answer.body, *answer.events])
    told([venue.request(account, "GET", "/fapi/v2/account", {}, now).body])
told([venue.ledger()])
print(digest.hexdigest())
"""


def test_the_hash_seed_of_the_process_changes_nothing() -> None:
    """Nothing iterates over a set where the order reaches an answer."""
    digests = set()
    for seed in ("0", "1", "2"):
        environment = {**os.environ, "PYTHONHASHSEED": seed}
        run = subprocess.run(
            [sys.executable, "-c", STORY], env=environment, capture_output=True, text=True, check=True, timeout=120
        )
        digests.add(run.stdout)
    assert len(digests) == 1
