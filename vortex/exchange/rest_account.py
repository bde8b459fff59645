"""REST account and settings: balances, positions, leverage, modes, fees, income, keys (sheet 4.4, 4.5, 5.1)."""

from decimal import Decimal
from typing import Any

from vortex.exchange.account import RATE_SCALE, Account
from vortex.exchange.adl import quantile
from vortex.exchange.conduct import indicators
from vortex.exchange.events import (
    account_update,
    balance_row,
    leverage_changed,
    multi_assets_changed,
    position_row,
)
from vortex.exchange.floor import Floor
from vortex.exchange.instruments import QUOTE_SCALE, Instrument, money_text
from vortex.exchange.listen_keys import ListenKeys
from vortex.exchange.margin import Summary, SymbolMargin, summarize, symbol_margin
from vortex.exchange.params import Params, flag, limit, number, optional, required, whole, window
from vortex.exchange.refusal import Refusal
from vortex.exchange.rules import instrument_of, position_side_of
from vortex.exchange.views import (
    account_config,
    account_v2,
    account_v3,
    balances,
    income_body,
    leverage_brackets,
    position_risk_v2,
    position_risk_v3,
    symbol_config,
)

WEEK_MS = 7 * 86_400_000
SUCCESS: dict[str, Any] = {"code": 200, "msg": "success"}
Body = dict[str, Any]


class AccountDesk:
    """Account endpoints of one floor."""

    def __init__(self, floor: Floor, keys: ListenKeys) -> None:
        self._floor = floor
        self._keys = keys

    def _summary(self, account: Account) -> Summary:
        return summarize(account, self._floor.marks_e8)

    def _symbols(self, params: Params) -> list[Instrument]:
        if optional(params, "symbol") is None:
            return list(self._floor.instruments.values())
        return [instrument_of(self._floor.instruments, params)]

    # --- reading --------------------------------------------------------------------------------------------

    def account_v3(self, account: Account, _params: Params) -> Body:
        return account_v3(account, self._summary(account))

    def account_v2(self, account: Account, _params: Params) -> Body:
        return account_v2(account, self._summary(account), self._every(account, {}))

    def _every(self, account: Account, params: Params) -> list[SymbolMargin]:
        """Margins of every symbol and side, flat ones included."""
        sides = ("BOTH", "LONG", "SHORT") if account.hedge_mode else ("BOTH",)
        marks = self._floor.marks_e8
        return [
            symbol_margin(account, account.position(instrument, side), marks[instrument.symbol])
            for instrument in self._symbols(params)
            for side in sides
        ]

    def balance(self, account: Account, _params: Params) -> list[Body]:
        return balances(account, self._summary(account))

    def positions_v3(self, account: Account, params: Params) -> list[Body]:
        summary = self._summary(account)
        wanted = {instrument.symbol for instrument in self._symbols(params)}
        return [
            position_risk_v3(account, summary, row) for row in summary.rows if row.position.instrument.symbol in wanted
        ]

    def positions_v2(self, account: Account, params: Params) -> list[Body]:
        summary = self._summary(account)
        return [position_risk_v2(account, summary, row) for row in self._every(account, params)]

    def config(self, account: Account, _params: Params) -> Body:
        return account_config(account)

    def symbol_config(self, account: Account, params: Params) -> list[Body]:
        return [symbol_config(account, instrument) for instrument in self._symbols(params)]

    def brackets(self, _account: Account, params: Params) -> list[Body]:
        return [leverage_brackets(instrument) for instrument in self._symbols(params)]

    def commission(self, account: Account, params: Params) -> Body:
        instrument = instrument_of(self._floor.instruments, params)
        return {
            "symbol": instrument.symbol,
            "makerCommissionRate": _rate(account.maker_rate),
            "takerCommissionRate": _rate(account.taker_rate),
            "rpiCommissionRate": "0.000050",
        }

    def income(self, account: Account, params: Params) -> list[Body]:
        symbol, kind = optional(params, "symbol") or "", optional(params, "incomeType") or ""
        start, end = window(params)
        wanted = limit(params, 100, 1000)
        if start is None and end is None:
            start = self._floor.now_ms - WEEK_MS
        rows = [
            row
            for row in account.income
            if symbol in ("", row.symbol)
            and kind in ("", row.kind)
            and (start is None or row.ts_ms >= start)
            and (end is None or row.ts_ms <= end)
        ]
        chosen = rows[:wanted] if optional(params, "startTime") is not None else rows[-wanted:]
        return [income_body(row) for row in chosen]

    def adl_quantile(self, account: Account, params: Params) -> list[Body] | Body:
        """Places in the queue of each symbol with a position; HEDGE marks a hedge on cross margin."""
        summary = self._summary(account)
        rows = []
        for instrument in self._symbols(params):
            found = {
                row.position.side: quantile(summary, row)
                for row in summary.rows
                if row.position.lots and row.position.instrument is instrument
            }
            if found:
                isolated = account.setting(instrument.symbol).isolated
                sign = "HEDGE" if account.hedge_mode and not isolated else "BOTH"
                sides = {"LONG": 0, "SHORT": 0, sign: 0} | found
                rows.append({"symbol": instrument.symbol, "adlQuantile": sides})
        return rows[0] if rows and optional(params, "symbol") is not None else rows

    def trading_status(self, account: Account, params: Params) -> Body:
        now = self._floor.now_ms
        told = {each.symbol: indicators(account, each.symbol, now) for each in self._symbols(params)}
        return {"indicators": told, "updateTime": now}

    def order_limits(self, _account: Account, _params: Params) -> list[Body]:
        limits = self._floor.rules.limits
        return [
            {
                "rateLimitType": "ORDERS",
                "interval": "SECOND",
                "intervalNum": 10,
                "limit": limits.orders_per_10s,
            },
            {
                "rateLimitType": "ORDERS",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": limits.orders_per_minute,
            },
        ]

    # --- settings -------------------------------------------------------------------------------------------

    def set_leverage(self, account: Account, params: Params) -> Body:
        instrument = instrument_of(self._floor.instruments, params)
        self._not_in_liquidation(account, instrument.symbol)
        leverage = whole(params, "leverage")
        if leverage is None:
            raise Refusal(-1102, "leverage")
        if not 1 <= leverage <= instrument.max_leverage:
            raise Refusal(-4028, leverage)
        setting = account.setting(instrument.symbol)
        held = [each for each in account.held() if each.instrument is instrument]
        if setting.isolated and held and leverage < setting.leverage:
            raise Refusal(-4161)
        mark = self._floor.marks_e8[instrument.symbol]
        cap = instrument.max_notional(leverage) * QUOTE_SCALE
        if any(abs(position.notional(mark)) > cap for position in held):
            raise Refusal(-2027)
        before, setting.leverage = setting.leverage, leverage
        summary = self._summary(account)
        if leverage < before and summary.rows and summary.available == 0:
            setting.leverage = before
            raise Refusal(-2028)
        self._floor.tell(account.name, leverage_changed(instrument.symbol, leverage, self._floor.now_ms))
        return {
            "leverage": leverage,
            "maxNotionalValue": str(instrument.max_notional(leverage)),
            "symbol": instrument.symbol,
        }

    def set_margin_type(self, account: Account, params: Params) -> Body:
        instrument = instrument_of(self._floor.instruments, params)
        wanted = required(params, "marginType")
        if wanted not in ("ISOLATED", "CROSSED"):
            raise Refusal(-1130, "marginType")
        isolated = wanted == "ISOLATED"
        if isolated and account.multi_assets:
            raise Refusal(-4168)
        self._not_in_liquidation(account, instrument.symbol)
        setting = account.setting(instrument.symbol)
        if setting.isolated == isolated:
            raise Refusal(-4046)
        if any(order.symbol == instrument.symbol for order in account.open_orders.values()):
            raise Refusal(-4047)
        if any(position.instrument is instrument for position in account.held()):
            raise Refusal(-4048)
        setting.isolated = isolated
        row = position_row(
            account,
            account.position(instrument, "LONG" if account.hedge_mode else "BOTH"),
            self._floor.marks_e8[instrument.symbol],
        )
        now = self._floor.now_ms
        self._floor.tell(account.name, account_update("MARGIN_TYPE_CHANGE", now, [], [row]))
        return SUCCESS

    def set_position_margin(self, account: Account, params: Params) -> Body:
        """Move money between the wallet and an isolated position."""
        instrument = instrument_of(self._floor.instruments, params)
        amount, kind = number(params, "amount"), whole(params, "type")
        if amount is None or amount <= 0 or kind not in (1, 2):
            raise Refusal(-1130, "amount" if kind in (1, 2) else "type")
        self._not_in_liquidation(account, instrument.symbol)
        position = account.position(instrument, position_side_of(account, params))
        if not account.setting(instrument.symbol).isolated:
            raise Refusal(-4049)
        if position.lots == 0:
            raise Refusal(-4054)
        units = int(amount * QUOTE_SCALE)
        mark = self._floor.marks_e8[instrument.symbol]
        if kind == 1 and units > self._summary(account).available:
            raise Refusal(-4050)
        if kind == 2:
            row = symbol_margin(account, position, mark)
            if position.isolated_wallet + min(0, row.unrealized) - units < row.position_initial:
                raise Refusal(-4051)
        position.isolated_wallet += units if kind == 1 else -units
        now = self._floor.now_ms
        account.margin_moves.append(
            {
                "symbol": instrument.symbol,
                "type": kind,
                "deltaType": "USER_ADJUST",
                "amount": money_text(units),
                "asset": "USDT",
                "time": now,
                "positionSide": position.side,
            }
        )
        rows = [position_row(account, position, mark)]
        self._floor.tell(account.name, account_update("MARGIN_TRANSFER", now, [balance_row(account, "USDT", 0)], rows))
        return {
            "amount": float(amount),
            "code": 200,
            "msg": "Successfully modify position margin.",
            "type": kind,
        }

    def position_margin_history(self, account: Account, params: Params) -> list[Body]:
        """Every move of isolated margin, oldest first."""
        symbol = instrument_of(self._floor.instruments, params).symbol
        kind = whole(params, "type")
        start, end = window(params)
        wanted = limit(params, 500, 1000)
        rows = [
            row
            for row in account.margin_moves
            if row["symbol"] == symbol
            and kind in (None, row["type"])
            and (start is None or int(str(row["time"])) >= start)
            and (end is None or int(str(row["time"])) <= end)
        ]
        return rows[-wanted:]

    def position_mode(self, account: Account, _params: Params) -> Body:
        return {"dualSidePosition": account.hedge_mode}

    def set_position_mode(self, account: Account, params: Params) -> Body:
        wanted = flag(params, "dualSidePosition")
        if wanted is None:
            raise Refusal(-1102, "dualSidePosition")
        if wanted == account.hedge_mode:
            raise Refusal(-4059)
        if account.open_orders or account.open_algos:
            raise Refusal(-4067)
        if account.held():
            raise Refusal(-4068)
        account.hedge_mode = wanted
        return SUCCESS

    def multi_assets(self, account: Account, _params: Params) -> Body:
        return {"multiAssetsMargin": account.multi_assets}

    def set_multi_assets(self, account: Account, params: Params) -> Body:
        wanted = flag(params, "multiAssetsMargin")
        if wanted is None:
            raise Refusal(-1102, "multiAssetsMargin")
        if wanted == account.multi_assets:
            raise Refusal(-4171)
        self._not_in_liquidation(account)
        if wanted and any(setting.isolated for setting in account.settings.values()):
            raise Refusal(-4167)
        if account.open_orders or account.open_algos:
            raise Refusal(-4170)
        if any(account.wallets.get(asset, 0) < 0 for asset in self._floor.collateral.assets):
            raise Refusal(-4172)
        account.multi_assets = wanted
        if self._short_of_margin(account):
            account.multi_assets = not wanted
            raise Refusal(-4169)
        self._floor.tell(account.name, multi_assets_changed(wanted, self._floor.now_ms))
        return SUCCESS

    def _short_of_margin(self, account: Account) -> bool:
        """Would the positions need more initial margin than there is?"""
        summary = self._summary(account)
        needed = summary.position_initial + summary.open_order_initial
        return needed > 0 and summary.margin_balance < needed

    @staticmethod
    def _not_in_liquidation(account: Account, symbol: str = "") -> None:
        if account.in_liquidation(symbol):
            raise Refusal(-2023)

    def fee_burn(self, account: Account, _params: Params) -> Body:
        return {"feeBurn": account.fee_burn}

    def set_fee_burn(self, account: Account, params: Params) -> Body:
        wanted = flag(params, "feeBurn")
        if wanted is None:
            raise Refusal(-1102, "feeBurn")
        account.fee_burn = wanted
        return SUCCESS

    # --- listen keys ----------------------------------------------------------------------------------------

    def listen(self, account: Account, _params: Params) -> Body:
        return {"listenKey": self._keys.start(account.name, self._floor.now_ms)}

    def keep_listening(self, account: Account, _params: Params) -> Body:
        return {"listenKey": self._keys.extend(account.name, self._floor.now_ms)}

    def stop_listening(self, account: Account, _params: Params) -> Body:
        self._keys.close(account.name)
        return {}


def _rate(parts: int) -> str:
    return f"{Decimal(parts) / RATE_SCALE:.6f}"
