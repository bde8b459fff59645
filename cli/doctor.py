"""`vortex doctor`: everything that a start depends on, looked at before it matters; and the gate of venue live."""

import asyncio
import os
import shutil
import signal
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import msgspec
from rich.table import Table
from rich.text import Text

from cli.doctor_rows import Report, Row, Verdict, fail, ok, skip
from cli.failures import FAILED, explained, out, print_json
from cli.keys import with_keys
from cli.kill import leave
from cli.options import Config, Home, Json, Profile, Symbols, Venue, load_settings
from cli.reading import running_settings
from supervisors import cluster_file
from supervisors.cluster_file import ClusterFile
from vortex.kernel.errors import ConfigError, NotRunning, Refused
from vortex.settings import Loaded, Secrets, Settings

STYLES: dict[Verdict, str] = {"OK": "green", "WARN": "yellow", "FAIL": "bold red", "SKIP": "yellow"}
MACHINE_S = 10.0
IMPORT_S, CLUSTER_S = 70.0, 20.0
EXCHANGE_ROWS = (
    *("exchange rest", "exchange clock", "symbols", "market streams", "key", "key rights", "account modes"),
    *("margin and leverage", "balance", "user stream", "order round trip", "exchange limits"),
)
"""Every report has all of them; what an earlier failure kept from being looked at is skipped."""

Told = Callable[[str], None]


@explained
def doctor(
    *,
    venue: Venue = None,
    symbols: Symbols = None,
    profile: Profile = None,
    config: Config = None,
    home: Home = None,
    json: Json = False,
) -> None:
    """Check machine, ports, database, Redis, Ray, exchange and keys; each line OK, WARN or FAIL, with the mend.

    Works before the first start and beside a running system. On sim and testnet it also places the smallest order far
    from the market and cancels it; with real money it never does. Exit 0 when nothing fails, 1 otherwise.

    Example: vortex doctor --venue testnet
    """
    loaded = load_settings(config, home, profile, symbols=symbols, venue__kind=venue)
    report = Report(with_keys(loaded))
    if json or not out.is_terminal:
        examine(loaded, report, lambda text: None, starting=False)
    else:
        with out.status("looking", spinner="dots") as line:
            examine(loaded, report, lambda text: line.update(text), starting=False)
    if json:
        print_json(document(loaded, report))
    else:
        print_report(loaded, report)
    leave(FAILED if report.verdict == "FAIL" else 0)


def require_health(loaded: Loaded, progress: Callable[[str, str], None]) -> None:
    """What `vortex start --venue live` must pass; raises Refused with every failure and its mend."""

    def shown(row: Row) -> None:
        if row.verdict != "OK":
            progress("doctor", f"{row.verdict} {row.name}: {row.seen}; {row.mend}")

    progress("doctor", "examining everything before real money is traded")
    report = Report(with_keys(loaded), shown)
    examine(loaded, report, lambda text: None, starting=True)
    if report.failures:
        said = "; ".join(f"{row.name}: {row.seen} ({row.mend})" for row in report.failures)
        raise Refused(f"the doctor refuses venue {loaded.settings.venue.kind}: {said}")
    progress("doctor", f"{len(report.rows)} checks, none failed")


def examine(loaded: Loaded, report: Report, told: Told, *, starting: bool) -> None:
    """All checks, in the order in which one depends on another. `starting`: nothing may run here, no order is tried."""
    from cli.launch import check_exchange

    check_exchange(loaded.settings)
    facts = living(loaded.settings.home_path)
    with ended_by_signal():
        told("machine")
        examine_machine(loaded, report, facts, starting=starting)
        examine_stores(loaded, report, facts, told)
        told("Ray")
        examine_ray(loaded, report, facts)
        with exchange(loaded, facts, told) as place:
            told("exchange")
            if place.error:
                mend = "mend what it says; venue.data, venue.seed and symbols are what it is started with"
                report.add(fail("exchange rest", place.error, mend))
            else:
                asyncio.run(examine_exchange(place, with_keys(loaded), report))
            seen = {row.name for row in report.rows}
            for name in EXCHANGE_ROWS:
                if name not in seen:
                    report.add(skip(name, "an earlier check failed"))


def living(home: Path) -> ClusterFile | None:
    """The facts of the system that runs here, if one does."""
    try:
        return cluster_file.living(home)
    except NotRunning:
        return None


@contextmanager
def ended_by_signal() -> Iterator[None]:
    """A polite end must not leave the servers that were started for the while."""
    ends = (signal.SIGTERM, signal.SIGHUP)
    before = [signal.signal(number, lambda number, frame: sys.exit(128 + number)) for number in ends]
    try:
        yield
    finally:
        for number, handler in zip(ends, before, strict=True):
            signal.signal(number, handler)


def examine_machine(loaded: Loaded, report: Report, facts: ClusterFile | None, *, starting: bool) -> None:
    """Settings, directories, limits, ports, and who runs."""
    from cli import doctor_machine as machine

    settings, keys = loaded.settings, with_keys(loaded)
    report.look("settings", MACHINE_S, lambda: machine.settings_row(loaded))
    report.look("python", MACHINE_S, machine.python_row)
    report.look("cores", MACHINE_S, machine.cores_row)
    report.look("memory", MACHINE_S, lambda: machine.memory_row(facts))
    report.look("files", MACHINE_S, machine.files_row)
    report.look("home", MACHINE_S, lambda: machine.home_row(settings.home_path))
    report.look("disk", MACHINE_S, lambda: machine.disk_row(settings))
    report.look("ports", MACHINE_S, lambda: machine.ports_row(settings, facts))
    report.look("instance", MACHINE_S, lambda: machine.instance_row(settings, keys, facts, starting=starting))


def examine_stores(loaded: Loaded, report: Report, facts: ClusterFile | None, told: Told) -> None:
    """PostgreSQL and Redis: those that run, else ours for the while."""
    from cli import doctor_stores as stores

    settings, keys, running = loaded.settings, with_keys(loaded), facts is not None
    told("PostgreSQL")
    with stores.postgres(settings, keys, told) as server:
        stores.examine_postgres(report, server, settings.venue.kind, running=running)
    told("Redis")
    with stores.redis_mirror(settings, keys, told) as server:
        stores.examine_redis(report, server, running=running)


def examine_ray(loaded: Loaded, report: Report, facts: ClusterFile | None) -> None:
    """The running cluster, or whether one could be started."""
    from cli import doctor_ray as ray

    if facts is None:
        report.look("ray", IMPORT_S, lambda: ray.import_row(dict(os.environ)))
    else:
        report.look("ray", CLUSTER_S, lambda: ray.cluster_row(loaded, facts), ray.HUNG)
    report.look("heartbeats", MACHINE_S, lambda: ray.beats_row(facts))


class Place(msgspec.Struct, frozen=True, kw_only=True):
    """Where the exchange is, in settings that name its address; `note` says whose, `error` why there is none."""

    settings: Settings
    note: str = ""
    error: str = ""


@contextmanager
def exchange(loaded: Loaded, facts: ClusterFile | None, told: Told) -> Iterator[Place]:
    """The exchange that the settings name, that of the running system, or one started for the while."""
    from cli.launch import addressed, brings_exchange, venue_arguments
    from supervisors.venue_service import VenueService

    if not brings_exchange(loaded.settings):
        yield Place(settings=loaded.settings)
        return
    if facts is not None and facts.services.get("venue", {}).get("rest"):
        yield Place(settings=running_settings(loaded, facts), note=", the running system's")
        return
    arguments = venue_arguments(loaded.settings)
    home = Path(tempfile.mkdtemp(prefix="v7-doctor-"))
    service = VenueService(home, arguments)
    try:
        try:
            service.start(told)
        except ConfigError as error:
            yield Place(settings=loaded.settings, error=str(error))
            return
        yield Place(settings=addressed(loaded.settings, {"venue": service}), note=", started for the while")
    finally:
        service.stop()
        shutil.rmtree(home, ignore_errors=True)


async def examine_exchange(place: Place, keys: Secrets, report: Report) -> None:
    """What needs no key, then what needs one, then an order where money is play money."""
    from cli import doctor_account as account
    from cli import doctor_exchange as market
    from cli import doctor_order as order
    from cli.launch import missing_key

    settings = place.settings
    lacks = missing_key(settings, keys)
    talk = market.Talk(settings, None if lacks else keys, report, place.note)
    try:
        answers = await market.examine_market(talk)
        if lacks:
            what, _, mend = lacks.partition(": ")
            report.add(fail("key", what, mend))
        let_in = answers and not lacks and await account.examine_account(talk)
        if settings.venue.kind not in order.PLAY_MONEY:
            report.add(ok(order.NAME, "never tried with real money"))
        elif let_in:
            await talk.look(order.NAME, order.order_row, order.LIMIT_S)
        if answers:
            await talk.look("exchange limits", market.limits_row)
    finally:
        await talk.close()


def document(loaded: Loaded, report: Report) -> dict[str, Any]:
    """What `--json` prints."""
    return {
        "venue": loaded.settings.venue.kind,
        "checks": [row.document() for row in report.rows],
        "verdict": report.verdict,
    }


def print_report(loaded: Loaded, report: Report) -> None:
    """One line a check; the mend below what needs one."""
    table = Table("check", "", "seen", box=None, header_style="dim", pad_edge=False)
    for row in report.rows:
        seen = Text(row.seen)
        if row.verdict != "OK":
            seen.append(f"\n→ {row.mend}", style="italic")
        table.add_row(row.name, Text(row.verdict, style=STYLES[row.verdict]), seen)
    out.print(table)
    counts = ", ".join(f"{sum(row.verdict == verdict for row in report.rows)} {verdict}" for verdict in STYLES)
    out.print(
        Text.assemble(f"venue {loaded.settings.venue.kind}: ", (report.verdict, STYLES[report.verdict]), f" ({counts})")
    )
