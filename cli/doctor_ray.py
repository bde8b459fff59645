"""What `vortex doctor` asks of Ray: can it be imported, or with a system running, does its tree live and beat."""

import subprocess
import sys
from importlib.metadata import version
from pathlib import Path

from cli.doctor_rows import Row, fail, ok, warn
from cli.reading import asked_views
from supervisors.cluster_file import ClusterFile
from supervisors.head import pinned_environment
from vortex.adapters.beats import BeatsPage
from vortex.kernel.clock import MS, SystemClock
from vortex.kernel.errors import ConfigError, VortexError
from vortex.settings import Loaded

IMPORT_S = 60
"""A cold disk takes ten seconds; a machine that takes a minute cannot supervise anything."""
BEAT_WARN_MS, BEAT_FAIL_MS = 500, 3_000
"""The root beats every few ms; the launcher suspects it after half a second and replaces it after three."""
HEALTHY = ("running",)
HUNG = "see log/launcher.log; `vortex kill --yes` works without Ray and without the tree"


def import_row(environment: dict[str, str]) -> Row:
    """In a process of its own: this one must not carry Ray along."""
    words = "import ray; print(ray.__version__)"
    try:
        done = subprocess.run(  # noqa: S603 - our own interpreter
            [sys.executable, "-c", words],
            env=pinned_environment(environment),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            timeout=IMPORT_S,
            check=False,
        )
    except subprocess.TimeoutExpired:
        return fail("ray", f"importing Ray takes longer than {IMPORT_S} s", "the machine is overloaded or its disk is")
    if done.returncode:
        lines = done.stderr.strip().splitlines()
        return fail("ray", f"Ray cannot be imported: {lines[-1] if lines else 'no reason'}", "`make start` installs it")
    return ok("ray", f"Ray {done.stdout.strip()} can be imported; starts with the system")


def cluster_row(loaded: Loaded, facts: ClusterFile) -> Row:
    """The daemons live, and the tree says over Ray that all of it runs."""
    dead = [fact.name for fact in facts.processes if fact.name not in facts.services and not fact.alive]
    where = f"Ray {version('ray')} at {facts.address}"
    if dead:
        return warn("ray", f"{where}: {', '.join(dead)} died", "the launcher brings it back; look again in a minute")
    try:
        rows = asked_views(loaded)["root"]["tree"]
    except VortexError as error:
        return fail("ray", f"{where}: {error}", HUNG)
    ill = [f"{row['name']} {row['state']}" for row in rows if row["state"] not in HEALTHY]
    restarts = sum(int(row.get("restarts") or 0) for row in rows)
    seen = f"{where}: {len(rows)} processes and supervisors, {restarts} restarts"
    if ill:
        return warn("ray", f"{seen}; {', '.join(ill)}", "it is being replaced; if it stays, see logs/ of its name")
    return ok("ray", seen)


def beats_row(facts: ClusterFile | None) -> Row:
    """The page of heartbeats, by which death is noticed."""
    if facts is None:
        return ok("heartbeats", "the page is made by the start")
    page_path = Path(facts.page)
    if not page_path.exists():
        return fail("heartbeats", f"{page_path} is gone", "`vortex kill --yes`, then start again")
    try:
        with BeatsPage(page_path) as page:
            state, age_ms = page.root_state(), (SystemClock().mono() - page.claimed_ns()) / MS
    except (OSError, ConfigError) as error:
        return fail("heartbeats", str(error), "`vortex kill --yes`, then start again")
    seen = f"the root is {state} and beat {age_ms:.0f} ms ago"
    if age_ms > BEAT_FAIL_MS:
        return fail("heartbeats", seen, "the launcher replaces it; if it stays, see log/launcher.log", age_ms)
    if age_ms > BEAT_WARN_MS or state not in HEALTHY:
        return warn("heartbeats", seen, "it is busy or being replaced; look again in a minute", age_ms)
    return ok("heartbeats", seen, age_ms)
