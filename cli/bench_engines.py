"""`vortex bench engines`: what one market event and one decision cost on one core, live and in batch."""

from decimal import Decimal
from typing import TYPE_CHECKING, Annotated

import msgspec
import typer

from cli.failures import explained, out, print_json
from cli.options import Json
from vortex.kernel.clock import SystemClock

if TYPE_CHECKING:
    from vortex.domain.instruments import Instrument


@explained
def engines(
    *,
    events: Annotated[int, typer.Option(help="Events of the batch, 14 trades to one book.", min=10_000)] = 1_000_000,
    json: Json = False,
) -> None:
    """Run generated events through all engines and the score, in batch and one by one, and time decisions.

    Example: vortex bench engines --events 1000000 --json
    """
    from vortex.strategy.speed import measure

    speed = measure(_bitcoin(), SystemClock(), events=events)
    if json:
        print_json(msgspec.to_builtins(speed))
        return
    out.print(f"batch           {speed.batch_events_per_s:,.0f} events/s")
    out.print(f"live trade      {speed.trade_us:.1f} µs")
    out.print(f"live depth      {speed.depth_us:.1f} µs")
    out.print(f"decision        {speed.decision_us:.1f} µs")
    out.print(f"its record      {speed.record_us:.1f} µs")


def _bitcoin() -> "Instrument":
    from vortex.domain.instruments import Instrument

    return Instrument(
        symbol="BTCUSDT",
        base="BTC",
        quote="USDT",
        tick_size=Decimal("0.10"),
        step_size=Decimal("0.001"),
        min_price=Decimal("556.80"),
        max_price=Decimal(4_529_764),
        min_lots=1,
        max_lots=1_000_000,
        market_max_lots=120_000,
        min_notional=Decimal(50),
    )
