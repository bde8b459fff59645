"""`vortex start --detach`: the launcher goes on without a terminal, and its first words still reach the caller."""

import json
import os
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from typing import TextIO

from vortex.kernel.errors import ConfigError, Refused, VortexError

Progress = Callable[[str, str], None]

READY = "ready"
FAILED = "failed"


def detach(run: Callable[[Progress], int], log: Path, progress: Progress) -> int:
    """Run `run` in a process of its own session and return once it says `ready` (0), or raise what stopped it.

    Call it before any thread or event loop exists. `run` gets a progress callback whose words arrive at ours.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reader)
        os.setsid()
        if os.fork() != 0:
            os._exit(0)  # the session leader goes, so that no terminal can ever be acquired
        _become_daemon(run, log, writer)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as words:
        return _listen(words, progress, log)


def _listen(words: TextIO, progress: Progress, log: Path) -> int:
    for line in words:
        phase, message = json.loads(line)
        if phase == READY:
            progress(phase, message)
            return 0
        if phase == FAILED:
            kind, _, text = message.partition(": ")
            raise {"Refused": Refused, "ConfigError": ConfigError}.get(kind, VortexError)(text)
        progress(phase, message)
    raise VortexError(f"the launcher died before it was ready; see {log}")


def _become_daemon(run: Callable[[Progress], int], log: Path, writer: int) -> None:
    code = 1
    try:
        null = os.open(os.devnull, os.O_RDONLY)
        output = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
        os.dup2(null, 0)
        os.dup2(output, 1)
        os.dup2(output, 2)
        os.set_inheritable(writer, False)
        code = run(_teller(writer))
    except VortexError as error:
        _tell(writer, FAILED, f"{type(error).__name__}: {error}")
    except BaseException as error:  # noqa: BLE001 - the last frame of this process; it must speak before it goes
        traceback.print_exc(file=sys.stderr)
        _tell(writer, FAILED, f"{type(error).__name__}: {error}")
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


def _teller(writer: int) -> Progress:
    def tell(phase: str, message: str) -> None:
        sys.stderr.write(f"{phase}: {message}\n")
        sys.stderr.flush()
        _tell(writer, phase, message)

    return tell


def _tell(writer: int, phase: str, message: str) -> None:
    try:
        os.write(writer, (json.dumps([phase, message]) + "\n").encode())
    except OSError:
        return  # the caller has gone; the log has it
