"""What the doctor says of a real PostgreSQL and a real Redis, and that it leaves both as it found them."""

import itertools
import socket
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest

from cli import doctor_stores as stores
from cli.doctor_rows import Report, Row
from supervisors.instance_lock import InstanceLock
from tests.cli.commands import assert_nothing_runs
from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.adapters.embedded.redis_server import EmbeddedRedis
from vortex.adapters.postgres import migrations
from vortex.settings import Secrets, Settings, load

pytestmark = [pytest.mark.db, pytest.mark.timeout(600)]

NUMBERS = itertools.count(1)


def silent(step: str) -> None:
    """Progress that nobody watches."""


@pytest.fixture(autouse=True)
def _any_disk(monkeypatch: pytest.MonkeyPatch) -> None:
    """A disk that is slow or busy is rightly warned of; what is claimed here holds on every machine."""
    monkeypatch.setattr(stores, "WRITE_WARN_MS", float("inf"))
    monkeypatch.setattr(stores, "PING_WARN_MS", float("inf"))


def settings_of(home: Path) -> Settings:
    """Settings with this state directory."""
    return load({"VORTEX_HOME": str(home)}).settings


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[EmbeddedPostgres]:
    """A server whose database has the newest schema, to copy from."""
    running = EmbeddedPostgres(tmp_path_factory.mktemp("postgres"))
    running.start(silent)
    try:
        migrations.upgrade(running.dsn)
        yield running
    finally:
        running.stop()


def copied(server: EmbeddedPostgres, template: str) -> Iterator[str]:
    """A database of its own."""
    name = f"doctor_{next(NUMBERS)}"
    with psycopg.connect(server.dsn.replace("/vortex?", "/postgres?"), autocommit=True) as admin:
        admin.execute(f"CREATE DATABASE {name} TEMPLATE {template}")
        yield server.dsn.replace("/vortex?", f"/{name}?")
        admin.execute(f"DROP DATABASE {name} WITH (FORCE)")


@pytest.fixture
def dsn(server: EmbeddedPostgres) -> Iterator[str]:
    """With the newest schema."""
    yield from copied(server, "vortex")


@pytest.fixture
def empty_dsn(server: EmbeddedPostgres) -> Iterator[str]:
    """Without any."""
    yield from copied(server, "template1")


@pytest.fixture
def nobody() -> Iterator[int]:
    """A port nobody listens on, held so that nobody begins to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield int(held.getsockname()[1])


def executed(dsn: str, *statements: str) -> None:
    """Run statements."""
    with psycopg.connect(dsn, autocommit=True) as connection:
        for statement in statements:
            connection.execute(statement)


def database_of(dsn: str) -> str:
    """The name inside."""
    return dsn.partition("@/")[2].partition("?")[0]


def rows_of(server: stores.Server, venue: str = "sim", *, running: bool = False) -> dict[str, Row]:
    """The four rows of a PostgreSQL."""
    report = Report(Secrets())
    stores.examine_postgres(report, server, venue, running=running)
    return {row.name: row for row in report.rows}


def test_a_healthy_database_gets_four_good_rows(dsn: str) -> None:
    """Version, settings, schema, and how long a durable commit takes."""
    rows = rows_of(stores.Server(dsn=dsn, whose="a test's"))
    assert {row.verdict for row in rows.values()} == {"OK"}
    assert set(rows) == set(stores.POSTGRES_ROWS)
    assert rows["postgres"].seen.startswith("PostgreSQL 1")
    assert migrations.head() in rows["postgres schema"].seen
    assert rows["postgres write"].ms is not None


def test_the_write_is_durable_and_leaves_nothing(dsn: str) -> None:
    """The log was flushed past what was there before, and no table is left."""
    count = "SELECT count(*) FROM pg_class"
    with psycopg.connect(dsn, autocommit=True) as connection:
        [before], [tables] = (connection.execute(q).fetchone() for q in ("SELECT pg_current_wal_insert_lsn()", count))
        stores.write_row(dsn)
        [flushed] = connection.execute("SELECT pg_current_wal_flush_lsn() > %s::pg_lsn", (before,)).fetchone()
        assert flushed
        assert connection.execute(count).fetchone() == (tables,)


def test_an_empty_database_is_what_a_first_start_finds(empty_dsn: str) -> None:
    """Nothing to mend."""
    assert stores.schema_row(empty_dsn, "live", running=False).verdict == "OK"


@pytest.mark.parametrize(
    ("venue", "running", "verdict"), [("sim", False, "WARN"), ("live", False, "FAIL"), ("sim", True, "FAIL")]
)
def test_a_schema_behind_is_upgraded_by_the_next_start_but_not_where_it_matters(
    dsn: str, venue: str, running: bool, verdict: str
) -> None:
    """With real money a copy comes first; under a running system it should never be."""
    migrations.downgrade(dsn, "-1")
    row = stores.schema_row(dsn, venue, running=running)
    assert row.verdict == verdict
    assert f"behind {migrations.head()}" in row.seen
    assert "vortex db backup" in row.mend
    assert "vortex db upgrade" in row.mend


def test_a_schema_of_a_newer_program_is_refused(dsn: str) -> None:
    """Its revision is none of ours."""
    executed(dsn, "UPDATE alembic_version SET version_num = '9999'")
    row = stores.schema_row(dsn, "sim", running=False)
    assert row.verdict == "FAIL"
    assert "newer than this program" in row.seen


def test_a_commit_that_may_be_lost_is_refused(dsn: str) -> None:
    """Even when only our own database is set so."""
    executed(dsn, f"ALTER DATABASE {database_of(dsn)} SET synchronous_commit = off")
    row = stores.settings_row(dsn)
    assert row.verdict == "FAIL"
    assert "synchronous_commit off" in row.seen
    assert "synchronous_commit = on" in row.mend


def test_a_database_that_takes_no_writes_fails_the_write_alone(dsn: str) -> None:
    """As a standby would."""
    executed(dsn, f"ALTER DATABASE {database_of(dsn)} SET default_transaction_read_only = on")
    rows = rows_of(stores.Server(dsn=dsn, whose="a test's"))
    assert rows["postgres write"].verdict == "FAIL"
    assert "read-only" in rows["postgres write"].seen
    assert rows["postgres"].verdict == "OK"


def test_a_postgres_that_does_not_answer_is_one_failure(tmp_path: Path, nobody: int) -> None:
    """The rows that need it are skipped; the password is not told."""
    keys = Secrets.from_environment({"VORTEX_POSTGRES_DSN": f"postgresql://me:s3cr3t@127.0.0.1:{nobody}/x"})
    with stores.postgres(settings_of(tmp_path / "home"), keys, silent) as found:
        rows = rows_of(found)
    assert [rows[name].verdict for name in stores.POSTGRES_ROWS] == ["FAIL", "SKIP", "SKIP", "SKIP"]
    assert str(nobody) in rows["postgres"].seen
    assert "VORTEX_POSTGRES_DSN" in rows["postgres"].mend
    assert "s3cr3t" not in str(rows)


def test_before_the_first_start_a_trial_proves_that_a_server_can_run(tmp_path: Path) -> None:
    """And nothing of it is left, not even the state directory."""
    home = tmp_path / "home"
    with stores.postgres(settings_of(home), Secrets(), silent) as found:
        rows = rows_of(found)
    assert {row.verdict for row in rows.values()} == {"OK"}
    assert "a trial one ran" in rows["postgres"].seen
    with stores.redis_mirror(settings_of(home), Secrets(), silent) as mirror:
        assert "a trial one ran" in stores.redis_row(mirror).seen
    assert not home.exists()


def test_our_own_database_is_served_for_the_while_and_a_running_one_is_left_alone(tmp_path: Path) -> None:
    """A stopped server is stopped again, under the lock that keeps a start away; a running one runs on."""
    home = tmp_path / "home"
    settings = settings_of(home)
    own = EmbeddedPostgres(home, settings.database)
    own.start(silent)
    pid = own.pid
    with stores.postgres(settings, Secrets(), silent) as found:
        assert found.whose == "embedded, running"
    assert own.pid == pid
    own.stop()
    with stores.postgres(settings, Secrets(), silent) as found:
        assert found.whose == "embedded, started for the while"
        assert database_of(found.dsn) == settings.database
        assert InstanceLock(home).holder()
    assert not InstanceLock(home).holder()
    assert_nothing_runs(home)


def test_nothing_is_started_beside_a_launcher(tmp_path: Path) -> None:
    """It is bringing its own server up, or back."""
    home = tmp_path / "home"
    (home / "postgres" / "data").mkdir(parents=True)
    lock = InstanceLock(home)
    lock.take()
    try:
        with stores.postgres(settings_of(home), Secrets(), silent) as found:
            assert "does not answer, and belongs to pid" in found.error
    finally:
        lock.release()
    assert_nothing_runs(home)


def test_a_mirror_answers_with_its_version(tmp_path: Path) -> None:
    """Ours that runs is asked, not replaced."""
    own = EmbeddedRedis(tmp_path)
    own.start(silent)
    try:
        with stores.redis_mirror(settings_of(tmp_path), Secrets(), silent) as found:
            row = stores.redis_row(found)
    finally:
        own.stop()
    assert (row.verdict, found.whose) == ("OK", "embedded, running")
    assert row.seen.startswith("Redis ")


@pytest.mark.parametrize(("running", "verdict"), [(False, "FAIL"), (True, "WARN")])
def test_a_mirror_that_is_away_stops_a_start_and_not_a_system(
    tmp_path: Path, nobody: int, running: bool, verdict: str
) -> None:
    """Trading does not notice; the password is not told."""
    keys = Secrets.from_environment({"VORTEX_REDIS_URL": f"redis://:s3cr3t@127.0.0.1:{nobody}/0"})
    report = Report(keys)
    with stores.redis_mirror(settings_of(tmp_path), keys, silent) as found:
        stores.examine_redis(report, found, running=running)
    [row] = report.rows
    assert row.verdict == verdict
    assert "VORTEX_REDIS_URL" in row.mend
    assert "s3cr3t" not in str(row)
