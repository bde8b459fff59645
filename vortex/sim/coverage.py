"""Did the faults that were drawn really happen? Per fault: seeds that enabled it, seeds where it fired, how often."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass

from vortex.sim.network import Network, Tally

FIRED_BY = {
    "request_loss_per_mille": "fault.request_loss",
    "answer_loss_per_mille": "fault.answer_loss",
    "server_error_per_mille": "fault.server_error",
    "not_sent_per_mille": "fault.not_sent",
    "refuse_per_mille": "fault.refuse",
    "straggle_per_mille": "request.straggled",
    "event_repeat_per_mille": "stream.repeated",
    "event_straggle_per_mille": "stream.straggled",
    "read_lag_ms": "snapshot.asked",
    "stop_trigger_ms": "stops.triggered",
    "stream_drop_every_ms": "stream.dropped",
    "venue_outage_every_ms": "venue.unreachable",
    "feed_loss_every_ms": "feed.lost",
    "price_gap_every_ms": "price.jumped",
    "mail_loss_per_mille": "mail.lost",
    "mail_repeat_per_mille": "mail.repeated",
    "mail_straggle_per_mille": "mail.straggled",
    "mail_clog_every_ms": "link.clogged",
    "journal_outage_every_ms": "journal.away",
    "journal_answer_loss_per_mille": "fault.journal_answer_loss",
    "journal_slow_per_mille": "fault.journal_slow",
    "crash_per_10k": "process.crashed",
    "pause_per_10k": "process.stopped",
    "zombie_percent": "process.disowned",
    "supervisor_death_every_ms": "supervisor.died",
    "operator_every_ms": "operator.acted",
    "stranger_every_ms": "stranger.traded",
    "clock_skew_ms_max": "clock.skewed",
}
"""Fault → the counter that proves it."""


@dataclass(frozen=True, slots=True)
class Fired:
    """One fault over many seeds."""

    fault: str
    enabled: int
    fired: int
    times: int


def count_links(network: Network, counts: Counter[str]) -> None:
    """Add what the links did, by what they carry."""
    for name, link in network.links.items():
        _add(_kind(name), link.tally, counts)


def _kind(name: str) -> str:
    if name == "user-stream":
        return "stream"
    return "request" if "exchange" in name else "mail"


def _add(kind: str, tally: Tally, counts: Counter[str]) -> None:
    for what in ("lost", "repeated", "straggled", "clogs"):
        counts[f"{kind}.{what}"] += getattr(tally, what)


def coverage(runs: Iterable[tuple[list[str], Counter[str]]]) -> list[Fired]:
    """Per fault: seeds that had it on, seeds in which it happened, and how often in all. A run is (faults, counts)."""
    enabled: Counter[str] = Counter()
    fired: Counter[str] = Counter()
    times: Counter[str] = Counter()
    for faults, counts in runs:
        for fault in (text.partition("=")[0] for text in faults):
            enabled[fault] += 1
            happened = counts[FIRED_BY[fault]]
            fired[fault] += happened > 0
            times[fault] += happened
    return [Fired(fault, enabled[fault], fired[fault], times[fault]) for fault in FIRED_BY]
