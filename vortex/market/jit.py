"""Compiles numeric kernels, caches them next to their source, and says so when a cache cannot be written.

1. numba stamps cached machine code with the caller's own file only, yet inlines callees and constants of other
   modules. The stamp is therefore widened to every kernel and constant that the module has imported.
2. Where no cache can be written the kernel compiles in memory, and `cache_message()` says why.
"""

import enum
import hashlib
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from numba import njit, typeof

Rec: TypeAlias = Any
"""A numpy structured record as numba sees it: fields by attribute, nested arrays as views."""

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
"""A division by zero must not leave a record half changed; what is not finite is never a reason to trade."""

_stamps: dict[int, object] = {}
_kept: list[object] = []
_messages: list[str] = []


def compiled(function: F) -> F:
    """The function as machine code, compiled at its first call or loaded from the cache."""
    try:
        kernel: Any = njit(cache=True, **_OPTIONS)(function)
    except RuntimeError as err:
        if not _messages:
            _messages.append(f"kernels are compiled anew in each process, no cache can be written: {err}")
        kernel = njit(**_OPTIONS)(function)
    _stamp(kernel, function)
    typed: F = kernel
    return typed


def entry_of(kernel: Callable[..., Any], *arguments: object) -> Callable[..., Any]:
    """The machine code of a kernel for arguments of these types, without the look at every argument of each call.

    That look takes a third of a short kernel's time, more when caches are cold. What is called so must get arguments
    of just these types and layouts: nobody checks any more.
    """
    dispatcher: Any = kernel
    look: Any = typeof
    entry: Callable[..., Any] = dispatcher.compile(tuple(look(argument) for argument in arguments))
    return entry


def cache_message() -> str:
    """Why kernels are not cached, or an empty string when they are."""
    return _messages[0] if _messages else ""


def _stamp(kernel: Any, function: Callable[..., Any]) -> None:
    """Widen the kernel's cache stamp to what its module has imported (law 1)."""
    cache_file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
    if cache_file is None:
        return
    seen: list[object] = [getattr(cache_file, "_source_stamp", None)]
    for name, value in sorted(function.__globals__.items()):
        if id(value) in _stamps:
            seen.append((name, _stamps[id(value)]))
        elif isinstance(value, enum.EnumMeta):
            seen.append((name, repr(list(value))))
        elif isinstance(value, int | float | tuple) and not name.startswith("__"):
            seen.append((name, repr(value)))
    stamp = hashlib.sha256(repr(seen).encode()).hexdigest()
    _kept.append(kernel)
    _stamps[id(kernel)] = stamp
    setattr(cache_file, "_source_stamp", stamp)  # noqa: B010  # numba has no public way to say it
