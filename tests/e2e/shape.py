"""The promised shape of `vortex status --json`: keys and types that other programs rely on."""

from typing import Any

from jsonschema import Draft202012Validator

NUMBER = {"type": "number"}
MONEY = {"type": ["string", "number", "null"]}
TEXT = {"type": "string"}
COUNT = {"type": ["integer", "null"]}
TABLE = {"type": "object"}


def table(**properties: Any) -> dict[str, Any]:
    """An object that has all of these keys, and perhaps more."""
    return {"type": "object", "properties": properties, "required": list(properties)}


def rows(item: dict[str, Any]) -> dict[str, Any]:
    """A list of such rows."""
    return {"type": "array", "items": item}


NODE_STATES = ["starting", "recovering", "running", "degraded", "suspect", "restarting", "stopped", "failed"]
NODE = table(
    name=TEXT,
    kind=TEXT,
    parent={"type": ["string", "null"]},
    state={"enum": NODE_STATES},
    pid=COUNT,
    node={"type": ["string", "null"]},
    epoch=COUNT,
    restarts={"type": "integer"},
    last_heartbeat_ms=COUNT,
    uptime_s=COUNT,
)
SYMBOL = table(feed=TABLE, signals=TABLE, decision=TABLE, position={"type": ["object", "null"]})
STATUS = table(
    version=TEXT,
    venue={"enum": ["sim", "paper", "testnet", "live"]},
    state={"enum": ["starting", "running", "degraded", "halted", "stopping", "stopped"]},
    since=NUMBER,
    tree=rows(NODE),
    symbols={"type": "object", "additionalProperties": SYMBOL, "minProperties": 1},
    breaker=table(
        state={"enum": ["closed", "open", "half_open", "latched"]},
        reasons=rows(TEXT),
        cooldown_until={"type": ["integer", "null"]},
    ),
    account=table(equity=MONEY, balance=MONEY, margin_used=MONEY, pnl_today=MONEY, fees_today=MONEY),
    positions=rows(TABLE),
    orders=rows(TABLE),
    reconciliation=table(last_run={"type": ["integer", "null"]}, differences=COUNT, unresolved=COUNT),
    services=table(postgres=TABLE, redis=TABLE, ray=table(dashboard_url=TEXT), launcher=table(pid={"type": "integer"})),
)
NAMES = {"root", "trading", "symbols", "faces", "breaker", "executor", "symbol:BTCUSDT", "symbol:ETHUSDT", "recorder"}


def assert_status_has_the_promised_shape(status: dict[str, Any]) -> None:
    """Every promised key is there with its type, and the tree has its names."""
    errors = [f"{error.json_path}: {error.message}" for error in Draft202012Validator(STATUS).iter_errors(status)]
    assert errors == []
    assert {row["name"] for row in status["tree"]} >= NAMES
