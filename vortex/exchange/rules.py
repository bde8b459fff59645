"""The checks a new order passes that need nothing but its parameters, in the exchange's order (sheet 11.1, 7 to 13)."""

from collections.abc import Mapping
from dataclasses import dataclass

from vortex.exchange.account import Account
from vortex.exchange.instruments import Instrument
from vortex.exchange.orders import BUY, CLIENT_ID, CONDITIONAL_TYPES, SELL, SIDES, TIMES_IN_FORCE
from vortex.exchange.params import Params, flag, number, optional, price_ticks, quantity_lots, required, whole
from vortex.exchange.refusal import Refusal

STP_MODES = frozenset({"EXPIRE_TAKER", "EXPIRE_MAKER", "EXPIRE_BOTH"})
PRICE_MATCHES: Mapping[str, tuple[bool, int]] = {
    "OPPONENT": (True, 1),
    "OPPONENT_5": (True, 5),
    "OPPONENT_10": (True, 10),
    "OPPONENT_20": (True, 20),
    "QUEUE": (False, 1),
    "QUEUE_5": (False, 5),
    "QUEUE_10": (False, 10),
    "QUEUE_20": (False, 20),
}
GTD_MIN_AHEAD_MS = 600_000
GTD_MAX_MS = 253_402_300_799_000


@dataclass(slots=True)
class Ticket:
    """A well-formed request for a new order."""

    instrument: Instrument
    side: int
    position_side: str
    kind: str
    time_in_force: str
    lots: int
    px: int
    reduce_only: bool
    stp: str
    price_match: str
    good_till_ms: int
    client_id: str | None
    response: str

    @property
    def closing(self) -> bool:
        """Can it only reduce? By flag in one-way mode, by its side in hedge mode."""
        return self.reduce_only or (self.position_side, self.side) in (("LONG", SELL), ("SHORT", BUY))


def instrument_of(listed: Mapping[str, Instrument], params: Params) -> Instrument:
    """The symbol of a request; -1102 when absent, -1121 when unknown."""
    found = listed.get(required(params, "symbol"))
    if found is None:
        raise Refusal(-1121)
    return found


def side_of(params: Params) -> int:
    """BUY or SELL; -1117."""
    found = SIDES.get(required(params, "side"))
    if found is None:
        raise Refusal(-1117)
    return found


def position_side_of(account: Account, params: Params) -> str:
    """The position side, which must match the account's mode; -4060, -4061."""
    sent = optional(params, "positionSide") or "BOTH"
    if sent not in ("BOTH", "LONG", "SHORT"):
        raise Refusal(-4060)
    if account.hedge_mode == (sent == "BOTH"):
        raise Refusal(-4061)
    return sent


def reduce_only_of(account: Account, params: Params) -> bool:
    """reduceOnly; never sent in hedge mode (-1106)."""
    if params.get("reduceOnly") is None:
        return False
    if account.hedge_mode:
        raise Refusal(-1106, "reduceonly")
    if params["reduceOnly"].lower() not in ("true", "false"):
        raise Refusal(-4062)
    return params["reduceOnly"].lower() == "true"


def stp_of(params: Params) -> str:
    """Self-trade prevention mode; -5039."""
    sent = optional(params, "selfTradePreventionMode") or "EXPIRE_MAKER"
    if sent not in STP_MODES:
        raise Refusal(-5039)
    return sent


def price_match_of(params: Params) -> str:
    """Price match mode, "NONE" by default; -5037."""
    sent = optional(params, "priceMatch") or "NONE"
    if sent != "NONE" and sent not in PRICE_MATCHES:
        raise Refusal(-5037)
    return sent


def good_till_of(params: Params, time_in_force: str, now_ms: int) -> int:
    """When a GTD order ends, in whole seconds; -5040."""
    sent = whole(params, "goodTillDate")
    if time_in_force != "GTD":
        if sent:
            raise Refusal(-1106, "goodtilldate")
        return 0
    if sent is None or not now_ms + GTD_MIN_AHEAD_MS < sent < GTD_MAX_MS:
        raise Refusal(-5040)
    return sent // 1000 * 1000


def client_id_of(params: Params, name: str) -> str | None:
    """A client order id, or None when the exchange shall make one; -4015."""
    sent = params.get(name)
    if sent is not None and CLIENT_ID.fullmatch(sent) is None:
        raise Refusal(-4015)
    return sent


def ticket_of(account: Account, listed: Mapping[str, Instrument], params: Params, now_ms: int) -> Ticket:
    """Read and check a new order (7 to 13); raises Refusal with the first code that applies."""
    instrument_sent = required(params, "symbol")
    side = side_of(params)
    kind = required(params, "type")
    if kind not in ("LIMIT", "MARKET") and kind not in CONDITIONAL_TYPES:
        raise Refusal(-1116)
    time_in_force = optional(params, "timeInForce")
    if time_in_force is not None and time_in_force not in TIMES_IN_FORCE:
        raise Refusal(-1115)
    response = optional(params, "newOrderRespType") or "ACK"
    if response not in ("ACK", "RESULT"):
        raise Refusal(-1136)
    instrument = listed.get(instrument_sent)
    if instrument is None:
        raise Refusal(-1121)
    if kind in CONDITIONAL_TYPES:
        raise Refusal(-4120)
    if kind == "LIMIT" and time_in_force is None:
        raise Refusal(-1102, "timeinforce")
    position_side = position_side_of(account, params)
    reduce_only = reduce_only_of(account, params)
    price, match = _combination(params, kind, time_in_force)
    stp = stp_of(params)
    good_till = good_till_of(params, time_in_force or "GTC", now_ms)
    client_id = client_id_of(params, "newClientOrderId")
    if client_id is not None and client_id in account.open_client_ids:
        raise Refusal(-4116)
    quantity = number(params, "quantity")
    if quantity is None:
        raise Refusal(-1102, "quantity")
    largest = instrument.max_qty if kind == "LIMIT" else instrument.market_max_qty
    lots = quantity_lots(instrument, quantity, largest)
    px = 0
    if price:
        sent_price = number(params, "price")
        assert sent_price is not None, "price presence was checked"
        px = price_ticks(instrument, sent_price)
    return Ticket(
        instrument,
        side,
        position_side,
        kind,
        time_in_force or "GTC",
        lots,
        px,
        reduce_only,
        stp,
        match,
        good_till,
        client_id,
        response,
    )


def _combination(params: Params, kind: str, time_in_force: str | None) -> tuple[bool, str]:
    """Parameters that exclude each other; return whether a price is sent, and the price match mode (11.1, 11)."""
    price = optional(params, "price") is not None
    match = price_match_of(params)
    if flag(params, "closePosition"):
        raise Refusal(-4136)
    if kind == "MARKET":
        if price:
            raise Refusal(-1106, "price")
        if time_in_force is not None:
            raise Refusal(-1106, "timeinforce")
        if match != "NONE":
            raise Refusal(-5038)
    elif price and match != "NONE":
        raise Refusal(-1128)
    elif not price and match == "NONE":
        raise Refusal(-1102, "price")
    if optional(params, "stopPrice") is not None and number(params, "stopPrice"):
        raise Refusal(-1106, "stopprice")
    return price, match
