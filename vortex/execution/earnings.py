"""What a trade earned, from its fills, in whole units of cash (promises 7 and 8)."""

from collections.abc import Iterable
from dataclasses import dataclass
from decimal import Decimal

from vortex.domain.instruments import Instrument
from vortex.domain.money import from_cash, to_cash
from vortex.domain.orders import Side, VenueFill


@dataclass(frozen=True, slots=True)
class Earnings:
    """Money in quote units; prices are averages and zero when there was no such fill; times in ms."""

    pnl_gross: Decimal
    fees: Decimal
    pnl_net: Decimal
    entry_px: Decimal
    exit_px: Decimal
    maker_fills: int
    taker_fills: int
    entry_ms: int
    exit_ms: int


def fee_cash(fill: VenueFill, instrument: Instrument, maker_rate: Decimal, taker_rate: Decimal) -> int:
    """The fee of a fill in quote cash; one paid in another asset (BNB) is valued at the rate in force (P-5)."""
    if fill.fee_asset == instrument.quote or fill.fee == 0:
        return to_cash(fill.fee)
    rate = maker_rate if fill.is_maker else taker_rate
    return to_cash(from_cash(instrument.notional(fill.px_ticks, fill.qty_lots)) * rate)


def earned(fills: Iterable[tuple[VenueFill, int]], side: Side, instrument: Instrument) -> Earnings:
    """Profit and loss of a flat trade from its fills and their fees in cash."""
    known = list(fills)
    gross = sum(-fill.side.sign * instrument.notional(fill.px_ticks, fill.qty_lots) for fill, _ in known)
    fees = sum(fee for _, fee in known)
    entries = [fill for fill, _ in known if fill.side is side]
    exits = [fill for fill, _ in known if fill.side is not side]
    return Earnings(
        pnl_gross=from_cash(gross),
        fees=from_cash(fees),
        pnl_net=from_cash(gross - fees),
        entry_px=average_px(entries, instrument),
        exit_px=average_px(exits, instrument),
        maker_fills=sum(fill.is_maker for fill, _ in known),
        taker_fills=sum(not fill.is_maker for fill, _ in known),
        entry_ms=min((fill.ts_ms for fill in entries), default=0),
        exit_ms=max((fill.ts_ms for fill in exits), default=0),
    )


def average_px(fills: list[VenueFill], instrument: Instrument) -> Decimal:
    """Quantity-weighted price in quote units; 0 for no fills."""
    lots = sum(fill.qty_lots for fill in fills)
    if lots == 0:
        return Decimal(0)
    return sum(fill.px_ticks * fill.qty_lots for fill in fills) * instrument.tick_size / lots
