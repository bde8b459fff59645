"""Auto-deleveraging: who must give up a profitable position when nobody else can bear a bankrupt one (sheet 8.5).

The queue of a symbol's longs, and that of its shorts, is ordered by the leveraged return

    unrealized profit / cost x notional / equity of the wallet that answers for it

highest first; positions at a loss, at the mark or at the bankruptcy price, are never taken. The same number makes
the quantile: it counts how many of 10 %, 50 %, 100 % and 200 % it exceeds, since the positions of the strangers
outside, with whom a real exchange would compare it, are not known here.
"""

from dataclasses import dataclass
from decimal import Decimal

from vortex.exchange.account import Account, Position
from vortex.exchange.floor import Floor
from vortex.exchange.forced import ADL, fill_off_book, send
from vortex.exchange.margin import Summary, SymbolMargin, pockets, summarize
from vortex.exchange.refusal import Refusal
from vortex.exchange.settlement import Settlement

PPM = 1_000_000
QUANTILE_MARKS_PPM = (100_000, 500_000, 1_000_000, 2_000_000)
SHOCK_PERCENT = 10


def leveraged_return_ppm(rows: list[SymbolMargin], equity: int) -> int:
    """Profit over cost, times notional over equity, in millionths; 0 without a profit."""
    profit = sum(row.unrealized for row in rows)
    cost = sum(abs(row.position.cost) for row in rows)
    if profit <= 0 or cost == 0:
        return 0
    notional = sum(abs(row.notional) for row in rows)
    return profit * notional * PPM // (cost * max(1, equity))


def quantile(summary: Summary, row: SymbolMargin) -> int:
    """Place in the queue from 0, safe, to 4, first; a hedge on cross margin is one thing."""
    if row.position.lots == 0:
        return 0
    pocket = next(each for each in pockets(summary) if row.position in [held.position for held in each.rows])
    symbol = row.position.instrument.symbol
    rows = [each for each in pocket.rows if each.position.instrument.symbol == symbol]
    score = leveraged_return_ppm(rows, pocket.equity)
    return sum(score > mark for mark in QUANTILE_MARKS_PPM)


def risk_of(floor: Floor, symbol: str) -> str:
    """low, medium or high: what a move of 10 % against every account here would cost the fund, beside the fund.

    Low up to half of the fund, medium up to the whole, high beyond.
    """
    need = 0
    for account in floor.accounts.values():
        if not any(position.instrument.symbol == symbol for position in account.held()):
            continue
        for pocket in pockets(summarize(account, floor.marks_e8)):
            here = sum(abs(row.notional) for row in pocket.rows if row.position.instrument.symbol == symbol)
            need += max(0, here * SHOCK_PERCENT // 100 - max(0, pocket.equity))
    if need == 0 or 2 * need <= floor.fund.balance:
        return "low"
    return "medium" if need <= floor.fund.balance else "high"


@dataclass(slots=True)
class Deleveraged:
    """One position that was cut, and by how much."""

    account: str
    position_side: str
    lots: int
    client_id: str


class Deleverager:
    """Cuts positions that are in the money."""

    def __init__(self, floor: Floor, settlement: Settlement) -> None:
        self._floor = floor
        self._settlement = settlement

    def queue(self, symbol: str, direction: int, px_e8: int, bankrupt: str = "") -> list[tuple[Account, Position]]:
        """Positions in one direction (1 long, -1 short) that may be closed at a price, first to go first.

        They are in profit at the mark and at that price, their wallets can pay the difference, and they are not the
        bankrupt's own.
        """
        ranked: list[tuple[int, str, str, Account, Position]] = []
        for account in self._floor.accounts.values():
            if account.name == bankrupt or account.in_liquidation(symbol):
                continue
            if not any(position.instrument.symbol == symbol for position in account.held()):
                continue
            for pocket in pockets(summarize(account, self._floor.marks_e8)):
                for row in pocket.rows:
                    position = row.position
                    here = position.instrument.symbol == symbol and position.lots * direction > 0
                    there = position.unrealized(px_e8)
                    if here and min(row.unrealized, there, pocket.equity + there - row.unrealized) > 0:
                        score = leveraged_return_ppm([row], pocket.equity)
                        ranked.append((score, account.name, position.side, account, position))
        ranked.sort(key=lambda entry: (-entry[0], entry[1], entry[2]))
        return [(account, position) for *_, account, position in ranked]

    def absorb(self, symbol: str, direction: int, lots: int, px: int, bankrupt: str) -> int:
        """Close opposite positions against a bankrupt one at its price; return the lots found."""
        found = 0
        px_e8 = px * self._floor.instruments[symbol].tick_e8
        for account, position in self.queue(symbol, direction, px_e8, bankrupt):
            if found == lots:
                break
            found += self.cut(account, position, min(lots - found, abs(position.lots)), px).lots
        return found

    def cut(self, account: Account, position: Position, lots: int, px: int) -> Deleveraged:
        """Close some lots of one position at a price in ticks, off the book and without a fee."""
        floor, symbol = self._floor, position.instrument.symbol
        order = send(floor, self._settlement, account.name, position, lots, px, ADL)
        fill_off_book(self._settlement, floor.listing(symbol), order)
        floor.ledger.write(
            "liquidation",
            floor.now_ms,
            account=account.name,
            symbol=symbol,
            stage="deleveraged",
            position_side=position.side,
            quantity=position.instrument.qty_text(lots),
            price=position.instrument.px_text(px),
            client_order_id=order.client_id,
        )
        return Deleveraged(account.name, position.side, lots, order.client_id)

    def by_hand(self, account: str, symbol: str, share: Decimal) -> list[Deleveraged]:
        """Cut this share of an account's positions in a symbol at the mark; -1130, -1121, -2022 when there is none.

        What a stranger's bankruptcy would do, on demand.
        """
        floor = self._floor
        found = floor.accounts.get(account)
        if found is None:
            raise Refusal(-1130, "account")
        if symbol not in floor.listings:
            raise Refusal(-1121)
        if not 0 < share <= 1:
            raise Refusal(-1130, "share")
        held = [position for position in found.held() if position.instrument.symbol == symbol]
        if not held:
            raise Refusal(-2022)
        instrument = held[0].instrument
        px = max(1, (2 * floor.marks_e8[symbol] + instrument.tick_e8) // (2 * instrument.tick_e8))
        parts = [(position, max(1, int(abs(position.lots) * share))) for position in held]
        return [self.cut(found, position, lots, px) for position, lots in parts]
