"""What `vortex doctor` asks of PostgreSQL and Redis: do they answer, how fast are they durable, does the schema fit."""

import contextlib
import shutil
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import msgspec
import psycopg
import redis

from cli.doctor_rows import Report, Row, fail, ok, percentile, skip, timed_ms, told, warn
from supervisors.instance_lock import InstanceLock
from vortex.adapters.embedded.external import postgres_service, redis_service
from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.adapters.embedded.redis_server import EmbeddedRedis
from vortex.adapters.embedded.service import Service
from vortex.adapters.postgres import migrations
from vortex.kernel.errors import ConfigError, Refused
from vortex.settings import Secrets, Settings

LIMIT_S = 15.0
CONNECT_S = 4
STATEMENT_MS = 5_000
WRITES, PINGS = 20, 20
WRITE_WARN_MS, WRITE_FAIL_MS = 10.0, 1_000.0
"""Every order waits for one durable commit (ADR 0007): the whole way has 10 ms (P-8), the order's stamp lives 1 s."""
PING_WARN_MS = 20.0
POSTGRES_WANTED = 14
POSTGRES_ROWS = ("postgres", "postgres settings", "postgres schema", "postgres write")
MUST_BE_ON = {"fsync": "fail", "synchronous_commit": "fail", "full_page_writes": "warn"}
COMES_BACK = "the launcher restarts a dead one; else see server.log in its directory, and ask again"

Told = Callable[[str], None]


class Server(msgspec.Struct, frozen=True, kw_only=True):
    """Where a server answers, and whose it is. `error` when there is none."""

    dsn: str = ""
    whose: str = ""
    error: str = ""
    mend: str = ""


@contextlib.contextmanager
def postgres(settings: Settings, keys: Secrets, told_step: Told) -> Iterator[Server]:
    """The operator's, ours that runs, ours started for the while, or before the first start one made for the trial."""
    home = settings.home_path
    if keys.postgres is not None:
        yield started(postgres_service(home, keys.postgres), told_step, "external, VORTEX_POSTGRES_DSN")
        return
    if (dsn := answering(home, settings.database)) is not None:
        yield Server(dsn=dsn, whose="embedded, running")
        return
    if not (home / "postgres" / "data").exists():
        with trial(lambda place: EmbeddedPostgres(place, "postgres"), told_step) as server:
            yield server
        return
    lock = InstanceLock(home)  # no start may meet the server that is ours for the while
    try:
        lock.take()
    except Refused:
        who = lock.holder().partition(";")[0] or "another process"
        yield Server(error=f"our own server does not answer, and belongs to {who}", mend=COMES_BACK)
        return
    try:
        # The maintenance database: the journal's own is made by the start, not by a question.
        with serving(EmbeddedPostgres(home, "postgres"), told_step, "embedded, started for the while") as server:
            dsn = None if server.error else answering(home, settings.database)
            yield server if dsn is None else msgspec.structs.replace(server, dsn=dsn)
    finally:
        lock.release()


@contextlib.contextmanager
def redis_mirror(settings: Settings, keys: Secrets, told_step: Told) -> Iterator[Server]:
    """The operator's, ours that runs, or one made for the trial: it keeps nothing, so none is missed."""
    home = settings.home_path
    if keys.redis is not None:
        yield started(redis_service(home, keys.redis), told_step, "external, VORTEX_REDIS_URL")
        return
    own = EmbeddedRedis(home)
    if pongs(own.dsn):
        yield Server(dsn=own.dsn, whose="embedded, running")
    elif InstanceLock(home).holder():
        yield Server(error="our own server does not answer", mend=COMES_BACK)
    else:
        with trial(EmbeddedRedis, told_step) as server:
            yield server


def started(service: Service, told_step: Told, whose: str) -> Server:
    """The operator's server asked, or ours started; the reason why not, without passwords."""
    try:
        service.start(told_step)
    except ConfigError as error:
        seen, _, mend = str(error).partition("): ")
        return Server(error=f"{seen})" if mend else seen, mend=mend or "see the message")
    return Server(dsn=service.dsn, whose=whose)


@contextlib.contextmanager
def serving(service: Service, told_step: Told, whose: str) -> Iterator[Server]:
    """A server of ours, ended afterwards."""
    try:
        yield started(service, told_step, whose)
    finally:
        service.stop()


@contextlib.contextmanager
def trial(make: Callable[[Path], Service], told_step: Told) -> Iterator[Server]:
    """A server in a directory of its own, to prove that this machine can run one."""
    place = Path(tempfile.mkdtemp(prefix="v7-doctor-"))
    try:
        with serving(make(place), told_step, "none yet; a trial one ran") as server:
            yield server
    finally:
        shutil.rmtree(place, ignore_errors=True)


def answering(home: Path, database: str) -> str | None:
    """Where our own server answers: the journal's database, or the maintenance one while there is none yet."""
    for name in (database, "postgres"):
        dsn = EmbeddedPostgres(home, name).dsn
        with contextlib.suppress(psycopg.Error, ConfigError):
            connected(dsn).close()
            return dsn
    return None


def connected(dsn: str) -> "psycopg.Connection[tuple[object, ...]]":
    """A connection that cannot keep us waiting."""
    connection = psycopg.connect(dsn, connect_timeout=CONNECT_S, autocommit=True)
    connection.execute(f"SET statement_timeout = {STATEMENT_MS}")
    return connection


def pongs(url: str) -> bool:
    """Whether a Redis answers there."""
    try:
        with client(url) as asked:
            return bool(asked.ping())
    except (redis.RedisError, OSError, ConfigError):
        return False


def client(url: str) -> redis.Redis:
    """A client that cannot keep us waiting."""
    return redis.Redis.from_url(url, socket_timeout=float(CONNECT_S), socket_connect_timeout=float(CONNECT_S))


def examine_postgres(report: Report, server: Server, venue: str, *, running: bool) -> None:
    """Four rows; the later ones need the first."""
    if server.error:
        report.add(fail("postgres", server.error, server.mend))
        for name in POSTGRES_ROWS[1:]:
            report.add(skip(name, "PostgreSQL does not answer"))
        return
    report.look("postgres", LIMIT_S, lambda: server_row(server))
    report.look("postgres settings", LIMIT_S, lambda: settings_row(server.dsn))
    report.look("postgres schema", LIMIT_S, lambda: schema_row(server.dsn, venue, running=running))
    report.look("postgres write", LIMIT_S, lambda: write_row(server.dsn))


def server_row(server: Server) -> Row:
    """Version, and whose it is."""
    with connected(server.dsn) as connection:
        version = connection.info.server_version
    seen = f"PostgreSQL {version // 10_000}.{version % 10_000}, {server.whose}"
    if version // 10_000 < POSTGRES_WANTED:
        return warn("postgres", seen, f"upgrade the server: the house is tested from {POSTGRES_WANTED} on")
    return ok("postgres", seen)


def settings_row(dsn: str) -> Row:
    """An intent that is durable must survive the loss of power (ADR 0007)."""
    with connected(dsn) as connection:
        found = {name: str((connection.execute(f"SHOW {name}").fetchone() or ("",))[0]) for name in MUST_BE_ON}
    seen = ", ".join(f"{name} {value}" for name, value in found.items())
    off = [name for name, value in found.items() if value == "off"]
    mend = f"set {' and '.join(f'{name} = on' for name in off)} in postgresql.conf (or for this role) and reload"
    if any(MUST_BE_ON[name] == "fail" for name in off):
        return fail("postgres settings", f"{seen}: a commit may be lost with the power", mend)
    return warn("postgres settings", seen, mend) if off else ok("postgres settings", seen)


def schema_row(dsn: str, venue: str, *, running: bool) -> Row:
    """The revision of the journal's schema against the newest we know."""
    head, found = migrations.head(), migrations.current(dsn)
    if found == head:
        return ok("postgres schema", f"revision {head}, the newest")
    if found is None:
        return ok("postgres schema", f"none yet; the start makes revision {head}")
    if not migrations.knows(found):
        mend = "run the program that made it, or restore a backup (`vortex db restore`)"
        return fail(
            "postgres schema", f"revision {found} is not known here: the database is newer than this program", mend
        )
    seen, mend = f"revision {found}, behind {head}", "`vortex db backup FILE`, then `vortex db upgrade`"
    if running:
        return fail("postgres schema", f"{seen}, under a running system", f"`vortex stop`, {mend}, `vortex start`")
    if venue == "live":
        return fail("postgres schema", seen, mend)
    return warn("postgres schema", seen, f"the next start upgrades it; to keep a copy first: {mend}")


def write_row(dsn: str) -> Row:
    """A row in a table of this connection alone, then the round trip of durable commits, which leave nothing behind."""
    with connected(dsn) as connection:
        connection.execute("CREATE TEMPORARY TABLE vortex_doctor (written bigint)")
        connection.execute("INSERT INTO vortex_doctor VALUES (1)")
        connection.execute("DROP TABLE vortex_doctor")  # else it goes some time after this connection
        # A write-ahead record of no table: its commit is flushed like an order's, and nothing has to be removed.
        commit = "SELECT pg_logical_emit_message(true, 'vortex-doctor', 'x')"
        connection.execute(commit)
        times = [timed_ms(lambda: connection.execute(commit)) for _ in range(WRITES)]
    middle, worst = percentile(times, 0.5), percentile(times, 0.99)
    seen = f"durable commit p50 {middle:.2f} ms, p99 {worst:.2f} ms of {WRITES}"
    mend = "every order waits for this: use a faster or less busy disk, or a server nearer by"
    if middle >= WRITE_FAIL_MS:
        return fail("postgres write", seen, mend, middle)
    return warn("postgres write", seen, mend, middle) if middle > WRITE_WARN_MS else ok("postgres write", seen, middle)


def examine_redis(report: Report, server: Server, *, running: bool) -> None:
    """One row. A system that runs trades on without its mirror; a start wants it."""
    if server.error and running:
        report.add(warn("redis", f"{server.error}: `vortex status` asks the tree meanwhile", server.mend))
    elif server.error:
        report.add(fail("redis", server.error, server.mend))
    else:
        report.look("redis", LIMIT_S, lambda: redis_row(server))


def redis_row(server: Server) -> Row:
    """Version and round trip."""
    try:
        with client(server.dsn) as asked:
            version = asked.info("server")["redis_version"]
            times = [timed_ms(asked.ping) for _ in range(PINGS)]
    except (redis.RedisError, OSError) as error:
        return fail("redis", told(error), "mend VORTEX_REDIS_URL, or unset it to use the embedded server")
    middle = percentile(times, 0.5)
    seen = f"Redis {version}, {server.whose}; ping p50 {middle:.2f} ms, p99 {percentile(times, 0.99):.2f} ms"
    if middle > PING_WARN_MS:
        return warn("redis", seen, "screens will lag; trading will not: use a server nearer by", middle)
    return ok("redis", seen, middle)
