"""The sweep over the beats page: who is ready, who is silent and why; a glance per child, a closer look in doubt."""

from collections.abc import Callable, Iterable

from actors import processes
from supervisors.child import Child
from vortex.adapters.beats import BeatsPage, SlotView
from vortex.kernel.clock import Mono
from vortex.supervision.liveness import Judgement, Sample, Verdict

_WARMING = frozenset({"idle", "starting", "recovering"})
_READY = frozenset({"running", "degraded"})


class Sweep:
    """Looks at every local child once per call."""

    def __init__(
        self,
        page: BeatsPage,
        on_ready: Callable[[Child], None],
        on_hang: Callable[[Child, Judgement], None],
        on_starved: Callable[[Child, Judgement], None],
    ) -> None:
        self._page = page
        self._on_ready = on_ready
        self._on_hang = on_hang
        self._on_starved = on_starved
        self._starved: set[str] = set()

    def look(self, children: Iterable[Child], now: Mono) -> bool:
        """Look at all; True while somebody is still coming up, so that the next look should be soon."""
        soon = False
        for child in children:
            if child.condemned or not child.local:
                continue
            slot = self._page.read(child.report.slot)
            if child.role and not child.ready:
                if slot.state in _READY and slot.epoch == child.epoch:
                    self._on_ready(child)
                else:
                    soon = True
            self._judge(child, slot, now)
        return soon

    def _judge(self, child: Child, slot: SlotView, now: Mono) -> None:
        if child.liveness.fresh(now, slot.beat_ns) and not child.suspect:
            return
        state, cpu_ns = processes.look_at_thread(child.pid, slot.tid)
        judgement = child.liveness.judge(
            Sample(now_ns=now, beat_ns=slot.beat_ns, cpu_ns=cpu_ns, state=state, warming=slot.state in _WARMING)
        )
        child.suspect = judgement.verdict is not Verdict.ALIVE
        name = child.report.name
        if judgement.starved and name not in self._starved:
            self._starved.add(name)
            self._on_starved(child, judgement)
        if not child.suspect:
            self._starved.discard(name)
        if judgement.must_die and judgement.verdict is not Verdict.GONE:  # of the gone, the pidfd tells
            child.condemned = True
            self._on_hang(child, judgement)
