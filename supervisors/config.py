"""What the root is born with. Frozen, small, without secrets: those reach workers through the head's environment."""

import msgspec

from vortex.domain.message import Message
from vortex.supervision.spec import HeartbeatLimits, SupervisorSpec, TreePlan, house

POSTGRES_REGISTRY = "supervisors.registry:postgres_registry"
TOP_VOLUME = "supervisors.top_volume:most_traded"


class RootConfig(Message, frozen=True, kw_only=True):
    """`registry` is the path of an async function settings_json → Registry. `boot_id` tells one start of the whole
    system from the next: what an earlier one left behind (quarantines, a stop half done) is cleared.

    `factories` override how kinds of roles are built, for roles that tests bring along. `unconfirmed_ms` is how long
    a successor waits when a death cannot be confirmed: the exchange's recvWindow plus clock uncertainty (decision 5).
    `top_volume` is the path of an async function (settings_json, symbols to leave out) → the day's most traded symbol,
    empty for no such slot; `slot` is which of `symbols` has it now.
    `patience` multiplies every restart intensity and switches the waits between restarts off when it is not 1: for
    benches and drills that kill on purpose, where each restart is wanted.
    """

    home: str
    page: str
    boot_id: str
    symbols: tuple[str, ...]
    faces: tuple[str, ...] = ("recorder",)
    settings_json: str = "{}"
    registry: str = POSTGRES_REGISTRY
    factories: dict[str, str] = {}
    seed: int = 0
    standbys: int = 1
    preload: bool = True
    shutdown_ms: int = 5_000
    unconfirmed_ms: int = 1_500
    flatten_on_give_up: bool = False
    executor_resources: dict[str, float] = {}
    blocked_ms: int = 1_000
    busy_cpu_ms: int = 200
    starved_ms: int = 5_000
    patience: int = 1
    slot: str = ""
    top_volume: str = ""


def with_slot(config: RootConfig, symbol: str) -> RootConfig:
    """The same house with another symbol, or none, in the slot of the day's most traded one (P-1)."""
    fixed = tuple(name for name in config.symbols if name != config.slot)
    symbols = (*fixed, symbol) if symbol else fixed
    settings = {**msgspec.json.decode(config.settings_json), "symbols": symbols}
    return msgspec.structs.replace(
        config, symbols=symbols, slot=symbol, settings_json=msgspec.json.encode(settings).decode()
    )


def tree_spec(config: RootConfig) -> SupervisorSpec:
    """The tree this configuration asks for."""
    return house(plan(config))


def plan(config: RootConfig) -> TreePlan:
    """The plan behind it, also needed for symbols that are added later."""
    return TreePlan(
        symbols=config.symbols,
        faces=config.faces,
        limits=HeartbeatLimits(
            busy_cpu_ms=config.busy_cpu_ms, blocked_ms=config.blocked_ms, starved_ms=config.starved_ms
        ),
        executor_resources=tuple(sorted(config.executor_resources.items())),
        shutdown_ms=config.shutdown_ms,
        patience=config.patience,
    )


encode_config = msgspec.msgpack.Encoder().encode
decode_config = msgspec.msgpack.Decoder(RootConfig).decode
