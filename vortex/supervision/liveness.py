"""Judges one child by proof of progress, not by the wall clock alone, so that a starved machine restarts nobody.

1. A fresh beat is life. Everything else is judged by what the loop's thread did since the last beat.
2. Time counts only while it is observed: when the judge itself was paused, no child is blamed for the gap.
3. Silence is explained before it is punished: stopped, spinning, blocked, or merely starved of CPU.
"""

import enum
from dataclasses import dataclass

from vortex.kernel.clock import MS
from vortex.supervision.spec import HeartbeatLimits


class ProcessState(enum.StrEnum):
    """What the kernel says of the loop's thread."""

    RUNNABLE = "R"
    ASLEEP = "S"
    WAITING = "D"
    STOPPED = "T"
    GONE = "X"


class Verdict(enum.StrEnum):
    """What the supervisor should think."""

    ALIVE = "alive"
    SUSPECT = "suspect"
    HUNG = "hung"
    STOPPED = "stopped"
    GONE = "gone"


@dataclass(frozen=True, slots=True)
class Sample:
    """One look at a child. `cpu_ns` is CPU time used by the loop's thread since it began."""

    now_ns: int
    beat_ns: int
    cpu_ns: int
    state: ProcessState
    warming: bool = False  # starting or recovering: long turns of the loop are legitimate


@dataclass(frozen=True, slots=True)
class Judgement:
    """The verdict and its reason; `starved` asks for an alert about the machine."""

    verdict: Verdict
    why: str = ""
    starved: bool = False

    @property
    def must_die(self) -> bool:
        """Whether the child has to be replaced."""
        return self.verdict in (Verdict.HUNG, Verdict.STOPPED, Verdict.GONE)


ALIVE = Judgement(Verdict.ALIVE)

# The judge's own pauses are not evidence: of a longer gap between two looks only this much is counted.
OBSERVED_GAP_NS_MAX = 100 * MS


class Liveness:
    """The memory that judging one child needs."""

    def __init__(self, limits: HeartbeatLimits) -> None:
        self._limits = limits
        self._beat_ns = -1
        self._cpu_at_beat_ns = 0
        self._seen_ns = 0
        self._silent_ns = 0
        self._asleep_ns = 0
        self._stopped_looks = 0

    def fresh(self, now_ns: int, beat_ns: int) -> bool:
        """Whether the beat alone proves life, so that no costlier look at the process is needed."""
        return now_ns - beat_ns < self._limits.suspect_ms * MS

    def judge(self, sample: Sample) -> Judgement:
        """Look once. Call it at every sweep while the beat is not fresh, and once after it is again."""
        if sample.state is ProcessState.GONE:
            return Judgement(Verdict.GONE, "the process is gone")
        if sample.beat_ns != self._beat_ns:
            self._begin(sample)
        gap = min(sample.now_ns - self._seen_ns, OBSERVED_GAP_NS_MAX)
        self._seen_ns = sample.now_ns
        self._silent_ns += gap
        asleep = sample.state in (ProcessState.ASLEEP, ProcessState.WAITING)
        self._asleep_ns = self._asleep_ns + gap if asleep else 0
        self._stopped_looks = self._stopped_looks + 1 if sample.state is ProcessState.STOPPED else 0
        if self.fresh(sample.now_ns, sample.beat_ns):
            return ALIVE
        return self._explain(sample)

    def _begin(self, sample: Sample) -> None:
        self._beat_ns = sample.beat_ns
        self._cpu_at_beat_ns = sample.cpu_ns
        self._seen_ns = sample.now_ns
        self._silent_ns = self._asleep_ns = self._stopped_looks = 0

    def _explain(self, sample: Sample) -> Judgement:
        limits = self._limits
        factor = limits.startup_factor if sample.warming else 1
        age_ms = (sample.now_ns - sample.beat_ns) // MS
        if self._stopped_looks >= 2 and age_ms >= limits.stopped_ms:
            return Judgement(Verdict.STOPPED, f"stopped (state T), no beat for {age_ms} ms")
        burnt_ms = (sample.cpu_ns - self._cpu_at_beat_ns) // MS
        if burnt_ms >= limits.busy_cpu_ms * factor:
            return Judgement(Verdict.HUNG, f"busy loop: {burnt_ms} ms of CPU without a beat")
        if self._asleep_ns >= limits.blocked_ms * factor * MS:
            return Judgement(Verdict.HUNG, f"blocked: asleep {self._asleep_ns // MS} ms without a beat")
        silent_ms = self._silent_ns // MS
        if silent_ms >= limits.starved_ms * factor:
            return Judgement(Verdict.HUNG, f"starved: no beat for {silent_ms} ms", starved=True)
        starved = silent_ms >= limits.blocked_ms and sample.state is ProcessState.RUNNABLE
        return Judgement(Verdict.SUSPECT, f"no beat for {age_ms} ms", starved=starved)
