"""Laws of the exchange's money that hold in every story: trades, jumps, funding, liquidations, switches."""

from collections import Counter
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vortex.exchange.account import Account
from vortex.exchange.floor import VenueRules
from vortex.exchange.instruments import QUOTE_SCALE
from vortex.exchange.margin import pockets, summarize
from vortex.exchange.market_events import BookState, MarkState
from vortex.exchange.refusal import Refusal
from vortex.exchange.venue import Venue

pytestmark = pytest.mark.property

START_MS = 1_794_000_000_000
NAMES = ("ann", "bob", "cid")
SYMBOLS = ("BTCUSDT", "ETHUSDT")
REFERENCE = {"BTCUSDT": (800_000, 0.1), "ETHUSDT": (300_000, 0.01), "BNBUSDT": (65_000, 0.01)}


class Story:
    """An exchange with three accounts, a poor insurance fund, and a market that does what it is told."""

    def __init__(self, fund: int, step_ms: int) -> None:
        self.now = START_MS
        self.unprotected: Counter[tuple[str, str, str]] = Counter()
        rules = VenueRules(insurance_fund=fund, liquidation_step_ms=step_ms)
        self.venue = Venue((*SYMBOLS, "BNBUSDT"), START_MS, rules=rules)
        self.ticks = {symbol: px for symbol, (px, _) in REFERENCE.items()}
        for name, bnb in zip(NAMES, (0, 3, 30), strict=True):
            account = self.venue.open_account(name, {"USDT": Decimal(8_000), "BNB": Decimal(bnb)})
            for symbol in SYMBOLS:
                account.setting(symbol).leverage = 75
        for symbol in REFERENCE:
            self.move(symbol, 0, 3_000)

    @property
    def accounts(self) -> list[Account]:
        return list(self.venue.floor.accounts.values())

    def ask_for(self, name: str, method: str, path: str, **params: Any) -> Any:
        """A request; a refusal must leave everything as it was."""
        sent = {key: str(value) for key, value in params.items()}
        before = self.state()
        response = self.venue.request(name, method, path, sent, self.now)
        if response.status != 200:
            assert self.state() == before, f"{path} {sent} was refused with {response.body} and changed something"
            assert response.events == []
        return response

    def state(self) -> object:
        """Everything that money can be made of."""
        floor = self.venue.floor
        return (
            [
                (
                    dict(account.wallets),
                    [
                        (each.instrument.symbol, each.side, each.lots, each.cost, each.isolated_wallet)
                        for each in account.held()
                    ],
                    [
                        (symbol, account.setting(symbol).leverage, account.setting(symbol).isolated)
                        for symbol in SYMBOLS
                    ],
                    (account.hedge_mode, account.multi_assets, account.fee_burn, dict(account.liquidating)),
                    [
                        (order.order_id, order.status, order.filled, order.px, order.lots)
                        for order in account.open_orders.values()
                    ],
                    [(algo.algo_id, algo.status) for algo in account.open_algos.values()],
                    (len(account.income), len(account.fills), account.insurance_total, account.realized_total),
                )
                for account in self.accounts
            ],
            (floor.fund.balance, floor.fund.paid, floor.fund.fees, floor.counters.order_id, floor.counters.algo_id),
            [(symbol, floor.listing(symbol).levels(1, 5), floor.listing(symbol).levels(-1, 5)) for symbol in SYMBOLS],
        )

    def move(self, symbol: str, change_bps: int, lots: int, gap_bps: int = 0) -> None:
        """Book and mark go somewhere, the mark `gap_bps` away from the book."""
        reference, tick = REFERENCE[symbol]
        px = self.ticks[symbol] = max(
            reference // 4, min(reference * 3, self.ticks[symbol] * (10_000 + change_bps) // 10_000)
        )
        bids, asks = (tuple((px + sign * at, lots) for at in range(5)) for sign in (-1, 1))
        self.venue.on_market(BookState(self.now, symbol, bids[1:], asks[1:]), self.now)
        mark = round(px * tick * (1 + gap_bps / 10_000), 8)
        due = self.venue.floor.listing(symbol).next_funding_ms
        self.venue.on_market(MarkState(self.now, symbol, mark, mark, 0.003, due), self.now)
        self.the_lost_are_being_liquidated(symbol)

    def act(self, action: tuple[Any, ...]) -> None:
        """One step of a generated story."""
        kind, name, symbol, side, amount, other = action
        long_side = "LONG" if other % 2 else "SHORT"
        hedged = {"positionSide": long_side} if self.venue.floor.accounts[name].hedge_mode else {}
        quantity = f"{amount * (1 if symbol == 'BTCUSDT' else 20) / 1000:.3f}"
        if kind == "market":
            self.ask_for(
                name, "POST", "/fapi/v1/order", symbol=symbol, side=side, type="MARKET", quantity=quantity, **hedged
            )
        elif kind == "limit":
            px = self.ticks[symbol] + other % 20 - 10
            price = f"{px * REFERENCE[symbol][1]:.2f}"
            ask = {
                "symbol": symbol,
                "side": side,
                "type": "LIMIT",
                "timeInForce": "GTC",
                "quantity": quantity,
                "price": price,
            }
            self.ask_for(name, "POST", "/fapi/v1/order", **ask, **hedged)
        elif kind == "stop":
            px = self.ticks[symbol] + (1 if side == "BUY" else -1) * (50 + other)
            stop = {
                "algoType": "CONDITIONAL",
                "type": "STOP_MARKET",
                "triggerPrice": f"{px * REFERENCE[symbol][1]:.2f}",
            }
            self.ask_for(
                name, "POST", "/fapi/v1/algoOrder", symbol=symbol, side=side, closePosition="true", **stop, **hedged
            )
        elif kind == "move":
            self.move(
                symbol,
                amount * (1 if side == "BUY" else -1),
                50 + 20 * other,
                other % 7 * (40 if side == "SELL" else -40),
            )
        elif kind == "collateral":
            self.move("BNBUSDT", amount * (1 if side == "BUY" else -1), 1_000)
        elif kind == "time":
            self.pass_time(40 * amount if other % 4 else 28_800_000)
        elif kind == "adl":
            self._deleverage(name, symbol, other)
        else:
            self._switch(action, hedged)

    def pass_time(self, ms: int) -> None:
        """Let the clock run, and count for ourselves who stood in the market without a stop meanwhile."""
        for account in self.accounts:
            for position in account.held():
                key = (account.name, position.instrument.symbol, position.side)
                closing = -1 if position.lots > 0 else 1
                stops = [
                    algo
                    for algo in account.open_algos.values()
                    if (algo.symbol, algo.position_side, algo.side) == (*key[1:], closing) and algo.is_stop
                ]
                if not any(stop.close_position or stop.reduce_only or key[2] != "BOTH" for stop in stops):
                    self.unprotected[key] += ms
        self.now += ms
        self.venue.tick(self.now)

    def _deleverage(self, name: str, symbol: str, other: int) -> None:
        before = self.state()
        try:
            self.venue.deleverage(name, symbol, Decimal(1 + other % 10) / 10, self.now)
        except Refusal:
            assert self.state() == before

    def _switch(self, action: tuple[Any, ...], hedged: dict[str, str]) -> None:
        kind, name, symbol, side, amount, _ = action
        account = self.venue.floor.accounts[name]
        if kind == "hedge":
            self.ask_for(name, "POST", "/fapi/v1/positionSide/dual", dualSidePosition=not account.hedge_mode)
        elif kind == "multi":
            self.ask_for(name, "POST", "/fapi/v1/multiAssetsMargin", multiAssetsMargin=not account.multi_assets)
        elif kind == "isolated":
            wanted = "CROSSED" if account.setting(symbol).isolated else "ISOLATED"
            self.ask_for(name, "POST", "/fapi/v1/marginType", symbol=symbol, marginType=wanted)
        elif kind == "leverage":
            self.ask_for(name, "POST", "/fapi/v1/leverage", symbol=symbol, leverage=1 + amount % 125)
        elif kind == "margin":
            way = 1 if side == "BUY" else 2
            self.ask_for(name, "POST", "/fapi/v1/positionMargin", symbol=symbol, amount=amount, type=way, **hedged)
        else:
            self.ask_for(name, "DELETE", "/fapi/v1/allOpenOrders", symbol=symbol)

    # --- the laws ---------------------------------------------------------------------------------------------

    def money_is_conserved(self) -> None:
        """No book has anything unexplained; the income history alone explains every wallet."""
        for name, errors in self.venue.conservation().items():
            assert set(errors.values()) == {0}, (name, errors)
        for account in self.accounts:
            for asset, wallet in account.wallets.items():
                told = sum(row.amount for row in account.income if row.asset == asset)
                assert wallet == account.deposits.get(asset, 0) + told, (account.name, asset)

    def fills_are_the_positions(self) -> None:
        """The signed sum of all fills is what is held, and nothing flat keeps margin."""
        for account in self.accounts:
            sums: dict[tuple[str, str], int] = {}
            for fill in account.fills:
                key = (fill.order.symbol, fill.order.position_side)
                sums[key] = sums.get(key, 0) + fill.order.side * fill.lots
            for key, position in account.positions.items():
                assert position.lots == sums.get(key, 0), (account.name, key)
                assert position.lots or position.isolated_wallet == 0
                assert position.lots == 0 or position.side == "BOTH" or (position.side == "LONG") == (position.lots > 0)

    def nobody_is_forgotten(self) -> None:
        """Only pockets with positions are liquidated, and the fund is never below zero."""
        floor = self.venue.floor
        assert floor.fund.balance >= 0
        for account in self.accounts:
            names = {pocket.name for pocket in pockets(summarize(account, floor.marks_e8))}
            assert set(account.liquidating) <= names

    def the_lost_are_being_liquidated(self, symbol: str) -> None:
        """After a mark, whoever holds the symbol and is lost has been taken in hand."""
        for account in self.accounts:
            for pocket in pockets(summarize(account, self.venue.floor.marks_e8)):
                if any(row.position.instrument.symbol == symbol for row in pocket.rows):
                    assert not pocket.lost or pocket.name in account.liquidating, (account.name, pocket.name)

    def protection_is_counted_consistently(self) -> None:
        """Unprotected time is part of underprotected time, and that of the position's life."""
        floor = self.venue.floor
        floor.ledger.position_rows("", floor.now_ms)
        for record in floor.ledger.positions:
            life = (floor.now_ms if record.closed_ms is None else record.closed_ms) - record.opened_ms
            assert 0 <= record.longest_unprotected_ms <= record.unprotected_ms <= record.underprotected_ms <= life
        told: Counter[tuple[str, str, str]] = Counter()
        for record in floor.ledger.positions:
            told[(record.account, record.symbol, record.side)] += record.unprotected_ms
        assert +told == +self.unprotected
        held = {
            (account.name, each.instrument.symbol, each.side): each.lots
            for account in self.accounts
            for each in account.held()
        }
        assert {key: record.lots for key, record in floor.ledger.open_positions.items()} == held

    def debts_are_settled(self) -> None:
        """After time has passed, nobody without a position is below zero."""
        self.pass_time(1)
        for account in self.accounts:
            if not account.held():
                assert account.wallets["USDT"] >= 0, account.name


KINDS = ("market", "market", "market", "limit", "stop", "move", "move", "move", "collateral", "time", "adl")
SWITCHES = ("hedge", "multi", "isolated", "leverage", "margin", "cancel")
ACTIONS = st.lists(
    st.tuples(
        st.sampled_from(KINDS + SWITCHES),
        st.sampled_from(NAMES),
        st.sampled_from(SYMBOLS),
        st.sampled_from(["BUY", "SELL"]),
        st.one_of(st.integers(1, 60), st.integers(1, 3_000)),
        st.integers(0, 100),
    ),
    min_size=10,
    max_size=60,
)


@given(ACTIONS, st.sampled_from([0, 500, 1_000_000]), st.sampled_from([0, 100]))
@settings(max_examples=200, deadline=None)
def test_the_laws_of_money_hold_in_every_story(actions: list[tuple[Any, ...]], fund: int, step_ms: int) -> None:
    """Whatever is done in whatever order: conserved to the last 1e-8, and refused requests change nothing."""
    story = Story(fund, step_ms)
    for action in actions:
        story.act(action)
        story.money_is_conserved()
        story.fills_are_the_positions()
        story.nobody_is_forgotten()
    story.protection_is_counted_consistently()
    story.debts_are_settled()
    story.money_is_conserved()


@given(
    st.integers(5, 14),
    st.one_of(st.integers(-2_500, -30), st.integers(30, 2_500)),
    st.integers(1, 5_000),
    st.booleans(),
    st.sampled_from([0, 200, 1_000_000]),
)
@settings(max_examples=150, deadline=None)
def test_a_jump_beyond_everything_leaves_nobody_below_zero(
    lots: int, jump_bps: int, depth: int, thin: bool, fund: int
) -> None:
    """However far the market jumps over a crowd of hedgers and gamblers: zero at worst, and every cent explained."""
    story = Story(fund, 0)
    for name, side in zip(NAMES, ("BUY", "SELL", "BUY"), strict=True):
        story.move("BTCUSDT", 0, 10_000)
        quantity = f"{lots * 0.4:.3f}"
        story.ask_for(name, "POST", "/fapi/v1/order", symbol="BTCUSDT", side=side, type="MARKET", quantity=quantity)
    story.move("BTCUSDT", jump_bps, 1 if thin else depth)
    story.now += 1_000
    story.venue.tick(story.now)
    story.money_is_conserved()
    story.fills_are_the_positions()
    story.debts_are_settled()
    for account in story.accounts:
        summary = summarize(account, story.venue.floor.marks_e8)
        assert summary.margin_balance >= 0
        assert not any(pocket.lost for pocket in pockets(summary))
    assert sum(account.wallets["USDT"] for account in story.accounts) <= 3 * 8_000 * QUOTE_SCALE * 100
