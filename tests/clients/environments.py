"""Virtual environments of real clients: made once outside the repository, from pinned versions, kept for ever after."""

import fcntl
import hashlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import platformdirs

HERE = Path(__file__).resolve().parent
INSTALL_LIMIT_S = 300
NEEDS = {"nautilus-new": (3, 12)}
"""Clients that want a newer Python than the house needs."""
NEWEST = 13


_refused: dict[str, str] = {}
"""Why a client could not be installed: tried once per process."""


class NotInstallable(Exception):
    """This client cannot be installed here; the text says why."""


def home() -> Path:
    """Where the environments live."""
    chosen = os.environ.get("VORTEX_CLIENTS_VENVS")
    return Path(chosen) if chosen else Path(platformdirs.user_cache_dir("vortex7")) / "clients"


def interpreter_of(client: str) -> Path:
    """The Python of a client's environment, which is made now when these versions were never installed before."""
    requirements = HERE / f"requirements-{client}.txt"
    base, version = _base_of(client)
    pins = hashlib.sha256(requirements.read_bytes()).hexdigest()[:12]
    place = home() / f"{client}-py{version[0]}{version[1]}-{pins}"
    python = place / "bin" / "python"
    if (place / "complete").exists():
        return python
    if client in _refused:
        raise NotInstallable(_refused[client])
    try:
        home().mkdir(parents=True, exist_ok=True)
        with (home() / f"{place.name}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not (place / "complete").exists():
                _make(place, python, base, requirements)
    except (NotInstallable, OSError) as reason:
        _refused[client] = str(reason)
        raise NotInstallable(str(reason)) from reason
    return python


def _base_of(client: str) -> tuple[str, tuple[int, int]]:
    """The interpreter to build on: ours, or a newer one when the client needs it."""
    ours = (sys.version_info.major, sys.version_info.minor)
    least = NEEDS.get(client, ours)
    if ours >= least:
        return sys.executable, ours
    for minor in range(least[1], NEWEST + 1):
        for candidate in _candidates(minor):
            if _runs(candidate):
                return candidate, (3, minor)
    raise NotInstallable(f"{client} needs Python {least[0]}.{least[1]}, and none was found")


def _candidates(minor: int) -> Iterator[str]:
    found = shutil.which(f"python3.{minor}")
    if found is not None:
        yield found
    yield from sorted(str(each) for each in (Path.home() / ".pyenv" / "versions").glob(f"3.{minor}.*/bin/python"))


def _runs(python: str) -> bool:
    """A version manager may offer a name that leads nowhere."""
    return subprocess.run([python, "-c", "import venv"], capture_output=True).returncode == 0


def _make(place: Path, python: Path, base: str, requirements: Path) -> None:
    shutil.rmtree(place, ignore_errors=True)
    uv = shutil.which("uv")
    if uv is None:
        make = [base, "-m", "venv", str(place)]
        install = [str(python), "-m", "pip", "install", "--disable-pip-version-check", "--retries=1", "--timeout=20"]
    else:
        make = [uv, "venv", "--python", base, str(place)]
        install = [uv, "pip", "install", "--python", str(python), "--compile-bytecode"]
    pins = ["--quiet", "--no-deps", "--only-binary=:all:", "--requirement", str(requirements)]
    for command in (make, [*install, *pins]):
        try:
            done = subprocess.run(command, capture_output=True, text=True, timeout=INSTALL_LIMIT_S)
        except subprocess.TimeoutExpired as expired:
            raise NotInstallable(f"installing {requirements.name} took more than {INSTALL_LIMIT_S} s") from expired
        if done.returncode:
            words = [line for line in done.stderr.splitlines() if line.strip()]
            raise NotInstallable(f"cannot install {requirements.name}: {words[-1] if words else 'no reason given'}")
    (place / "complete").touch()
