"""What the parts of the executor share: clocks, settings, the outbox of effects, and which symbols need a look."""

from collections import Counter
from collections.abc import Callable, Mapping
from decimal import Decimal

from vortex.domain.effects import (
    Alert,
    ArmDeadMan,
    Audit,
    CancelTimer,
    Effect,
    QueryOrder,
    ReadBalance,
    SendCancel,
    SendOrder,
    SetTimer,
    TakeSnapshot,
    TellSymbol,
)
from vortex.domain.events import SymbolEvent
from vortex.domain.instruments import Instrument
from vortex.execution.api_health import ApiHealth
from vortex.execution.settings import ExecutionSettings
from vortex.execution.throttle import Cost, Throttle
from vortex.kernel.clock import MS, Clock
from vortex.kernel.errors import LocalViolation

_COSTS: dict[type, Cost] = {
    SendOrder: Cost(orders=1),
    SendCancel: Cost(weight=1),
    QueryOrder: Cost(weight=1),
    ReadBalance: Cost(weight=5),
    ArmDeadMan: Cost(weight=10),
}
SNAPSHOT_ALL = Cost(weight=100)
SNAPSHOT_ONE = Cost(weight=17)
"""Open orders and algo orders 1 or 40 each, positions 5, account 5, fills 5 a symbol (reference: order endpoints)."""


class Desk:
    """One per executor. Parts emit effects here in the order in which the shell must carry them out."""

    def __init__(
        self,
        *,
        epoch: int,
        clock: Clock,
        settings: ExecutionSettings,
        instruments: Mapping[str, Instrument],
        fee_rates: Mapping[str, tuple[Decimal, Decimal]],
        venue_ms: Callable[[], int] | None,
    ) -> None:
        self.epoch = epoch
        self.clock = clock
        self.settings = settings
        self.instruments = dict(instruments)
        self._fee_rates = dict(fee_rates)
        self._venue_ms = venue_ms
        self.throttle = Throttle(settings)
        self.api = ApiHealth()
        self.counts: Counter[str] = Counter()
        self._outbox: list[Effect] = []
        self._touched: dict[str, None] = {}

    @property
    def now_ms(self) -> int:
        """Our wall clock in ms."""
        return self.clock.unix() // MS

    @property
    def mono_ns(self) -> int:
        """Monotonic time in ns."""
        return self.clock.mono()

    @property
    def mono_ms(self) -> int:
        """Monotonic time in ms: what budgets are counted by, so that a clock that jumps neither fills nor frees one."""
        return self.clock.mono() // MS

    def stamp_ms(self) -> int:
        """The exchange's clock now, in ms: taken before the commit that allows a request (decision 5)."""
        return self._venue_ms() if self._venue_ms is not None else self.now_ms

    def instrument(self, symbol: str) -> Instrument:
        """The instrument of a symbol we trade or hold."""
        try:
            return self.instruments[symbol]
        except KeyError:
            raise LocalViolation(f"no instrument for {symbol}") from None

    def fee_rates(self, symbol: str) -> tuple[Decimal, Decimal]:
        """Maker and taker rate in force (P-5)."""
        return self._fee_rates.get(symbol, (self.settings.maker_rate, self.settings.taker_rate))

    def emit(self, effect: Effect) -> None:
        """Put an effect in the outbox; requests are counted against budgets and timed."""
        cost = _COSTS.get(type(effect))
        if isinstance(effect, TakeSnapshot):
            cost = SNAPSHOT_ONE if effect.symbol else SNAPSHOT_ALL
        if cost is not None:
            self.throttle.spend(self.mono_ms, cost)
        key = request_key(effect)
        if key:
            self.api.began(key, self.mono_ns)
        self._outbox.append(effect)

    def drain(self) -> list[Effect]:
        """Everything emitted since the last time, in order."""
        effects, self._outbox = self._outbox, []
        return effects

    def touch(self, symbol: str) -> None:
        """This symbol needs a look before the event is done with."""
        self._touched[symbol] = None

    def take_touched(self) -> list[str]:
        """Symbols that need a look, in the order of touching."""
        touched = list(self._touched)
        self._touched.clear()
        return touched

    def set_timer(self, key: str, delay_ms: int) -> None:
        """Call back under this key."""
        self.emit(SetTimer(key=key, delay_ms=max(1, delay_ms)))

    def cancel_timer(self, key: str) -> None:
        """Forget a timer."""
        self.emit(CancelTimer(key=key))

    def tell_symbol(self, symbol: str, event: SymbolEvent) -> None:
        """To the symbol's session, if there is one; the shell knows."""
        self.emit(TellSymbol(symbol=symbol, event=event))

    def audit(self, kind: str, **detail: str | int | float | bool | None) -> None:
        """A fact for the audit log."""
        self.counts[kind] += 1
        self.emit(Audit(kind=kind, detail=dict(detail)))

    def alert(self, level: str, text: str) -> None:
        """Tell a person."""
        self.emit(Alert(level=level, text=text))


def request_key(effect: Effect) -> str:
    """Under which key a request is timed; empty for effects that are no timed requests."""
    match effect:
        case SendOrder(spec=spec):
            return f"send/{spec.client_order_id}"
        case SendCancel(client_order_id=client_order_id):
            return f"cancel/{client_order_id}"
        case QueryOrder(client_order_id=client_order_id):
            return f"query/{client_order_id}"
        case ReadBalance(token=token):
            return f"read/{token}"
        case _:
            return ""
