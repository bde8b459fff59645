"""Children on other nodes: no shared page, no pidfd, so their pulse is asked for over Ray (decision 5)."""

import asyncio
import contextlib
from collections.abc import Callable

from supervisors.child import Child
from vortex.kernel.clock import MS, SECOND, Clock
from vortex.supervision.liveness import Judgement, Verdict

PULSE_S = 0.25
# Between nodes a second of silence is a verdict; the successor then waits until the old one's fences have run out.
SILENT_NS = 1 * SECOND


class FarPulse:
    """Asks one far child for its state, again and again, until it dies or falls silent."""

    def __init__(
        self,
        clock: Clock,
        root_epoch: int,
        on_ready: Callable[[Child], None],
        on_hang: Callable[[Child, Judgement], None],
    ) -> None:
        self._clock = clock
        self._root_epoch = root_epoch
        self._on_ready = on_ready
        self._on_hang = on_hang

    async def follow(self, child: Child) -> None:
        """Run until the child is gone or condemned."""
        heard_ns = self._clock.mono()
        while not child.gone.is_set() and not child.condemned:
            with contextlib.suppress(Exception):  # an error is silence; silence is judged below
                report = await asyncio.wait_for(child.shell.adopt(self._root_epoch), PULSE_S * 2)
                heard_ns = self._clock.mono()
                if not child.ready and report.state in ("running", "degraded"):
                    self._on_ready(child)
            silent_ns = self._clock.mono() - heard_ns
            child.suspect = silent_ns > SILENT_NS // 2
            if silent_ns >= SILENT_NS:
                child.condemned = True
                self._on_hang(child, Judgement(Verdict.HUNG, f"no pulse from its node for {silent_ns // MS} ms"))
                return
            await asyncio.sleep(PULSE_S)
