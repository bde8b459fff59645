"""What a process can be: the Role protocol, what a role is given, and where each kind is built.

1. A role owns one engine and one mailbox. It is fed in order; it never waits for another role.
2. `run` is its life: returning is a normal end, raising is a crash, and either ends the process.
3. `state` tells the truth: recovering until it may act, running when it may, degraded when part of it may.
"""

import importlib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol

import msgspec

from vortex.adapters.beats import BeatSlot, PermitReader, PermitWriter
from vortex.domain.envelope import Envelope
from vortex.domain.message import Message
from vortex.kernel.clock import Clock
from vortex.kernel.errors import ConfigError, Fenced
from vortex.kernel.rng import Rng


class StaleEpoch(Fenced):
    """The command comes from a supervisor that was replaced, or concerns an incarnation that was."""


class PeerInfo(Message, frozen=True, kw_only=True):
    """Where another role lives now."""

    shell: str
    epoch: int
    pid: int
    node: str


class Assignment(Message, frozen=True, kw_only=True):
    """What a shell is told when it takes a role. `factory` overrides the registry, for roles that tests bring along."""

    kind: str
    home: str
    settings_json: str
    seed: int
    factory: str = ""


class Role(Protocol):
    """One role, as its shell uses it."""

    @property
    def state(self) -> str:
        """starting, recovering, running or degraded."""
        ...

    async def run(self) -> None:
        """Live until done (return), broken (raise) or canceled."""
        ...

    async def stop(self, mode: str) -> None:
        """Come to a safe end: `keep` and `flatten` are an operator's words, `restart` means be quick, you come back."""
        ...

    def receive(self, envelope: Envelope) -> None:
        """Take one message, in its sender's order. Must not block; raising is a crash."""
        ...

    async def ask(self, body: bytes) -> str:
        """Answer an operator's msgpack-encoded command as JSON; raise Refused for one that is not understood."""
        ...

    def peers_changed(self, table: Mapping[str, PeerInfo]) -> None:
        """Other roles moved; sessions with replaced incarnations are over."""
        ...

    def unclaimed(self, alone: bool) -> None:
        """No supervisor has looked after this process for 15 s (True): take no new risk; False when one is back."""
        ...

    def view(self) -> dict[str, Any]:
        """What people may see, as JSON-ready values."""
        ...


class Mail(Protocol):
    """How a role speaks to others."""

    def send(self, role: str, body: Any, cause: str = "") -> bool:
        """Send one message of the envelope's families, one way; False when nobody has that role now."""
        ...


@dataclass(frozen=True, slots=True)
class RoleContext:
    """Everything a role may touch.

    `permits` reads the breaker's lease; `grant` is the breaker's pen and None for everyone else. `newest_executor`
    tells the epoch of the newest executor announced on this node, 0 where none was.
    """

    role: str
    epoch: int
    root_epoch: int
    node: str
    clock: Clock
    rng: Rng
    slot: BeatSlot
    settings_json: str
    home: Path
    mail: Mail
    permits: PermitReader
    grant: PermitWriter | None
    newest_executor: Callable[[], int]
    peers: Callable[[], Mapping[str, PeerInfo]]


RoleFactory = Callable[[RoleContext], Role]

ROLE_FACTORIES: dict[str, str] = {
    "executor": "actors.executor:ExecutorRole",
    "breaker": "actors.breaker:BreakerRole",
    "recorder": "actors.recorder:RecorderRole",
    "symbol": "actors.symbol:SymbolRole",
}


def role_factory(assignment: Assignment) -> RoleFactory:
    """Find what builds this kind of role; raise ConfigError when nothing does."""
    path = assignment.factory or ROLE_FACTORIES.get(assignment.kind, "")
    if not path:
        raise ConfigError(f"no factory for a role of kind {assignment.kind!r}; known: {sorted(ROLE_FACTORIES)}")
    factory: RoleFactory = imported(path)
    return factory


def imported(path: str) -> Any:
    """The object behind "module:name"; raise ConfigError when it is not there."""
    module, _, name = path.partition(":")
    try:
        return getattr(importlib.import_module(module), name)
    except (ImportError, AttributeError) as error:
        raise ConfigError(f"cannot import {path}: {error}") from error


encode_assignment = msgspec.msgpack.Encoder().encode
decode_assignment = msgspec.msgpack.Decoder(Assignment).decode
