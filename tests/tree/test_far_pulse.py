"""Children on other nodes: readiness and silence over asked-for pulses."""

import asyncio
from typing import Any

import pytest

from actors.clients import ShellClient, ShellReport
from supervisors import far
from supervisors.child import Child, newborn
from vortex.kernel.clock import ManualClock
from vortex.supervision.liveness import Judgement, Verdict
from vortex.supervision.spec import HeartbeatLimits


class FarShell(ShellClient):
    """Answers as long as it is told to."""

    def __init__(self, report: ShellReport, clock: ManualClock, answers: int) -> None:
        super().__init__(None)
        self._report, self._clock, self._answers = report, clock, answers

    async def adopt(self, root_epoch: int) -> ShellReport:
        self._clock.advance(300_000_000)
        self._answers -= 1
        if self._answers < 0:
            raise ConnectionError("the node is away")
        return self._report


@pytest.mark.asyncio
async def test_a_far_child_gets_ready_and_is_condemned_after_a_second_of_silence(monkeypatch: Any) -> None:
    """Three answers, then none."""
    monkeypatch.setattr(far, "PULSE_S", 0.001)
    clock = ManualClock(10**9)
    report = ShellReport(name="shell-1-1", pid=1, pid_started=1, node="far", slot=0, role="executor", state="running")
    child = newborn(report, FarShell(report, clock, answers=3), "here", HeartbeatLimits(), clock.mono())
    seen: list[str] = []

    def ready(who: Child) -> None:
        who.ready = True
        seen.append("ready")

    def hung(who: Child, judgement: Judgement) -> None:
        assert judgement.verdict is Verdict.HUNG
        seen.append("hung")

    await asyncio.wait_for(far.FarPulse(clock, 1, ready, hung).follow(child), 10)
    assert not child.local
    assert seen == ["ready", "hung"]
    assert clock.mono() >= 10**9 + (3 + 4) * 300_000_000
