"""One row of `vortex doctor`: what was looked at, what was seen, what would mend it; and the list that rows go into."""

import re
from collections.abc import Callable, Iterable
from math import ceil
from typing import Any, Literal
from urllib.parse import unquote

import msgspec

from cli.kill import within
from vortex.kernel.clock import MS, SystemClock
from vortex.kernel.errors import VortexError
from vortex.settings import Secrets

Verdict = Literal["OK", "WARN", "FAIL", "SKIP"]
HIDDEN = "••••••••"
SHORT = 4
"""Secrets shorter than this would blot out half of every sentence; none that protects anything is."""


class Row(msgspec.Struct, frozen=True, kw_only=True):
    """`seen` holds the value with its unit, `mend` what to do unless all is well; `ms` where time is what was asked."""

    name: str
    verdict: Verdict
    seen: str
    mend: str = ""
    ms: float | None = None

    def document(self) -> dict[str, Any]:
        """As `--json` prints it: `ms` only where there is one."""
        said = {"name": self.name, "verdict": self.verdict, "seen": self.seen, "mend": self.mend}
        return said if self.ms is None else {**said, "ms": round(self.ms, 3)}


def ok(name: str, seen: str, ms: float | None = None) -> Row:
    """Nothing to do."""
    return Row(name=name, verdict="OK", seen=seen, ms=ms)


def warn(name: str, seen: str, mend: str, ms: float | None = None) -> Row:
    """Trading works, and somebody should look."""
    return Row(name=name, verdict="WARN", seen=seen, mend=mend, ms=ms)


def fail(name: str, seen: str, mend: str, ms: float | None = None) -> Row:
    """A start would fail, or should."""
    return Row(name=name, verdict="FAIL", seen=seen, mend=mend, ms=ms)


def skip(name: str, because: str) -> Row:
    """Could not be looked at; counts as a warning."""
    return Row(name=name, verdict="SKIP", seen=because, mend="mend that first, then ask again")


class Report:
    """The rows so far, none of which holds a secret. `on_row` hears each as it comes."""

    def __init__(self, keys: Secrets, on_row: Callable[[Row], None] = lambda row: None) -> None:
        self._hidden = secret_words(keys)
        self._on_row = on_row
        self.rows: list[Row] = []

    def add(self, row: Row) -> Row:
        """Keep one row, secrets struck out."""
        told = msgspec.structs.replace(row, seen=self._struck(row.seen), mend=self._struck(row.mend))
        self.rows.append(told)
        self._on_row(told)
        return told

    def look(self, name: str, limit_s: float, step: Callable[[], Row], mend: str = "") -> Row:
        """Run one check; whatever goes wrong in it, or takes too long, is its row, with this mend."""
        done = within(limit_s, step)
        return self.add(done["answer"] if done["ok"] else fail(name, str(done["error"]), mend or UNEXPECTED))

    @property
    def verdict(self) -> Verdict:
        """The worst of all rows; a check that could not run counts as a warning."""
        seen = {row.verdict for row in self.rows}
        return "FAIL" if "FAIL" in seen else "WARN" if seen - {"OK"} else "OK"

    @property
    def failures(self) -> list[Row]:
        """The rows that say no."""
        return [row for row in self.rows if row.verdict == "FAIL"]

    def _struck(self, text: str) -> str:
        for word in self._hidden:
            text = text.replace(word, HIDDEN)
        return text


UNEXPECTED = "the check itself did not get through: mend what the message names, then ask again"
_PASSWORD = re.compile(r"password='?([^'&\s]+)")
"""Where drivers take a password beside the address."""


def secret_words(keys: Secrets) -> tuple[str, ...]:
    """Every secret and every password inside one, as written and as meant, longest first."""
    words: set[str] = set()
    for value in keys.environment().values():
        inside = [value.partition("://")[2].rpartition("@")[0].partition(":")[2], *_PASSWORD.findall(value)]
        words |= {value, *inside, *map(unquote, inside)}
    return tuple(sorted((word for word in words if len(word) >= SHORT), key=len, reverse=True))


def told(error: BaseException) -> str:
    """A failure in one line."""
    text = " ".join(str(error).split()) or type(error).__name__
    return text if isinstance(error, VortexError) else f"{type(error).__name__}: {text}"


def percentile(values: Iterable[float], share: float) -> float:
    """Nearest rank of at least one value."""
    ordered = sorted(values)
    return ordered[max(0, ceil(share * len(ordered)) - 1)]


def timed_ms(step: Callable[[], object]) -> float:
    """How long a step took, in ms."""
    clock = SystemClock()
    before = clock.mono()
    step()
    return (clock.mono() - before) / MS
