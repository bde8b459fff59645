"""Typed handles on other processes. The only place below the supervisors that knows how a call reaches an actor."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

import msgspec
import ray

from actors.role import PeerInfo
from vortex.domain.envelope import Envelope, encode
from vortex.domain.message import Message

NAMESPACE = "vortex"
ROOT_NAME = "root"


class Birth(Message, frozen=True, kw_only=True):
    """What a shell is born with. `page` is the beats page of its node, empty when it shares none with the root."""

    name: str
    slot: int
    page: str
    root_epoch: int
    preload: bool = True


class ShellReport(Message, frozen=True, kw_only=True):
    """A shell about itself. `role` is empty for a standby; `over` says how its role's life ended, if it did."""

    name: str
    pid: int
    pid_started: int
    node: str
    slot: int
    role: str = ""
    epoch: int = 0
    state: str = "idle"
    over: str = ""


class ShellClient:
    """One shell, from anywhere. Methods raise Ray's errors; RayActorError means the process is gone."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    async def boot(self) -> ShellReport:
        """Start its heart."""
        report: ShellReport = await self.handle.boot.remote()
        return report

    async def assume(self, root_epoch: int, role: str, epoch: int, payload: bytes) -> ShellReport:
        """Give it a role; raise StaleEpoch when a newer supervisor commands it."""
        report: ShellReport = await self.handle.assume.remote(root_epoch, role, epoch, payload)
        return report

    async def adopt(self, root_epoch: int) -> ShellReport:
        """Claim it for a reborn supervisor."""
        report: ShellReport = await self.handle.adopt.remote(root_epoch)
        return report

    async def join(self) -> str:
        """Wait for the end of its role: returns at a normal end, raises at a crash."""
        text: str = await self.handle.join.remote()
        return text

    async def stop(self, root_epoch: int, mode: str, timeout_ms: int) -> str:
        """Bring its role to a safe end."""
        text: str = await self.handle.stop.remote(root_epoch, mode, timeout_ms)
        return text

    async def ask(self, body: bytes) -> str:
        """Put an operator's command to its role; the answer is JSON."""
        text: str = await self.handle.ask.remote(body)
        return text

    async def view(self) -> dict[str, Any]:
        """What people may see of it."""
        seen: dict[str, Any] = await self.handle.view.remote()
        return seen

    def deliver(self, data: bytes) -> None:
        """One encoded envelope, one way."""
        self.handle.deliver.remote(data)

    def peers(self, root_epoch: int, version: int, table: bytes, handles: Mapping[str, Any]) -> None:
        """Tell it where the others live, one way; `version` counts the supervisor's tables."""
        self.handle.peers.remote(root_epoch, version, table, dict(handles))


class Directory:
    """Which shell plays which role now."""

    def __init__(self) -> None:
        self.table: dict[str, PeerInfo] = {}
        self._shells: dict[str, ShellClient] = {}

    def replace(self, table: Mapping[str, PeerInfo], handles: Mapping[str, Any]) -> None:
        """Take the supervisor's newest word. Handles of roles that are not in the table only warm connections."""
        self.table = dict(table)
        self._shells = {role: ShellClient(handles[role]) for role in table if role in handles}

    def find(self, role: str) -> tuple[ShellClient, PeerInfo] | None:
        """The shell of a role, or None when nobody plays it."""
        shell, peer = self._shells.get(role), self.table.get(role)
        return None if shell is None or peer is None else (shell, peer)


class Post:
    """Numbers one incarnation's letters per conversation and sends them (ADR 0003)."""

    def __init__(self, sender: str, epoch: int, directory: Directory) -> None:
        self._sender = sender
        self._epoch = epoch
        self._directory = directory
        self._sent: dict[str, tuple[str, int]] = {}
        self.counts: Counter[str] = Counter()

    def send(self, role: str, body: Any, cause: str = "") -> bool:
        """Send one way; False when nobody has that role now."""
        found = self._directory.find(role)
        if found is None:
            self.counts["undeliverable"] += 1
            return False
        shell, peer = found
        session = f"{self._sender}#{self._epoch}>{role}#{peer.epoch}"
        known, last = self._sent.get(role, ("", 0))
        seq = last + 1 if known == session else 1
        self._sent[role] = (session, seq)
        shell.deliver(
            encode(Envelope(sender=self._sender, epoch=self._epoch, session=session, seq=seq, body=body, cause=cause))
        )
        self.counts["sent"] += 1
        return True


class RootClient:
    """The supervision tree, as the CLI and the launcher use it."""

    def __init__(self, handle: Any) -> None:
        self.handle = handle

    @classmethod
    def find(cls) -> "RootClient":
        """The living root of the connected cluster; raises ValueError when there is none."""
        return cls(ray.get_actor(ROOT_NAME, namespace=NAMESPACE))

    async def status(self) -> dict[str, Any]:
        """Rows of the tree and the children's views."""
        seen: dict[str, Any] = await self.handle.status.remote()
        return seen

    async def healthy(self) -> bool:
        """Whether every child is at work."""
        answer: bool = await self.handle.healthy.remote()
        return answer

    async def command(self, role: str, body: bytes) -> str:
        """Put an operator's msgpack-encoded command to a role; the answer is JSON."""
        text: str = await self.handle.command.remote(role, body)
        return text

    async def add_symbol(self, symbol: str) -> None:
        """Trade one more symbol."""
        await self.handle.add_symbol.remote(symbol)

    async def remove_symbol(self, symbol: str) -> None:
        """Stop trading a symbol; its process ends."""
        await self.handle.remove_symbol.remote(symbol)

    async def restart(self, role: str) -> None:
        """Restart a role, or bring a quarantined one back."""
        await self.handle.restart.remote(role)

    async def stop(self, mode: str) -> None:
        """Stop the tree in order; returns when every child is down."""
        await self.handle.stop.remote(mode)

    async def kill(self, reason: str) -> dict[str, Any]:
        """Latch the veto, flatten, report what was done and what failed (EM-5)."""
        done: dict[str, Any] = await self.handle.kill.remote(reason)
        return done


encode_peers = msgspec.msgpack.Encoder().encode
decode_peers = msgspec.msgpack.Decoder(dict[str, PeerInfo]).decode
