"""The machine side of the system, no actor: it owns the lock, the servers, Ray's head and the root's birth.

1. It is a subreaper and no Ray driver, so that neither a dead raylet nor a dead GCS takes it along.
2. It talks to the tree through the beats page alone: state, readiness, the wish to stop.
3. Whatever way it ends, short of SIGKILL, it leaves no process, no socket, no temporary folder; what a killed one
   leaves, the next one cleans.
"""

import os
import signal
import subprocess
import sys
import threading
from collections import deque
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import msgspec

from actors import processes
from supervisors import cluster_file, leftovers
from supervisors.attach import NAMESPACE, CreateRoot, connection_environment
from supervisors.cluster_file import ClusterFile, ProcessFact
from supervisors.config import RootConfig, encode_config
from supervisors.head import HeadSettings, RayHead
from supervisors.instance_lock import InstanceLock
from supervisors.services import Services
from vortex.adapters.beats import SLOTS, BeatsPage
from vortex.adapters.embedded.service import Service
from vortex.kernel.clock import SECOND, SystemClock
from vortex.kernel.errors import ConfigError
from vortex.supervision.liveness import Liveness, Sample
from vortex.supervision.spec import HeartbeatLimits

Progress = Callable[[str, str], None]
"""Told the phase (services, ray, tree, ready, stopping, halted) and a short sentence."""

WATCH_S = 0.03
REBOOTS_MAX, REBOOT_WINDOW_NS = 3, 600 * SECOND
# The root is killed late: Ray takes a second to bring it back, and its children trade on without it.
ROOT_LIMITS = HeartbeatLimits(suspect_ms=500, stopped_ms=500, busy_cpu_ms=2_000, blocked_ms=3_000, starved_ms=15_000)
STOP_TIMEOUT_NS = 90 * SECOND
ROOT_GONE_NS = 10 * SECOND


@dataclass(frozen=True, slots=True)
class LaunchPlan:
    """What to launch. The callables get the started services by name: addresses exist only then.

    `environment` is what the workers need beyond the launcher's own (DSNs, keys); it travels in the head's
    environment and nowhere else. `prepare` runs between services and head (migrations). `account` names the exchange
    account to lock, empty for none. `stop_mode` is what becomes of positions when a signal ends the system.
    """

    home: Path
    services: Sequence[Service]
    root_config: Callable[[Mapping[str, Service], str, Path], RootConfig]
    environment: Callable[[Mapping[str, Service]], Mapping[str, str]]
    prepare: Callable[[Mapping[str, Service], Progress], None] = lambda services, progress: None
    head: HeadSettings = field(default_factory=HeadSettings)
    account: str = ""
    stop_mode: str = "keep"
    ready_timeout_s: float = 120.0


class Launcher:
    """One run of the system on this machine."""

    def __init__(self, plan: LaunchPlan, progress: Progress) -> None:
        self._plan = plan
        self._progress = progress
        self._run_dir = plan.home / "run"
        self._clock = SystemClock()
        self._lock = InstanceLock(plan.home, plan.account)
        self._services = Services(plan.services, progress, lambda: self._dirty.set())
        self._head: RayHead | None = None
        self._page: BeatsPage | None = None
        self._boot_id = ""
        self._dirty = threading.Event()
        self._signals: list[int] = []
        self._reboots: deque[int] = deque()
        self._ready = False
        self._told_halted = False
        self._root_liveness = Liveness(ROOT_LIMITS)
        self._root_seen = (0, 0)

    def run(self) -> int:
        """Boot, serve until told to stop, end everything. 0 after an ordered stop, 1 after giving up.

        Raises Refused when a system runs already, ConfigError when something cannot be started.
        """
        processes.become_subreaper()
        self._run_dir.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._lock.take()
        before = {
            number: signal.signal(number, self._on_signal) for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
        }
        try:
            return self._serve() if self._boot() else 0
        finally:
            self._end_all()
            for number, handler in before.items():
                signal.signal(number, handler)
            self._lock.release()

    # ---- up

    def _boot(self) -> bool:
        """Bring everything up; False when told to stop meanwhile."""
        ended = leftovers.clean(self._run_dir)
        if ended:
            self._progress("services", f"ended {ended} processes that a former launcher had left")
        self._services.start()
        if self._signals:
            return False
        self._plan.prepare(self._services.by_name, self._progress)
        self._services.watch()
        if self._signals:
            return False
        self._boot_head()
        return True

    def _boot_head(self) -> None:
        self._boot_id = f"{self._clock.unix():x}-{os.getpid()}"
        page_path = self._run_dir / "beats"
        page_path.unlink(missing_ok=True)
        self._page = BeatsPage(page_path)
        self._root_seen = (0, 0)
        self._ready = False
        creator = self._begin_creator()
        try:
            self._progress("ray", "starting Ray")
            environment = dict(os.environ) | dict(self._plan.environment(self._services.by_name))
            self._head = RayHead(self._run_dir, self._plan.head, environment)
            self._head.start()
            self._write_facts()
            self._progress("tree", "starting the supervision tree")
            self._create_root(creator, page_path)
        finally:
            if creator.poll() is None:
                creator.kill()
            creator.wait()
            for stream in (creator.stdin, creator.stderr):
                if stream is not None:
                    stream.close()
        self._await_ready()

    def _begin_creator(self) -> "subprocess.Popen[bytes]":
        """Start the process that will create the root now: it imports Ray while the head comes up."""
        return subprocess.Popen(
            [sys.executable, "-m", "supervisors.attach"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.PIPE,
            start_new_session=True,
            env=connection_environment(os.environ, str(self._run_dir / "token")),
        )

    def _create_root(self, creator: "subprocess.Popen[bytes]", page_path: Path) -> None:
        assert self._head is not None
        config = self._plan.root_config(self._services.by_name, self._boot_id, page_path)
        order = CreateRoot(self._head.address, str(self._head.token_path), encode_config(config))
        try:
            _, said = creator.communicate(msgspec.json.encode(order) + b"\n", timeout=self._plan.ready_timeout_s)
        except subprocess.TimeoutExpired:
            raise ConfigError("the supervision tree's root did not start in time") from None
        if creator.returncode:
            lines = said.decode(errors="replace").strip().splitlines()
            raise ConfigError(f"the supervision tree's root did not start: {lines[-1] if lines else 'no reason'}")

    def _await_ready(self) -> None:
        assert self._page is not None
        deadline_ns = self._clock.mono() + int(self._plan.ready_timeout_s * SECOND)
        told = ""
        while not self._signals:
            state = self._page.root_state()
            if state in ("running", "degraded"):
                self._ready = True
                self._write_facts()
                self._progress("ready", f"the tree is {state}")
                return
            if state in ("halted", "stopped") or self._clock.mono() > deadline_ns:
                raise ConfigError(f"the tree did not become healthy ({state}; {self._who_lags()})")
            if (now := self._who_lags()) != told:
                told = now
                self._progress("tree", told)
            if "raylet" in (self._head.dead() if self._head else []):
                raise ConfigError("Ray died while the tree was starting")
            self._pause()

    def _who_lags(self) -> str:
        assert self._page is not None
        states = [view.state for view in map(self._page.read, range(SLOTS)) if view.pid]
        working = sum(state in ("running", "degraded") for state in states)
        coming = sum(state in ("starting", "recovering") for state in states)
        return f"{working} processes at work, {coming} coming up"

    # ---- serving

    def _serve(self) -> int:
        while True:
            self._pause()
            if self._signals:
                return self._stop_tree()
            if not self._keep_head():
                return 1
            self._watch_root()
            assert self._page is not None
            if self._page.root_state() == "stopped":
                return 0
            if self._page.stop_wish():
                return self._stop_tree()
            if self._page.root_state() == "halted" and not self._told_halted:
                self._told_halted = True
                self._progress("halted", "the tree gave up: no entries; positions keep their stops; see the history")
            if self._dirty.is_set():
                self._dirty.clear()
                self._write_facts()

    def _keep_head(self) -> bool:
        """Mend what died of Ray; False when the machine side gives up."""
        assert self._head is not None
        dead = self._head.dead()
        if "raylet" in dead:
            return self._reboot()
        if "gcs_server" in dead:
            self._progress("ray", "the GCS died; running it again")
            self._head.revive_gcs()
            self._write_facts()
        return True

    def _reboot(self) -> bool:
        """The raylet is gone, and with it every worker: bring up a new head and a new tree, within limits."""
        now = self._clock.mono()
        while self._reboots and now - self._reboots[0] > REBOOT_WINDOW_NS:
            self._reboots.popleft()
        if len(self._reboots) >= REBOOTS_MAX:
            self._progress("halted", f"Ray died {REBOOTS_MAX + 1} times in ten minutes; positions keep their stops")
            return False
        self._reboots.append(now)
        self._progress("ray", "the raylet died; rebooting Ray and the tree")
        self._drop_head()
        self._boot_head()
        return True

    def _watch_root(self) -> None:
        """A hung root is killed; Ray brings it back and it adopts its children."""
        assert self._page is not None
        pid, tid = self._page.root_who()
        now, beat_ns = self._clock.mono(), self._page.claimed_ns()
        if not pid or self._root_liveness.fresh(now, beat_ns):
            return
        if self._root_seen[0] != pid:
            self._root_seen = (pid, processes.started_ticks(pid))
        state, cpu_ns = processes.look_at_thread(pid, tid)
        verdict = self._root_liveness.judge(Sample(now_ns=now, beat_ns=beat_ns, cpu_ns=cpu_ns, state=state))
        if verdict.must_die and processes.kill_same(*self._root_seen):
            self._progress("tree", f"the root hung ({verdict.why}); it is being replaced")

    # ---- down

    def _stop_tree(self) -> int:
        """Ask the tree to stop and wait; a second signal, or a root that stays away, ends the waiting."""
        assert self._page is not None
        wishes = len(self._signals)
        if not self._page.stop_wish():
            self._page.wish_stop(self._plan.stop_mode)
        self._progress("stopping", "stopping the tree in order")
        deadline_ns = self._clock.mono() + STOP_TIMEOUT_NS
        while self._clock.mono() < deadline_ns and len(self._signals) <= max(wishes, 1):
            if self._page.root_state() == "stopped":
                return 0
            if self._clock.mono() - self._page.claimed_ns() > ROOT_GONE_NS:
                break
            assert self._head is not None
            if "raylet" in self._head.dead():
                break
            if "gcs_server" in self._head.dead():
                self._head.revive_gcs()
            self._pause()
        self._progress("stopping", "the tree did not stop in order; ending it by force")
        return 1

    def _end_all(self) -> None:
        try:
            self._drop_head()
        finally:
            self._services.stop()
        for name in ("beats", "token"):
            (self._run_dir / name).unlink(missing_ok=True)
        cluster_file.remove(self._run_dir)

    def _drop_head(self) -> None:
        if self._head is not None:
            self._head.stop()
            self._head = None
        if self._page is not None:
            self._page.close()
            self._page = None

    # ---- small things

    def _on_signal(self, number: int, frame: object) -> None:
        del frame
        self._signals.append(number)

    def _pause(self) -> None:
        """Wait a moment; a signal handler runs in between."""
        threading.Event().wait(WATCH_S)

    def _write_facts(self) -> None:
        assert self._head is not None
        assert self._page is not None
        services = self._services.facts()
        daemons = [ProcessFact(name=d.name, pid=d.pid, started=d.started) for d in self._head.daemons]
        servers = [
            ProcessFact(
                name=name, pid=pid, started=processes.started_ticks(pid), restarts=self._services.restarts[name]
            )
            for name, fact in services.items()
            if isinstance(pid := fact["pid"], int)
        ]
        cluster_file.write(
            self._run_dir,
            ClusterFile(
                state="ready" if self._ready else "starting",
                boot_id=self._boot_id,
                launcher=ProcessFact(name="launcher", pid=os.getpid(), started=processes.started_ticks(os.getpid())),
                address=self._head.address,
                namespace=NAMESPACE,
                ports=self._head.ports,
                token_path=str(self._head.token_path),
                temp_dir=str(self._head.temp_dir),
                page=str(self._page.path),
                dashboard_url=self._head.dashboard_url,
                processes=(*daemons, *servers),
                services=services | {"ray": {"restarts": self._head.gcs_restarts + len(self._reboots), "pid": None}},
            ),
        )
