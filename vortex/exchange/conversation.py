"""One connection of the WebSocket API: what it may ask, whether it has logged on, and how it is answered (sheet 6)."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import msgspec

from vortex.exchange.auth import ED25519_KEY, ApiKey, find_key
from vortex.exchange.gate import CALL_PATH, Admitted, Call, FaultAnswer, Response
from vortex.exchange.params import Params
from vortex.exchange.refusal import Refusal
from vortex.exchange.rest_trade import plain
from vortex.exchange.venue import Venue

SESSION_WEIGHT = 2
SESSION_PATH = f"{CALL_PATH}/"
"""Where faults find the methods that no REST path stands for."""
METHODS: Mapping[str, tuple[str, str]] = {
    "ping": ("GET", "/fapi/v1/ping"),
    "time": ("GET", "/fapi/v1/time"),
    "depth": ("GET", "/fapi/v1/depth"),
    "ticker.price": ("GET", "/fapi/v1/ticker/price"),
    "ticker.book": ("GET", "/fapi/v1/ticker/bookTicker"),
    "order.place": ("POST", "/fapi/v1/order"),
    "order.modify": ("PUT", "/fapi/v1/order"),
    "order.cancel": ("DELETE", "/fapi/v1/order"),
    "order.status": ("GET", "/fapi/v1/order"),
    "algoOrder.place": ("POST", "/fapi/v1/algoOrder"),
    "algoOrder.cancel": ("DELETE", "/fapi/v1/algoOrder"),
    "account.status": ("GET", "/fapi/v2/account"),
    "v2/account.status": ("GET", "/fapi/v3/account"),
    "account.balance": ("GET", "/fapi/v2/balance"),
    "v2/account.balance": ("GET", "/fapi/v3/balance"),
    "account.position": ("GET", "/fapi/v2/positionRisk"),
    "v2/account.position": ("GET", "/fapi/v3/positionRisk"),
    "userDataStream.start": ("POST", "/fapi/v1/listenKey"),
    "userDataStream.ping": ("PUT", "/fapi/v1/listenKey"),
    "userDataStream.stop": ("DELETE", "/fapi/v1/listenKey"),
}
"""Methods that are REST requests in other clothes; weights, rights and parameters are the same."""
SESSION_METHODS = ("session.logon", "session.status", "session.logout")

Body = dict[str, Any]


class _Sent(msgspec.Struct):
    """The parameters of a request, each as it came off the wire."""

    params: dict[str, msgspec.Raw] = {}


def spelled(text: str) -> dict[str, str]:
    """Parameters as text. Numbers keep their spelling (100000.0, 1e-05): that is what the client has signed."""
    try:
        sent = msgspec.json.decode(text, type=_Sent).params
    except msgspec.ValidationError:
        return {}
    return {name: _spelled(raw) for name, raw in sent.items()}


def _spelled(raw: msgspec.Raw) -> str:
    value = msgspec.json.decode(raw)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bytes(raw).decode()
    return plain(value)


@dataclass(slots=True)
class Asked:
    """A request that waits for the engine: how its sender numbered it, and what the door made of it."""

    number: object
    admitted: Admitted
    params: Params


class Conversation:
    """What one connection knows: its address, and the key that has logged on."""

    def __init__(self, venue: Venue, address: str, now_ms: int, *, tell_limits: bool = True) -> None:
        """Opening it costs request weight; raises Refusal or FaultAnswer when the door is shut."""
        venue.at(now_ms)
        venue.gate.greet(address)
        self._venue = venue
        self._address = address
        self._tell_limits = tell_limits
        self._connected_ms = now_ms
        self._authorized_ms: int | None = None
        self.key: ApiKey | None = None
        """The key that has logged on."""

    def hear(self, text: str, now_ms: int) -> Body | Asked:
        """One request: its reply, or what waits for the engine."""
        try:
            sent = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError):
            return self._refused(None, Refusal(-1102, "request"), {})
        if not isinstance(sent, dict):
            return self._refused(None, Refusal(-1102, "request"), {})
        number, name, params = sent.get("id"), sent.get("method"), spelled(text)
        if name in SESSION_METHODS:
            return self._on_session(number, str(name), params, now_ms)
        found = METHODS.get(name) if isinstance(name, str) else None
        if found is None:
            return self._refused(number, Refusal(-1130, "method"), params)
        call = Call(*found, params, self._address, self._logged_on())
        outcome = self._venue.receive_call(call, now_ms)
        if isinstance(outcome, Response):
            return self._worded(number, outcome, self._account(params), params, orders=_counts(found))
        return Asked(number, outcome, params)

    def reply(self, asked: Asked, response: Response) -> Body | None:
        """The engine's answer as a message; None when a fault loses it."""
        if response.lost:
            return None
        admitted = asked.admitted
        counts = admitted.endpoint.orders != (0, 0)
        return self._worded(asked.number, response, admitted.account, asked.params, orders=counts)

    def revoked(self) -> Body | None:
        """What the connection is told when the key that has logged on is not valid any more; then it is logged off."""
        if self.key is None or self._logged_on() is not None:
            return None
        self.key, self._authorized_ms = None, None
        refusal = Refusal(-2015)
        return {"id": None, "status": refusal.status, "error": refusal.body()}

    # --- sessions -------------------------------------------------------------------------------------------

    def _logged_on(self) -> ApiKey | None:
        """The key that has logged on, as long as it is one of the exchange's."""
        known = None if self.key is None else self._venue.gate.keys.get(self.key.key)
        return self.key if known is self.key else None

    def _on_session(self, number: object, name: str, params: Params, now_ms: int) -> Body:
        gate = self._venue.gate
        self._venue.at(now_ms)
        try:
            gate.faults_for("", SESSION_PATH + name, params)
            gate.spend_weight(self._address, SESSION_WEIGHT)
            if name == "session.logon":
                self._log_on(params, now_ms)
            elif name == "session.logout":
                self.key, self._authorized_ms = None, None
        except Refusal as refusal:
            return self._refused(number, refusal, params)
        except FaultAnswer as fault:
            return self._worded(number, fault.response(), "", params, orders=False)
        result = {
            "apiKey": None if self.key is None else self.key.key,
            "authorizedSince": self._authorized_ms,
            "connectedSince": self._connected_ms,
            "returnRateLimits": self._tell_limits,
            "serverTime": gate.clock_ms(),
        }
        return self._limited({"id": number, "status": 200, "result": result}, "", params, orders=False)

    def _log_on(self, params: Params, now_ms: int) -> None:
        """Only Ed25519 keys may (-4056); a second logon takes the place of the first."""
        key = find_key(self._venue.gate.keys, params.get("apiKey"), self._address)
        if key.kind != ED25519_KEY:
            raise Refusal(-4056, key.kind)
        self._venue.gate.check_call(key, params)
        self.key, self._authorized_ms = key, now_ms

    # --- wording --------------------------------------------------------------------------------------------

    def _account(self, params: Params) -> str:
        key = self._venue.gate.keys.get(params.get("apiKey", "")) or self._logged_on()
        return "" if key is None else key.account

    def _refused(self, number: object, refusal: Refusal, params: Params) -> Body:
        reply = {"id": number, "status": refusal.status, "error": refusal.body()}
        return self._limited(reply, "", params, orders=False)

    def _worded(self, number: object, response: Response, account: str, params: Params, *, orders: bool) -> Body:
        reply: Body = {"id": number, "status": response.status}
        if response.ok:
            reply["result"] = response.body
        else:  # a fault may have put plain text in place of the exchange's own body
            reply["error"] = response.body or {"code": -1000, "msg": response.text or ""}
        return self._limited(reply, account, params, orders=orders)

    def _limited(self, reply: Body, account: str, params: Params, *, orders: bool) -> Body:
        """Every reply says how much of its budget is used: orders theirs, all else request weight."""
        wanted = params.get("returnRateLimits", "true" if self._tell_limits else "false")
        if wanted.lower() == "false":
            return reply
        limits, gate = self._venue.floor.rules.limits, self._venue.gate
        if orders:
            ten, minute = gate.used_orders(account)
            reply["rateLimits"] = [
                _limit("ORDERS", "SECOND", 10, limits.orders_per_10s, ten),
                _limit("ORDERS", "MINUTE", 1, limits.orders_per_minute, minute),
            ]
        else:
            used = gate.used_weight(self._address)
            reply["rateLimits"] = [_limit("REQUEST_WEIGHT", "MINUTE", 1, limits.weight_per_minute, used)]
        return reply


def _counts(request: tuple[str, str]) -> bool:
    """Does this request count on the order limits?"""
    method, path = request
    return method in ("POST", "PUT") and path in ("/fapi/v1/order", "/fapi/v1/algoOrder")


def _limit(kind: str, interval: str, number: int, most: int, count: int) -> Body:
    return {"rateLimitType": kind, "interval": interval, "intervalNum": number, "limit": most, "count": count}
