"""How messages travel between actors: numbered within a session, so that order can be restored (ADR 0003)."""

from typing import TypeAlias

import msgspec

from vortex.domain.commands import BreakerCommand, OperatorCommand, SymbolCommand
from vortex.domain.effects import Alert, Audit, DecisionMade
from vortex.domain.events import BreakerEvent, SymbolEvent
from vortex.domain.message import Message

Body: TypeAlias = (
    SymbolCommand | OperatorCommand | BreakerCommand | SymbolEvent | BreakerEvent | Audit | Alert | DecisionMade
)


class Envelope(Message, frozen=True, kw_only=True):
    """One numbered message. `session` names one conversation between two incarnations; `seq` starts at 1 in it.

    `sender` is a role ("symbol:BTCUSDT", "executor", "breaker", "root", "cli"), `epoch` its incarnation,
    `cause` the trace id of whatever led to this.
    """

    sender: str
    epoch: int
    session: str
    seq: int
    body: Body
    cause: str = ""


encode = msgspec.msgpack.Encoder().encode
decode = msgspec.msgpack.Decoder(Envelope).decode
