"""The exchange's door: faults, bans, weight, keys, time, signature, order budget, in that order (11.1, 1 to 6)."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

import msgspec

from vortex.exchange.auth import ApiKey, Reading, check_signature, check_signed_params, check_times, find_key
from vortex.exchange.endpoints import NONE, SIGNED, TRADE, Endpoint
from vortex.exchange.events import Outbound
from vortex.exchange.faults import GATE_KINDS, Fault
from vortex.exchange.floor import Floor
from vortex.exchange.limits import AddressLimits, OrderLimits
from vortex.exchange.params import Params
from vortex.exchange.refusal import Refusal

SHUT = frozenset({"ban", "maintenance"})
RESTRICTIONS_PATH = "/sapi/v1/account/apiRestrictions"
OVERLOAD = -1008
HANDSHAKE_WEIGHT = 5
CALL_PATH = "/ws-fapi/v1"
UNAVAILABLE = 503
UNKNOWN_TEXT = "Unknown error, please check your request or try again later."


@dataclass(slots=True)
class RawRequest:
    """A request as it came off the wire; query and body undecoded, because the signature covers the bytes."""

    method: str
    path: str
    query: bytes = b""
    body: bytes = b""
    api_key: str | None = None
    address: str = "127.0.0.1"
    content_type: str = ""


@dataclass(slots=True)
class Call:
    """A request of the WebSocket API. `session` is the key that has logged on to this connection, if any."""

    method: str
    path: str
    params: Params
    address: str = "127.0.0.1"
    session: ApiKey | None = None


@dataclass(slots=True)
class Response:
    """An answer. `text` replaces the JSON body when set; `lost` means that the answer never leaves."""

    status: int
    body: Any
    headers: dict[str, str] = field(default_factory=dict)
    events: list[Outbound] = field(default_factory=list)
    text: str | None = None
    delay_ms: int = 0
    lost: bool = False

    @property
    def ok(self) -> bool:
        return self.status == 200


@dataclass(slots=True)
class Admitted:
    """A request that passed the door and waits for the engine."""

    method: str
    path: str
    params: Params
    endpoint: Endpoint
    account: str
    faults: list[Fault]
    address: str = ""
    wait_ms: int = 0
    """How long it is held before the engine sees it (a `delay_ms` fault with executed=false)."""
    doubled: bool = False
    """A parameter came twice in the query or twice in the body."""


class Gate:
    """Keeps count per address and account."""

    def __init__(self, floor: Floor, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self._floor = floor
        self._endpoints = endpoints
        self.keys: dict[str, ApiKey] = {}
        self.wall: Callable[[], int] | None = None
        """The clock of the world outside, unix ms, when there is one: clients stamp their requests with it."""
        self._addresses: dict[str, AddressLimits] = {}
        self._orders: dict[str, OrderLimits] = {}

    def endpoint(self, method: str, path: str) -> Endpoint:
        """The endpoint of a path; 404 with code -5000 when there is none."""
        found = self._endpoints.get((method, path))
        if found is None:
            raise Refusal(-5000, message=f"Path {path}, Method {method} is invalid", status=404)
        return found

    def weight(self, method: str, path: str, params: Params) -> int:
        """What a request costs its address; 1 when there is no such path."""
        found = self._endpoints.get((method, path))
        return 1 if found is None else found.weight(params)

    def clock_ms(self) -> int:
        """The exchange's own clock, which a fault may have set wrong."""
        return self._floor.now_ms + self._floor.faults.skew_ms(self._floor.now_ms)

    def clocks(self) -> tuple[Reading, ...]:
        """Whose time a timestamp may agree with: the exchange's, the wall's, or either (`client_clock`)."""
        floor = self._floor
        own = (self.clock_ms(), floor.rules.recv_window_stretch)
        if self.wall is None or floor.rules.client_clock == "exchange":
            return (own,)
        wall = (self.wall() + floor.faults.skew_ms(floor.now_ms), 1.0)
        return (wall,) if floor.rules.client_clock == "wall" else (own, wall)

    def faults_for(self, method: str, path: str, params: Params, kinds: frozenset[str] = GATE_KINDS) -> list[Fault]:
        """Faults that strike this request; those that forbid execution are raised here."""
        floor = self._floor
        struck = floor.faults.strike(kinds, floor.now_ms, method=method, path=path, symbol=params.get("symbol", ""))
        for fault in struck:
            if fault.kind == "ban":
                until = floor.now_ms if fault.until_ms is None else fault.until_ms
                text = f"Way too many requests; IP banned until {until}."
                raise FaultAnswer(fault, Refusal(-1003, message=text, status=418))
            if fault.kind == "maintenance":
                raise FaultAnswer(fault, Refusal(-1016))
            if fault.kind == "error" and not fault.executed and not _exempt(fault, method, params):
                raise FaultAnswer(fault)
        return struck

    def admit(self, raw: RawRequest) -> Admitted:
        """Steps 1 to 6 for a request over HTTP; raises Refusal or FaultAnswer."""

        def authenticated(endpoint: Endpoint, params: Params) -> ApiKey:
            key = find_key(self.keys, raw.api_key, raw.address)
            if endpoint.security in (SIGNED, TRADE):
                self.check_right(key, endpoint)
                self._check_signed(key, raw, params)
            return key

        admitted = self._enter(raw.method, raw.path, self.params(raw), raw.address, authenticated)
        admitted.doubled = _doubled(raw)
        return admitted

    def admit_call(self, call: Call) -> Admitted:
        """Steps 1 to 6 for a request of the WebSocket API; after a logon key and signature may be left out (6)."""

        def authenticated(endpoint: Endpoint, params: Params) -> ApiKey:
            logged_on = call.session is not None and "apiKey" not in params
            sent = call.session.key if call.session is not None and logged_on else params.get("apiKey")
            key = find_key(self.keys, sent, call.address)
            if endpoint.security in (SIGNED, TRADE):
                self.check_right(key, endpoint)
                self.check_call(key, params, signed=not logged_on)
            return key

        return self._enter(call.method, call.path, call.params, call.address, authenticated)

    def _enter(
        self,
        method: str,
        path: str,
        params: Params,
        address: str,
        authenticated: Callable[[Endpoint, Params], ApiKey],
    ) -> Admitted:
        struck = self.faults_for(method, path, params)
        limits = self._limits_of(address)
        try:
            endpoint = self.endpoint(method, path)
        except Refusal:
            limits.spend(1, "weight", address, self._floor.now_ms)
            raise
        limits.spend(endpoint.weight(params), endpoint.pool, address, self._floor.now_ms)
        account = "" if endpoint.security == NONE else authenticated(endpoint, params).account
        if endpoint.orders != (0, 0):
            self.spend_orders(account, endpoint)
        wait = sum(int(each.value) for each in struck if each.kind == "delay_ms" and not each.executed)
        return Admitted(method, path, params, endpoint, account, struck, address, wait)

    @staticmethod
    def check_right(key: ApiKey, endpoint: Endpoint) -> None:
        """Trading needs the right to trade, reading the right to read; -2015."""
        if not (key.can_trade if endpoint.security == TRADE else key.can_read):
            raise Refusal(-2015)

    def check_call(self, key: ApiKey, params: Params, *, signed: bool = True) -> None:
        """Time and, unless the connection has logged on, signature of a WebSocket API request; -1102, -1021, -1022."""
        check_times(params, self.clocks())
        if signed:
            if not params.get("signature"):
                raise Refusal(-1102, "signature")
            check_signed_params(key, params)

    def _check_signed(self, key: ApiKey, raw: RawRequest, params: Params) -> None:
        check_times(params, self.clocks())
        signature = params.get("signature")
        if not signature:
            raise Refusal(-1102, "signature")
        check_signature(key, raw.query, raw.body if _is_form(raw) else b"", signature)

    def greet(self, address: str) -> None:
        """A WebSocket API connection costs request weight; 429 or 418 when there is none left (6)."""
        self.faults_for("GET", CALL_PATH, {}, SHUT)
        self._limits_of(address).spend(HANDSHAKE_WEIGHT, "weight", address, self._floor.now_ms)

    def spend_weight(self, address: str, weight: int) -> int:
        """Count what no endpoint stands for; returns the used weight."""
        return self._limits_of(address).spend(weight, "weight", address, self._floor.now_ms)

    def used_weight(self, address: str) -> int:
        """Request weight counted in the running minute."""
        return self._limits_of(address).used(self._floor.now_ms)

    def restrictions(self, raw: RawRequest) -> dict[str, Any]:
        """What the asking key may do; signed like everything else."""
        key = find_key(self.keys, raw.api_key, raw.address)
        self._check_signed(key, raw, self.params(raw))
        return {
            "ipRestrict": key.ip_restricted,
            "createTime": 1_600_000_000_000,
            "enableReading": key.can_read,
            "enableWithdrawals": key.can_withdraw,
            "enableInternalTransfer": key.can_withdraw,
            "enableMargin": False,
            "enableFutures": key.can_trade,
            "permitsUniversalTransfer": key.can_withdraw,
            "enableVanillaOptions": False,
            "enableFixApiTrade": False,
            "enableFixReadOnly": False,
            "enableSpotAndMarginTrading": False,
            "enablePortfolioMarginTrading": False,
        }

    def spend_orders(self, account: str, endpoint: Endpoint) -> None:
        """Count on the account's order budget; -1015."""
        limits = self._orders.setdefault(account, OrderLimits(self._floor.rules.limits))
        limits.spend(*endpoint.orders, self._floor.now_ms)

    def used_orders(self, account: str) -> tuple[int, int]:
        """Orders counted in the running ten seconds and minute."""
        limits = self._orders.setdefault(account, OrderLimits(self._floor.rules.limits))
        return limits.used(self._floor.now_ms)

    def headers(self, address: str, account: str, endpoint: Endpoint | None) -> dict[str, str]:
        """The usage headers of an answer."""
        headers = {"X-MBX-USED-WEIGHT-1M": str(self._limits_of(address).used(self._floor.now_ms))}
        if endpoint is not None and endpoint.orders != (0, 0) and account:
            ten, minute = self.used_orders(account)
            headers["X-MBX-ORDER-COUNT-10S"] = str(ten)
            headers["X-MBX-ORDER-COUNT-1M"] = str(minute)
        return headers

    def _limits_of(self, address: str) -> AddressLimits:
        return self._addresses.setdefault(address, AddressLimits(self._floor.rules.limits))

    @staticmethod
    def params(raw: RawRequest) -> dict[str, str]:
        """Query and form body together; the query wins."""
        merged: dict[str, str] = {}
        parts = [raw.body if _is_form(raw) else b"", raw.query]
        for part in parts:
            text = part.decode("utf-8", "replace")
            merged.update(parse_qsl(text, keep_blank_values=True))
        return merged


def _is_form(raw: RawRequest) -> bool:
    """Bodies are parameters unless they say that they are JSON."""
    return not raw.content_type.startswith("application/json")


def _doubled(raw: RawRequest) -> bool:
    """Does a name come twice in the query, or twice in the body? Once in each is allowed (4.1)."""
    for part in (raw.query, raw.body if _is_form(raw) else b""):
        if part.count(b"=") > 1:
            names = [name for name, _ in parse_qsl(part.decode("utf-8", "replace"), keep_blank_values=True)]
            if len(set(names)) < len(names):
                return True
    return False


def _exempt(fault: Fault, method: str, params: Params) -> bool:
    """System protection (-1008) lets cancels and whatever only reduces pass (7.2)."""
    return fault.code == OVERLOAD and (method == "DELETE" or _reducing(params))


def _reducing(params: Params) -> bool:
    """Does an order, or every order of a batch, only reduce?"""
    batch = params.get("batchOrders")
    if batch is None:
        return any(params.get(name, "").lower() == "true" for name in ("reduceOnly", "closePosition"))
    try:
        rows = msgspec.json.decode(batch)
    except (msgspec.DecodeError, RecursionError):
        return False
    orders = isinstance(rows, list) and bool(rows) and all(isinstance(row, dict) for row in rows)
    return orders and all(str(row.get("reduceOnly", "")).lower() == "true" for row in rows)


class FaultAnswer(Exception):
    """A fault answers in place of the exchange; `refusal` is what it says, unless it has words of its own."""

    def __init__(self, fault: Fault, refusal: Refusal | None = None) -> None:
        super().__init__(fault.kind)
        self.fault = fault
        self.refusal = refusal
        self.code = fault.code if refusal is None else refusal.code

    def response(self) -> Response:
        """The answer that the fault prescribes."""
        fault, refusal = self.fault, self.refusal
        headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        if refusal is not None:
            return Response(refusal.status, refusal.body(), headers)
        if fault.body is not None:
            return Response(fault.status or UNAVAILABLE, None, headers, text=fault.body)
        if fault.code is None:
            body = {"code": -1000, "msg": UNKNOWN_TEXT}
            return Response(fault.status or UNAVAILABLE, body, headers)
        natural = Refusal(fault.code)
        return Response(fault.status or natural.status, natural.body(), headers)


def with_faults(struck: list[Fault], response: Response) -> Response:
    """An answer after the faults that strike it on its way back."""
    for fault in struck:
        if fault.kind == "delay_ms" and fault.executed:
            response.delay_ms += int(fault.value)
        elif fault.kind == "lost_response":
            response.lost = True
        elif fault.kind == "error" and fault.executed:
            answer = FaultAnswer(fault).response()
            response.status, response.body, response.text = answer.status, answer.body, answer.text
            response.headers |= answer.headers
    return response
