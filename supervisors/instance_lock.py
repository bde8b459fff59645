"""One system per state directory and one per account, by locks that the kernel drops with their owner (ULT-9)."""

import fcntl
import hashlib
import os
from pathlib import Path

from platformdirs import user_state_path

from vortex.kernel.errors import Refused


class InstanceLock:
    """Held from `take` until `release` or the death of this process."""

    def __init__(self, home: Path, account: str = "") -> None:
        self._paths = [home / "run" / "launcher.lock"]
        if account:
            digest = hashlib.sha256(account.encode()).hexdigest()[:16]  # the file must not name the account
            self._paths.append(user_state_path("vortex7") / "accounts" / f"{digest}.lock")
        self._descriptors: list[int] = []

    def take(self) -> None:
        """Take all locks or none; raise Refused naming who holds one and how to stop it."""
        try:
            for path in self._paths:
                self._take(path)
        except BaseException:
            self.release()
            raise

    def holder(self) -> str:
        """What the holder of one of the locks says of itself; empty when all are free. Makes no file."""
        for path in self._paths:
            try:
                descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC)
            except FileNotFoundError:
                continue
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError:
                return os.pread(descriptor, 4_096, 0).decode(errors="replace").strip() or "unknown pid"
            finally:
                os.close(descriptor)
        return ""

    def release(self) -> None:
        """Give the locks back. The files stay: removing them would let two holders exist."""
        for descriptor in self._descriptors:
            os.close(descriptor)
        self._descriptors.clear()

    def _take(self, path: Path) -> None:
        path.parent.mkdir(parents=True, exist_ok=True)
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            holder = os.pread(descriptor, 4_096, 0).decode(errors="replace").strip() or "unknown pid"
            os.close(descriptor)
            raise Refused(f"already running: {holder}") from None
        home = path.parent.parent if path.name == "launcher.lock" else None
        where = f" in {home}" if home is not None else " on this account"
        how = f"VORTEX_HOME={home} vortex stop" if home is not None else f"kill -TERM {os.getpid()}"
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"pid {os.getpid()}{where}; stop it with `{how}`".encode(), 0)
        self._descriptors.append(descriptor)
