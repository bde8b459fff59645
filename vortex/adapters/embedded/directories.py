"""Directories of the embedded servers: private, writable, and short enough for the path of a Unix socket."""

import contextlib
import errno
import hashlib
import os
import shutil
import stat
import tempfile
from pathlib import Path

from vortex.adapters.embedded.processes import Identity
from vortex.kernel.errors import ConfigError

# sockaddr_un.sun_path holds 108 bytes on Linux and 104 on macOS, the final NUL included.
SOCKET_PATH_MAX = 103

SHORT = "s"
"""Name of the inner short directory: the server owns it, the outer one keeps everybody else away."""

# A fresh cluster takes 40 MB and its write-ahead log up to 256 MB more.
FREE_BYTES_MIN = 200 * 1024 * 1024


def prepare_home(home: Path) -> Path:
    """The state directory, made if need be, absolute, writable and with some room; else ConfigError with the mend."""
    home = home.expanduser().absolute()
    try:
        home.mkdir(mode=0o700, parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=home) as probe:  # nameless: several servers look at the same time
            probe.write(bytes(4096))
        free = shutil.disk_usage(home).free
    except OSError as err:
        raise unwritable(home, err) from err
    if free < FREE_BYTES_MIN:
        raise ConfigError(
            f"only {free // 1_000_000} MB free at {home}, {FREE_BYTES_MIN // 1_000_000} MB needed: "
            "free some, or set VORTEX_HOME to a larger disk"
        )
    return home


def private_directory(path: Path, identity: Identity) -> Path:
    """A directory that only its server's user (and root) may enter."""
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
        if identity.dropped:
            os.chown(path, identity.uid, identity.gid)
        path.chmod(0o700)
    except OSError as err:
        raise unwritable(path, err) from err
    return path


def socket_place(parent: Path, name: str) -> Path:
    """Where a socket called `name` lives: under `parent`, or in a short directory when that is too long.

    The same for everybody who asks, so that a server of another process is found without asking anyone.
    """
    preferred = parent / "socket"
    if len(os.fsencode(preferred / name)) <= SOCKET_PATH_MAX:
        return preferred
    digest = hashlib.sha256(os.fsencode(parent)).hexdigest()[:12]
    # Always /tmp as the last word: TMPDIR itself may be long.
    for root in (Path(tempfile.gettempdir()), Path("/tmp")):  # noqa: S108 - checked for ownership below
        outer = root / f"vortex-{os.geteuid()}-{digest}"
        if len(os.fsencode(outer / SHORT / name)) <= SOCKET_PATH_MAX:
            return outer / SHORT
    raise ConfigError(f"the path {preferred} is too long for a socket: set VORTEX_HOME to a shorter one")


def socket_directory(parent: Path, name: str, identity: Identity) -> Path:
    """The same place, made, and only for the server's user and us."""
    place = socket_place(parent, name)
    if place.name == SHORT:
        _own(place.parent)
    return private_directory(place, identity)


def release_socket_directory(path: Path) -> None:
    """Remove a short directory again once its server is gone; one under the home may stay."""
    if path.name == SHORT:
        for directory in (path, path.parent):
            with contextlib.suppress(OSError):
                directory.rmdir()


def _own(outer: Path) -> None:
    """Make a directory in a shared place ours, and refuse one that somebody else has put there."""
    try:
        outer.mkdir(mode=0o700, exist_ok=True)
        facts = outer.lstat()
    except OSError as err:
        raise unwritable(outer, err) from err
    if not stat.S_ISDIR(facts.st_mode) or facts.st_uid != os.geteuid() or facts.st_mode & 0o077:
        raise ConfigError(f"{outer} belongs to somebody else: remove it, or set VORTEX_HOME to a shorter path")


def unwritable(path: Path, err: OSError) -> ConfigError:
    """What went wrong with a directory, and the mend."""
    if err.errno in (errno.ENOSPC, errno.EDQUOT):
        return ConfigError(f"no space left for {path}: free some, or set VORTEX_HOME to a larger disk")
    return ConfigError(f"{path} cannot be used ({err.strerror}): mend its permissions or set VORTEX_HOME elsewhere")
