"""How every command ends: the exit codes of the contract, and one clear message on standard error."""

import functools
import json
import os
import sys
from collections.abc import Callable
from typing import Any, ParamSpec, TypeVar

import typer
from rich.console import Console

from vortex.kernel.errors import ConfigError, JournalUnavailable, NotRunning, Refused, VortexError

P = ParamSpec("P")
R = TypeVar("R")

FAILED, USAGE, NOT_RUNNING, REFUSED = 1, 2, 3, 4
DIFFERENCES, UNRESOLVED = 5, 6
INTERNAL = 70
DEBUG_VARIABLE = "VORTEX_INTERNAL_TRACEBACK"

out = Console()
err = Console(stderr=True)


def exit_code(error: Exception) -> int:
    """The contract's code for what went wrong."""
    match error:
        case ConfigError():
            return USAGE
        case NotRunning():
            return NOT_RUNNING
        case Refused():
            return REFUSED
        case VortexError() | OSError():
            return FAILED
        case _:
            return INTERNAL


def explained(command: Callable[P, R]) -> Callable[P, R]:
    """Turn errors of the tree into one message and the right exit code; a traceback is for our own bugs only."""

    @functools.wraps(command)
    def run(*args: P.args, **kwargs: P.kwargs) -> R:
        try:
            return command(*args, **kwargs)
        except (typer.Exit, typer.Abort):
            raise
        except KeyboardInterrupt:
            raise typer.Exit(130) from None
        except Exception as error:  # noqa: BLE001 - the outermost door: everything ends in a code and a message
            code = exit_code(error)
            if code == INTERNAL or os.environ.get(DEBUG_VARIABLE):
                err.print_exception(show_locals=False)
            if code == INTERNAL:
                say(f"internal error: {type(error).__name__}: {error}")
            else:
                say(message(error))
            raise typer.Exit(code) from None

    return run


def message(error: Exception) -> str:
    """What a person reads."""
    if isinstance(error, JournalUnavailable):
        return f"PostgreSQL does not take records: {error}"
    if isinstance(error, OSError) and error.filename:
        return f"{error.strerror}: {error.filename}"
    return str(error) or type(error).__name__


def say(text: str) -> None:
    """One line on standard error."""
    sys.stderr.write(f"vortex: {text}\n")


def print_json(document: Any) -> None:
    """A document on standard output, for programs."""
    sys.stdout.write(json.dumps(document, indent=2, default=str) + "\n")
