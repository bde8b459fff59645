"""The exchange's door: faults, bans, weight, keys, time, signature, order budget, in that order (11.1, 1 to 6)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl

from vortex.exchange.auth import ApiKey, check_signature, check_time, find_key
from vortex.exchange.endpoints import NONE, SIGNED, TRADE, Endpoint
from vortex.exchange.events import Outbound
from vortex.exchange.faults import Fault
from vortex.exchange.floor import Floor
from vortex.exchange.limits import AddressLimits, OrderLimits
from vortex.exchange.params import Params
from vortex.exchange.refusal import Refusal

GATE_FAULTS = frozenset({"delay_ms", "error", "lost_response", "ban", "maintenance"})
RESTRICTIONS_PATH = "/sapi/v1/account/apiRestrictions"
OVERLOAD = -1008
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


class Gate:
    """Keeps count per address and account."""

    def __init__(self, floor: Floor, endpoints: Mapping[tuple[str, str], Endpoint]) -> None:
        self._floor = floor
        self._endpoints = endpoints
        self.keys: dict[str, ApiKey] = {}
        self._addresses: dict[str, AddressLimits] = {}
        self._orders: dict[str, OrderLimits] = {}

    def endpoint(self, method: str, path: str) -> Endpoint:
        """The endpoint of a path; 404 with code -5000 when there is none."""
        found = self._endpoints.get((method, path))
        if found is None:
            raise Refusal(-5000, message=f"Path {path}, Method {method} is invalid", status=404)
        return found

    def clock_ms(self) -> int:
        """The exchange's own clock, which a fault may have set wrong."""
        return self._floor.now_ms + self._floor.faults.skew_ms(self._floor.now_ms)

    def faults_for(self, method: str, path: str, params: Params) -> list[Fault]:
        """Faults that strike this request; those that forbid execution are raised here."""
        floor = self._floor
        struck = floor.faults.strike(
            GATE_FAULTS, floor.now_ms, method=method, path=path, symbol=params.get("symbol", "")
        )
        for fault in struck:
            if fault.kind == "ban":
                until = floor.now_ms if fault.until_ms is None else fault.until_ms
                text = f"Way too many requests; IP banned until {until}."
                raise Refusal(-1003, message=text, status=418)
            if fault.kind == "maintenance":
                raise Refusal(-1016, status=503)
            if fault.kind == "error" and not fault.executed and not _exempt(fault, method, params):
                raise FaultAnswer(fault)
        return struck

    def admit(self, raw: RawRequest) -> Admitted:
        """Steps 1 to 6; raises Refusal or FaultAnswer."""
        params = self.params(raw)
        struck = self.faults_for(raw.method, raw.path, params)
        limits = self._limits_of(raw.address)
        try:
            endpoint = self.endpoint(raw.method, raw.path)
        except Refusal:
            limits.spend(1, "weight", raw.address, self._floor.now_ms)
            raise
        limits.spend(endpoint.weight(params), endpoint.pool, raw.address, self._floor.now_ms)
        account = ""
        if endpoint.security != NONE:
            key = find_key(self.keys, raw.api_key)
            account = key.account
            if endpoint.security in (SIGNED, TRADE):
                self._check_signed(key, endpoint, raw, params)
        if endpoint.orders != (0, 0):
            self.spend_orders(account, endpoint)
        wait = sum(int(each.value) for each in struck if each.kind == "delay_ms" and not each.executed)
        return Admitted(raw.method, raw.path, params, endpoint, account, struck, raw.address, wait)

    def _check_signed(self, key: ApiKey, endpoint: Endpoint, raw: RawRequest, params: Params) -> None:
        check_time(params, self.clock_ms(), self._floor.rules.recv_window_stretch)
        signature = params.get("signature")
        if not signature:
            raise Refusal(-1102, "signature")
        check_signature(key, raw.query, raw.body if _is_form(raw) else b"", signature)
        if endpoint.security == TRADE and not key.can_trade:
            raise Refusal(-2015)

    def restrictions(self, raw: RawRequest) -> dict[str, Any]:
        """What the asking key may do; signed like everything else."""
        params = self.params(raw)
        key = find_key(self.keys, raw.api_key)
        check_time(params, self.clock_ms(), self._floor.rules.recv_window_stretch)
        check_signature(key, raw.query, raw.body, params.get("signature", ""))
        return {
            "ipRestrict": key.ip_restricted,
            "createTime": 1_600_000_000_000,
            "enableReading": True,
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


def _exempt(fault: Fault, method: str, params: Params) -> bool:
    """System protection (-1008) lets cancels and whatever only reduces pass (7.2)."""
    reducing = any(params.get(name, "").lower() == "true" for name in ("reduceOnly", "closePosition"))
    return fault.code == OVERLOAD and (reducing or method == "DELETE")


class FaultAnswer(Exception):
    """An `error` fault answers in place of the exchange."""

    def __init__(self, fault: Fault) -> None:
        super().__init__(fault.kind)
        self.fault = fault

    def response(self) -> Response:
        """The answer that the fault prescribes."""
        fault = self.fault
        headers = {} if fault.retry_after_s is None else {"Retry-After": str(fault.retry_after_s)}
        if fault.body is not None:
            return Response(fault.status, None, headers, text=fault.body)
        code = -1000 if fault.code is None else fault.code
        message = UNKNOWN_TEXT if fault.code is None else Refusal(code).message
        return Response(fault.status, {"code": code, "msg": message}, headers)
