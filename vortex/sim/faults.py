"""The swarm: which faults one seed has and how often, drawn before the first event and printed with the seed.

Every seed enables a random subset, since a fault that is always on hides what would happen without it.
"""

from dataclasses import dataclass, fields, replace

from vortex.kernel.rng import Rng
from vortex.sim.network import Weather


@dataclass(frozen=True, slots=True)
class Swarm:
    """Rates of all faults; 0 is off. `*_per_mille` count per message or request, `*_per_10k` per handled event,
    `*_every_ms` is the mean time between two of a kind."""

    request_loss_per_mille: int = 0
    """The request never arrives; the sender learns nothing but a timeout."""
    answer_loss_per_mille: int = 0
    """It is executed, and the answer never comes."""
    server_error_per_mille: int = 0
    """5xx: executed or not, nobody says."""
    not_sent_per_mille: int = 0
    """Connection refused or throttled: it provably never left."""
    refuse_per_mille: int = 0
    """The exchange says a definite no for reasons of its own (-2019, or -4045 to a stop)."""
    straggle_per_mille: int = 0
    """A request is late, sometimes later than its window."""
    event_repeat_per_mille: int = 0
    """The user stream says it twice."""
    event_straggle_per_mille: int = 0
    """The user stream is late."""
    read_lag_ms: int = 0
    """What happened at the exchange less than this long ago its reads do not show yet."""
    stop_trigger_ms: int = 0
    """A stop stays TRIGGERING for so long, and can neither fill nor be canceled meanwhile."""
    stream_drop_every_ms: int = 0
    """The user stream breaks; what happens meanwhile is never told."""
    venue_outage_every_ms: int = 0
    """Nothing passes between us and the exchange."""
    feed_loss_every_ms: int = 0
    """One symbol's market data stops."""
    price_gap_every_ms: int = 0
    """One symbol's price jumps."""
    mail_loss_per_mille: int = 0
    """A message between two processes is lost (with a live receiver)."""
    mail_repeat_per_mille: int = 0
    """A message between two processes comes twice."""
    mail_straggle_per_mille: int = 0
    """A message between two processes is overtaken."""
    mail_clog_every_ms: int = 0
    """One link between two processes is clogged."""
    journal_outage_every_ms: int = 0
    """The journal takes nothing."""
    journal_answer_loss_per_mille: int = 0
    """The commit is durable, and its writer is told that it failed."""
    journal_slow_per_mille: int = 0
    """A commit takes hundreds of milliseconds."""
    crash_per_10k: int = 0
    """A process dies at an event boundary, or between two effects of one event."""
    pause_per_10k: int = 0
    """A process stops and goes on later (SIGSTOP, a starved machine)."""
    zombie_percent: int = 0
    """Of the processes killed for being silent, how many are believed dead and wake up again."""
    supervisor_death_every_ms: int = 0
    """The supervisor dies; its successor adopts who lives."""
    operator_every_ms: int = 0
    """A person reconciles, kills, resumes, flattens."""
    stranger_every_ms: int = 0
    """Somebody trades the account by hand: a position appears, grows or flips that we did not ask for. Not drawn: it
    is played alone, by a test of its own."""
    clock_skew_ms_max: int = 0
    """How wrong our idea of the exchange's clock may be."""

    @property
    def answers_reliably(self) -> bool:
        """Does every request get its answer, in time?"""
        troubles = (
            self.request_loss_per_mille,
            self.answer_loss_per_mille,
            self.server_error_per_mille,
            self.not_sent_per_mille,
            self.refuse_per_mille,
            self.straggle_per_mille,
        )
        return not any(troubles)

    def request_weather(self) -> Weather:
        """Links to and from the exchange."""
        return Weather(2_000_000, 12_000_000, 0, 0, self.straggle_per_mille, 2_500_000_000)

    def stream_weather(self) -> Weather:
        """The user stream."""
        return Weather(
            2_000_000, 15_000_000, 0, self.event_repeat_per_mille, self.event_straggle_per_mille, 800_000_000
        )

    def mail_weather(self) -> Weather:
        """Messages between processes of one machine."""
        return Weather(
            200_000,
            3_000_000,
            self.mail_loss_per_mille,
            self.mail_repeat_per_mille,
            self.mail_straggle_per_mille,
            120_000_000,
        )

    def described(self) -> list[str]:
        """One `name=value` for every fault that is on."""
        return [f"{field.name}={value}" for field in fields(self) if (value := getattr(self, field.name))]


CALM = Swarm()

_RANGES: dict[str, tuple[int, int]] = {
    "request_loss_per_mille": (5, 60),
    "answer_loss_per_mille": (5, 80),
    "server_error_per_mille": (5, 80),
    "not_sent_per_mille": (40, 200),
    "refuse_per_mille": (30, 150),
    "straggle_per_mille": (5, 80),
    "event_repeat_per_mille": (10, 300),
    "event_straggle_per_mille": (10, 200),
    "read_lag_ms": (20, 480),
    "stop_trigger_ms": (20, 500),
    "stream_drop_every_ms": (4_000, 20_000),
    "venue_outage_every_ms": (8_000, 30_000),
    "feed_loss_every_ms": (6_000, 30_000),
    "price_gap_every_ms": (4_000, 20_000),
    "mail_loss_per_mille": (1, 20),
    "mail_repeat_per_mille": (10, 200),
    "mail_straggle_per_mille": (10, 200),
    "mail_clog_every_ms": (5_000, 20_000),
    "journal_outage_every_ms": (8_000, 30_000),
    "journal_answer_loss_per_mille": (2, 40),
    "journal_slow_per_mille": (5, 100),
    "crash_per_10k": (2, 40),
    "pause_per_10k": (2, 30),
    "zombie_percent": (20, 80),
    "supervisor_death_every_ms": (5_000, 25_000),
    "operator_every_ms": (5_000, 20_000),
    "clock_skew_ms_max": (5, 150),
}


def draw(rng: Rng) -> Swarm:
    """One seed's faults: each is on in half of the seeds, at a rate of its own."""
    swarm = CALM
    for name, (low, high) in _RANGES.items():
        if rng.chance(1, 2):
            swarm = replace(swarm, **{name: rng.randint(low, high)})
    if swarm.zombie_percent and not swarm.pause_per_10k:  # only a stopped process can become a zombie
        swarm = replace(swarm, pause_per_10k=rng.randint(*_RANGES["pause_per_10k"]))
    return swarm
