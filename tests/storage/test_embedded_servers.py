"""Our own PostgreSQL and Redis: they start, survive, are adopted, stop, and say clearly why when they cannot."""

import asyncio
import os
import stat
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psutil
import psycopg
import pytest
import redis

from vortex.adapters.embedded import directories
from vortex.adapters.embedded.external import (
    ExternalPostgres,
    ExternalRedis,
    postgres_service,
    redis_service,
)
from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.adapters.embedded.processes import working_in
from vortex.adapters.embedded.redis_server import EmbeddedRedis
from vortex.adapters.postgres import migrations
from vortex.adapters.postgres.backup import backup, restore
from vortex.adapters.postgres.journal import PostgresJournal
from vortex.kernel.errors import ConfigError


def silent(step: str) -> None:
    """Progress that nobody watches."""


def one(dsn: str, query: str):
    with psycopg.connect(dsn) as connection:
        return connection.execute(query).fetchone()[0]


@pytest.fixture
def server(home: Path):
    """A PostgreSQL of this test alone."""
    server = EmbeddedPostgres(home)
    server.start(silent)
    yield server
    server.stop()
    assert list(working_in(home / "postgres" / "data")) == []


@pytest.mark.db
def test_what_was_committed_survives_a_kill_and_the_server_comes_back(server, make) -> None:
    """SIGKILL of the whole server, restart, and the journaled intent is there."""

    async def write_and_kill() -> None:
        journal = PostgresJournal(server.dsn)
        await journal.commit(1, [make.opened()])
        await journal.close()

    migrations.upgrade(server.dsn)
    asyncio.run(write_and_kill())
    first = server.pid
    killed = psutil.Process(first)
    killed.kill()
    killed.wait(30)
    assert not server.alive()
    assert server.pid is None
    server.start(silent)
    assert server.pid != first
    assert one(server.dsn, "SELECT trade_no FROM trades") == 1
    settings = "SELECT string_agg(name || '=' || setting, ' ' ORDER BY name) FROM pg_settings WHERE name IN"
    durable = one(server.dsn, f"{settings} ('fsync', 'full_page_writes', 'synchronous_commit')")
    assert durable == "fsync=on full_page_writes=on synchronous_commit=on"


@pytest.mark.db
def test_a_reborn_launcher_adopts_the_living_server(server, home) -> None:
    """The launcher's death does not stop PostgreSQL, and its successor can stop it."""
    heir = EmbeddedPostgres(home)
    heir.start(silent)
    assert heir.pid == server.pid
    heir.stop()
    assert not server.alive()


@pytest.mark.db
def test_a_server_that_does_not_answer_is_replaced(server, home) -> None:
    """An orphan that hangs is of no use to anybody."""
    hanging = server.pid
    psutil.Process(hanging).suspend()
    heir = EmbeddedPostgres(home)
    heir.start(silent)
    assert heir.pid != hanging
    assert one(heir.dsn, "SELECT 1") == 1
    heir.stop()


@pytest.mark.db
def test_nobody_else_can_reach_data_or_socket(server, home) -> None:
    """No TCP port, and the only way in leads through directories that are ours alone."""
    [socket] = parse_qs(urlsplit(server.dsn).query)["host"]  # elsewhere when the home's path is too long for one
    for path in (home, home / "postgres", home / "postgres" / "data", Path(socket)):
        assert stat.S_IMODE(path.stat().st_mode) == 0o700
    assert one(server.dsn, "SHOW listen_addresses") == ""
    assert psutil.Process(server.pid).uids().effective != 0
    assert "VORTEX" not in " ".join(psutil.Process(server.pid).environ())


@pytest.mark.db
def test_each_kind_of_venue_has_a_database_of_its_own(server, home) -> None:
    """What was done on the simulated exchange is never taken for the real one's."""
    other = EmbeddedPostgres(home, "vortex_paper")
    other.start(silent)
    assert one(other.dsn, "SELECT current_database()") == "vortex_paper"
    assert one(server.dsn, "SELECT current_database()") == "vortex"


@pytest.mark.db
def test_a_backup_restores_what_was_there(server, tmp_path) -> None:
    """Dump, destroy, restore: the audit log with its triggers included."""
    migrations.upgrade(server.dsn)
    target = tmp_path / "backups" / "one.dump"
    insert = "INSERT INTO audit_log (stream, ts, kind, detail) VALUES ('cli', now(), 'k', '{}')"
    with psycopg.connect(server.dsn) as connection:
        connection.execute(insert)
    backup(server.dsn, target)
    assert stat.S_IMODE(target.stat().st_mode) == 0o600
    with psycopg.connect(server.dsn) as connection:
        connection.execute(insert)
    restore(server.dsn, target)
    assert one(server.dsn, "SELECT count(*) FROM audit_log") == 1
    assert one(server.dsn, "SELECT count(*) FROM audit_verify()") == 0
    with psycopg.connect(server.dsn) as connection, pytest.raises(psycopg.Error, match="only grows"):
        connection.execute("DELETE FROM audit_log")
    with pytest.raises(ConfigError, match="no backup"):
        restore(server.dsn, tmp_path / "nothing")


@pytest.mark.db
@pytest.mark.parametrize("damage", ["PG_VERSION", "global/pg_control"])
def test_a_damaged_data_directory_is_never_initialized_over(home, damage) -> None:
    """One clear sentence with the mend, and the files stay as they are."""
    server = EmbeddedPostgres(home)
    server.start(silent)
    server.stop()
    (home / "postgres" / "data" / damage).unlink()
    left = sorted(path.name for path in (home / "postgres" / "data").iterdir())
    with pytest.raises(ConfigError, match="Restore a backup"):
        server.start(silent)
    assert not server.alive()
    now = sorted(path.name for path in (home / "postgres" / "data").iterdir())
    assert set(left) <= set(now)


@pytest.mark.db
def test_a_refused_start_below_a_deep_home_leaves_nothing_elsewhere(tmp_path) -> None:
    """The short directory of the socket goes with the start that failed."""
    home = tmp_path / ("deep" * 40)
    (home / "postgres" / "data").mkdir(parents=True)
    (home / "postgres" / "data" / "base").touch()
    server = EmbeddedPostgres(home)
    with pytest.raises(ConfigError, match="Restore a backup"):
        server.start(silent)
    [socket] = parse_qs(urlsplit(server.dsn).query)["host"]
    assert home not in Path(socket).parents
    assert not Path(socket).parent.exists()


@pytest.mark.db
def test_an_initialization_that_was_cut_short_is_done_again(home) -> None:
    """A crash in the middle of initdb leaves nothing that could be taken for a cluster."""
    half = home / "postgres" / "data.new" / "base"
    half.mkdir(parents=True)
    (half / "1").write_text("half")
    server = EmbeddedPostgres(home)
    server.start(silent)
    assert one(server.dsn, "SELECT 1") == 1
    server.stop()


def test_a_home_that_cannot_be_written_is_one_clear_sentence(tmp_path) -> None:
    """Neither a file in the way nor a missing right ends in a stack trace."""
    blocked = tmp_path / "file"
    blocked.write_text("")
    for service in (EmbeddedPostgres(blocked / "home"), EmbeddedRedis(blocked / "home")):
        with pytest.raises(ConfigError, match="VORTEX_HOME"):
            service.start(silent)


def test_a_full_disk_is_one_clear_sentence(home, monkeypatch) -> None:
    """Said before the first byte is written, with what is needed."""
    monkeypatch.setattr(directories, "FREE_BYTES_MIN", 1 << 62)
    with pytest.raises(ConfigError, match="MB free"):
        EmbeddedPostgres(home).start(silent)


def test_a_short_socket_directory_of_somebody_else_is_refused(tmp_path, monkeypatch) -> None:
    """In a shared directory a name may have been taken on purpose."""
    monkeypatch.setattr(directories.tempfile, "gettempdir", lambda: "/tmp")
    deep = tmp_path / ("d" * 120)
    identity = directories.Identity(os.geteuid(), os.getegid(), dropped=False)
    path = directories.socket_directory(deep, "redis.sock", identity)
    assert len(os.fsencode(path / "redis.sock")) <= directories.SOCKET_PATH_MAX
    path.parent.chmod(0o755)
    with pytest.raises(ConfigError, match="belongs to somebody else"):
        directories.socket_directory(deep, "redis.sock", identity)
    path.rmdir()
    path.parent.rmdir()


@pytest.mark.redis
def test_redis_starts_dies_returns_and_leaves_nothing(home) -> None:
    """Loss of the mirror is nothing; its process must not be left behind."""
    server = EmbeddedRedis(home)
    server.start(silent)
    with redis.Redis.from_url(server.dsn) as client:
        client.set("a", 1)
    first = server.pid
    killed = psutil.Process(first)
    killed.kill()
    killed.wait(30)
    assert not server.alive()
    server.start(silent)
    heir = EmbeddedRedis(home)
    heir.start(silent)
    assert heir.pid == server.pid != first
    with redis.Redis.from_url(server.dsn) as client:
        assert client.get("a") is None
    socket = Path(server.dsn.removeprefix("unix://").partition("?")[0])  # elsewhere when the home's path is too long
    assert socket.exists()
    server.stop()
    assert list(working_in(home / "redis" / "data")) == []
    assert not socket.exists()


@pytest.mark.redis
def test_a_deep_home_still_gets_a_socket(tmp_path) -> None:
    """A Unix socket's path has 108 bytes; a home may have more."""
    home = tmp_path / ("deep" * 40)
    server = EmbeddedRedis(home)
    server.start(silent)
    with redis.Redis.from_url(server.dsn) as client:
        assert client.ping()
    short = Path(server.dsn.removeprefix("unix://").partition("?")[0]).parent
    server.stop()
    assert not short.exists()
    assert not short.parent.exists()


@pytest.mark.db
def test_a_stranger_process_finds_the_servers_by_their_home(server, home) -> None:
    """`vortex kill` must reach the database with the whole tree dead."""
    assert EmbeddedPostgres(home).dsn == server.dsn
    assert EmbeddedPostgres(home, "other").pid is None


@pytest.mark.db
@pytest.mark.redis
def test_the_operators_servers_are_used_when_named(postgres, redis_server, home) -> None:
    """The same face, and nothing of ours is started."""
    database, mirror = postgres_service(home, postgres.dsn), redis_service(home, redis_server.dsn)
    for service in (database, mirror):
        service.start(silent)
        assert service.alive()
        assert (service.embedded, service.pid) == (False, None)
        service.stop()
    assert (database.dsn, mirror.dsn) == (postgres.dsn, redis_server.dsn)
    assert not home.exists()
    assert postgres.alive()
    assert postgres_service(home, None).embedded
    assert redis_service(home, "").embedded


def test_an_operators_server_that_is_away_is_named_without_its_password(tmp_path) -> None:
    """The message helps and tells nothing."""
    away = ExternalPostgres("postgresql://me:hunter2secret@127.0.0.1:1/x")
    with pytest.raises(ConfigError, match="VORTEX_POSTGRES_DSN") as told:
        away.start(silent)
    assert "hunter2secret" not in str(told.value)
    assert not away.alive()
    mirror = ExternalRedis("redis://:hunter2secret@127.0.0.1:1/0")
    with pytest.raises(ConfigError, match="VORTEX_REDIS_URL") as told:
        mirror.start(silent)
    assert "hunter2secret" not in str(told.value)
    assert not mirror.alive()
    with pytest.raises(ConfigError, match="VORTEX_REDIS_URL"):
        ExternalRedis("nonsense://x").start(silent)
