"""What can be wrong around us: servers, keys, symbols, ports, disks. One message, the right code, nothing left."""

import contextlib
import shutil
import socket
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from supervisors.instance_lock import InstanceLock
from tests.cli.commands import assert_nothing_runs, run
from tests.e2e.system import Exchange

pytestmark = [pytest.mark.venue, pytest.mark.timeout(600), pytest.mark.xdist_group("e2e")]

START = ("start", "--detach", "--profile", "drill")


@pytest.fixture(scope="module")
def exchange() -> Iterator[Exchange]:
    """A simulated exchange that no trader owns."""
    running = Exchange()
    try:
        yield running
    finally:
        running.close()


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One state directory, so that its database is made once; every test must leave it as if nothing had happened."""
    return tmp_path_factory.mktemp("home")


@pytest.fixture
def taken_port() -> Iterator[int]:
    """A port of the loopback interface that somebody listens on."""
    with socket.socket() as squatter:
        squatter.bind(("127.0.0.1", 0))
        squatter.listen()
        yield squatter.getsockname()[1]


@pytest.fixture
def free_port() -> Iterator[int]:
    """A port nobody listens on, held so that nobody begins to."""
    with socket.socket() as held:
        held.bind(("127.0.0.1", 0))
        yield held.getsockname()[1]


def assert_refused(done: "subprocess.CompletedProcess[str]", *words: str, code: int = 2) -> None:
    """One line on standard error that has all the words."""
    assert done.returncode == code, done.stdout + done.stderr
    assert done.stderr.count("vortex: ") == 1
    assert [word for word in words if word not in done.stderr] == [], done.stderr
    assert "Traceback" not in done.stderr


def test_a_postgres_that_does_not_answer(home: Path, exchange: Exchange, free_port: int) -> None:
    """It names the server, the variable and the way out, never the password."""
    dsn = f"postgresql://me:s3cr3t@127.0.0.1:{free_port}/x"
    done = run(home, *START, VORTEX_POSTGRES_DSN=dsn, VORTEX_VENUE__REST_URL=exchange.rest)
    assert_refused(done, "PostgreSQL does not answer", str(free_port), "VORTEX_POSTGRES_DSN")
    assert "s3cr3t" not in done.stdout + done.stderr
    assert_nothing_runs(home)


def test_a_redis_that_does_not_answer(home: Path, exchange: Exchange, free_port: int) -> None:
    """The same for the mirror."""
    url = f"redis://:s3cr3t@127.0.0.1:{free_port}/0"
    done = run(home, *START, VORTEX_REDIS_URL=url, VORTEX_VENUE__REST_URL=exchange.rest)
    assert_refused(done, "Redis does not answer", str(free_port), "VORTEX_REDIS_URL")
    assert "s3cr3t" not in done.stdout + done.stderr
    assert_nothing_runs(home)


def test_an_exchange_that_does_not_answer(home: Path, free_port: int) -> None:
    """Found out before Ray is started."""
    done = run(home, *START, VORTEX_VENUE__REST_URL=f"http://127.0.0.1:{free_port}")
    assert_refused(done, "does not answer", str(free_port), "check")
    assert "starting Ray" not in done.stdout
    assert_nothing_runs(home)


@pytest.mark.parametrize("wrong", ["key", "secret"])
def test_a_wrong_key_or_secret(home: Path, exchange: Exchange, wrong: str) -> None:
    """The exchange refuses the signature; the message names the variables and not what is in them."""
    from vortex.adapters.venue.settings import DEFAULT_KEY, DEFAULT_SECRET

    key, secret = (DEFAULT_KEY[:-1] + "x", DEFAULT_SECRET) if wrong == "key" else (DEFAULT_KEY, DEFAULT_SECRET[:-1])
    done = run(
        home,
        *START,
        VORTEX_VENUE__REST_URL=exchange.rest,
        VORTEX_VENUE__API_KEY=key,
        VORTEX_VENUE__API_SECRET=secret,
    )
    assert_refused(done, "refuses the API key", "VORTEX_VENUE__API_KEY", "VORTEX_VENUE__API_SECRET")
    assert key not in done.stderr
    assert secret not in done.stderr
    assert_nothing_runs(home)


def test_a_symbol_that_the_exchange_does_not_list(home: Path, exchange: Exchange) -> None:
    """It is named, and what to do about it."""
    done = run(home, *START, "--symbols", "BTCUSDT,NOSUCHUSDT", VORTEX_VENUE__REST_URL=exchange.rest)
    assert_refused(done, "NOSUCHUSDT", "symbols")
    assert "BTCUSDT," not in done.stderr
    assert_nothing_runs(home)


def test_a_symbol_that_the_embedded_exchange_does_not_know(home: Path) -> None:
    """Its own words reach the operator."""
    done = run(home, *START, "--symbols", "NOSUCHUSDT")
    assert_refused(done, "the simulated exchange", "NOSUCHUSDT", "BTCUSDT")
    assert_nothing_runs(home)


def test_a_dashboard_port_in_use(home: Path, exchange: Exchange, taken_port: int) -> None:
    """The port and the setting are named; the servers that were started before it are ended."""
    done = run(home, *START, VORTEX_RAY__DASHBOARD_PORT=str(taken_port), VORTEX_VENUE__REST_URL=exchange.rest)
    assert_refused(done, "ray.dashboard_port", str(taken_port), "in use")
    assert_nothing_runs(home)


def test_a_port_of_ray_in_use(home: Path, exchange: Exchange, taken_port: int) -> None:
    """A named first port is never silently moved."""
    done = run(home, *START, VORTEX_RAY__PORT=str(taken_port - 3), VORTEX_VENUE__REST_URL=exchange.rest)
    assert_refused(done, "ray.port")
    assert_nothing_runs(home)


def test_a_port_of_the_exchange_in_use(home: Path, taken_port: int) -> None:
    """`venue serve` says which, and what else to do."""
    done = run(home, "venue", "serve", "--port", str(taken_port))
    assert_refused(done, str(taken_port), "choose another --port")


def test_a_second_start_is_refused(home: Path) -> None:
    """Exit 4, with the pid of the first and how to stop it."""
    lock = InstanceLock(home)
    (home / "run").mkdir(exist_ok=True)
    lock.take()
    try:
        done = run(home, *START)
    finally:
        lock.release()
    assert_refused(done, "already running: pid", "vortex stop", code=4)


def test_a_state_directory_that_cannot_be(tmp_path: Path) -> None:
    """A file stands in its way."""
    (tmp_path / "file").touch()
    done = run(tmp_path / "file" / "home", *START)
    assert_refused(done, str(tmp_path / "file" / "home"), "set VORTEX_HOME elsewhere")


def test_a_terminal_that_knows_fewer_letters_gets_its_answer(tmp_path: Path) -> None:
    """What cannot be written is a question mark, not a stack trace."""
    done = run(tmp_path, "config", "show", PYTHONIOENCODING="latin-1")
    assert done.returncode == 0, done.stderr
    assert "?" in done.stdout


@pytest.mark.parametrize(
    ("options", "words"),
    [("size=2m", ("MB free", "needed", "set VORTEX_HOME to a larger disk")), ("ro", ("Read-only", "set VORTEX_HOME"))],
)
def test_a_disk_that_cannot_take_it(tmp_path: Path, options: str, words: tuple[str, ...]) -> None:
    """Too small, or read-only."""
    disk = tmp_path / "disk"
    disk.mkdir()
    with mounted(disk, options):
        done = run(disk / "home", *START)
        assert_refused(done, *words)
        assert not (disk / "home" / "run").exists()


def test_kill_and_resume_work_where_no_system_runs(home: Path, exchange: Exchange) -> None:
    """After `stop --keep` there is no tree to ask, but positions to close: the exchange is told, the veto kept."""
    settings = {"VORTEX_VENUE__REST_URL": exchange.rest, "VORTEX_VENUE__WS_URL": exchange.ws}
    unsaid = run(home, "kill", **settings)
    assert_refused(unsaid, "confirm with --yes", code=4)
    run(home, "db", "upgrade")
    done = run(home, "kill", "--yes", **settings)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "latched until" in done.stdout
    assert "flat, no open order" in done.stdout
    assert_nothing_runs(home)
    lifted = run(home, "resume", "--reason", "looked at it", **settings)
    assert lifted.returncode == 0, lifted.stderr
    assert_nothing_runs(home)


@contextlib.contextmanager
def mounted(place: Path, options: str) -> Iterator[None]:
    """A tiny file system of our own; a skip where that is not allowed."""
    if shutil.which("mount") is None:
        pytest.skip("no command to mount with")
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", options, "tmpfs", str(place)], capture_output=True, text=True, check=False
    )
    if done.returncode:
        pytest.skip(f"no right to mount: {done.stderr.strip()}")
    try:
        yield
    finally:
        subprocess.run(["umount", str(place)], check=True)
