"""Compiles numeric kernels, caches them next to their source, and says so when a cache cannot be written.

1. numba stamps cached machine code with the caller's own file only, yet inlines callees and constants of other
   modules. The stamp is therefore widened to every kernel and constant that the module has imported.
2. Where no cache can be written the kernel compiles in memory, and `cache_message()` says why.
3. A damaged cache costs the time to compile anew, never the process. Code carries its digest: a page that a power
   failure left empty is found before it is run.
4. Code is kept under its stamp: numba writes the index first, so that by number alone another process, or the next
   one after a kill in between, would take the code of an older source for that of this one.
"""

import contextlib
import enum
import hashlib
import pickle
from collections.abc import Callable
from typing import Any, TypeAlias, TypeVar

from numba import njit, typeof

Rec: TypeAlias = Any
"""A numpy structured record as numba sees it: fields by attribute, nested arrays as views."""

F = TypeVar("F", bound=Callable[..., Any])

_OPTIONS: dict[str, Any] = {"nogil": True, "error_model": "numpy"}
"""A division by zero must not leave a record half changed; what is not finite is never a reason to trade."""

LAYOUT = "sealed"
"""How code is kept in the cache; what was kept otherwise is stale."""

_stamps: dict[int, object] = {}
_kept: list[object] = []
_messages: list[str] = []


def compiled(function: F) -> F:
    """The function as machine code, compiled at its first call or loaded from the cache."""
    try:
        kernel: Any = njit(cache=True, **_OPTIONS)(function)
    except RuntimeError as err:
        _note_unwritten(err)
        kernel = njit(**_OPTIONS)(function)
    _stamp(kernel, function)
    _guard(kernel)
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
    """Why kernels are not cached, or were not until now; an empty string when they are."""
    return _messages[0] if _messages else ""


def _stamp(kernel: Any, function: Callable[..., Any]) -> None:
    """Widen the kernel's cache stamp to what its module has imported (law 1)."""
    cache_file = getattr(getattr(kernel, "_cache", None), "_cache_file", None)
    if cache_file is None:
        return
    seen: list[object] = [LAYOUT, getattr(cache_file, "_source_stamp", None)]
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
    pattern = str(getattr(cache_file, "_data_name_pattern", "")).replace("{number", f"{stamp[:16]}.{{number")
    setattr(cache_file, "_source_stamp", stamp)  # noqa: B010  # numba has no public way to say it
    setattr(cache_file, "_data_name_pattern", pattern)  # noqa: B010  # nor this (law 4)


def _guard(kernel: Any) -> None:
    """Let reading and writing the cache fail without harm, and trust no code that is not as it was written (law 3)."""
    cache: Any = getattr(kernel, "_cache", None)
    file: Any = getattr(cache, "_cache_file", None)
    if file is None:
        return
    load, save = cache.load_overload, cache.save_overload
    load_data, save_data, dump = (getattr(file, name) for name in ("_load_data", "_save_data", "_dump"))

    def load_or_compile(signature: object, target: object) -> object:
        try:
            return load(signature, target)
        except Exception as err:  # noqa: BLE001  # damaged bytes make pickle, LLVM and the file system raise anything
            _note(f"kernels were compiled anew, their cache was damaged: {type(err).__name__}: {err}")
        with contextlib.suppress(OSError):
            cache.flush()
        return None

    def save_if_possible(signature: object, result: object) -> None:
        try:
            save(signature, result)
        except Exception as err:  # noqa: BLE001  # a full disk, or an index that may not even be read
            _note_unwritten(err)

    def save_sealed(name: str, code: object) -> None:
        body = dump(code)
        save_data(name, (hashlib.sha256(body).digest(), body))

    def load_sealed(name: str) -> object:
        digest, body = load_data(name)
        if hashlib.sha256(body).digest() != digest:  # machine code with a hole in it would end the process
            raise ValueError(f"{name} is not as it was written")
        return pickle.loads(body)  # noqa: S301  # our own file, which numba itself reads so

    cache.load_overload, cache.save_overload = load_or_compile, save_if_possible
    for name, act in (("_save_data", save_sealed), ("_load_data", load_sealed)):
        setattr(file, name, act)


def _note_unwritten(err: Exception) -> None:
    """The graver news: it is so in every process to come."""
    _messages[:] = [f"kernels are compiled anew in each process, no cache can be written: {err}"]


def _note(message: str) -> None:
    """The first is kept: the others say the same of another kernel."""
    if not _messages:
        _messages.append(message)
