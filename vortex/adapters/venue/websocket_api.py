"""The WebSocket API (/ws-fapi/v1): the same requests as REST, over one connection (sheet 6)."""

import asyncio
from collections.abc import Mapping
from typing import Any

import msgspec
from aiohttp import WSMsgType, web

from vortex.adapters.venue.clock import ExchangeClock
from vortex.adapters.venue.sockets import PING_S, Hub
from vortex.exchange.auth import check_signed_params, find_key
from vortex.exchange.endpoints import NONE, SIGNED, TRADE
from vortex.exchange.refusal import Refusal
from vortex.exchange.rest_trade import plain
from vortex.exchange.venue import Venue

_METHODS: Mapping[str, tuple[str, str]] = {
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
"""Without session.logon: that needs Ed25519 keys."""


class _Params(msgspec.Struct):
    """The parameters of a request, each as it came off the wire."""

    params: dict[str, msgspec.Raw] = {}


def _params(text: str) -> dict[str, str]:
    """Parameters as text. Numbers keep their spelling (100000.0, 1e-05): that is what the client has signed."""
    try:
        sent = msgspec.json.decode(text, type=_Params).params
    except msgspec.ValidationError:
        return {}
    return {name: _spelled(raw) for name, raw in sent.items()}


def _spelled(raw: msgspec.Raw) -> str:
    value = msgspec.json.decode(raw)
    if isinstance(value, int | float) and not isinstance(value, bool):
        return bytes(raw).decode()
    return plain(value)


class WebSocketApi:
    """Request and response over one socket."""

    def __init__(self, venue: Venue, hub: Hub, clock: ExchangeClock) -> None:
        self._venue = venue
        self._hub = hub
        self._clock = clock

    async def serve(self, request: web.Request) -> web.WebSocketResponse:
        """One connection."""
        ws = web.WebSocketResponse(heartbeat=PING_S, compress=False)
        await ws.prepare(request)
        async for message in ws:
            if message.type is not WSMsgType.TEXT:
                continue
            reply = await self._answer(message.data)
            if reply is not None:
                await ws.send_str(msgspec.json.encode(reply).decode())
        return ws

    async def _answer(self, text: str) -> dict[str, Any] | None:
        """The reply to one request; None when a fault loses it."""
        try:
            asked = msgspec.json.decode(text)
        except msgspec.DecodeError:
            return self._failure(None, Refusal(-1102, "request"), "", {})
        if not isinstance(asked, dict):
            return self._failure(None, Refusal(-1102, "request"), "", {})
        params = _params(text)
        account = ""
        try:
            method, path = self._method(asked)
            account = self._account(method, path, params)
        except Refusal as refusal:
            return self._failure(asked.get("id"), refusal, account, params)
        response = self._venue.request(account, method, path, params, self._clock.now_ms(), count_orders=True)
        self._hub.dispatch(response.events)
        if response.delay_ms:
            await asyncio.sleep(response.delay_ms / 1000)
        if response.lost:
            return None
        reply: dict[str, Any] = {"id": asked.get("id"), "status": response.status}
        if response.ok:
            reply["result"] = response.body
        else:  # a fault may have put plain text in place of the exchange's own body
            reply["error"] = response.body or {"code": -1000, "msg": response.text or ""}
        return self._with_limits(reply, account, params)

    @staticmethod
    def _method(asked: dict[str, Any]) -> tuple[str, str]:
        found = _METHODS.get(str(asked.get("method")))
        if found is None:
            raise Refusal(-1130, "method")
        return found

    def _account(self, method: str, path: str, params: dict[str, str]) -> str:
        """Whose request this is, after key and signature."""
        endpoint = self._venue.gate.endpoint(method, path)
        if endpoint.security == NONE:
            return ""
        key = find_key(self._venue.gate.keys, params.get("apiKey"))
        if endpoint.security in (SIGNED, TRADE):
            if not params.get("timestamp"):
                raise Refusal(-1102, "timestamp")
            check_signed_params(key, params)
        if endpoint.security == TRADE and not key.can_trade:
            raise Refusal(-2015)
        return key.account

    def _failure(self, number: object, refusal: Refusal, account: str, params: Mapping[str, str]) -> dict[str, Any]:
        reply = {"id": number, "status": refusal.status, "error": refusal.body()}
        return self._with_limits(reply, account, params)

    def _with_limits(self, reply: dict[str, Any], account: str, params: Mapping[str, str]) -> dict[str, Any]:
        """Every reply says how much of the order budget is used, unless the caller does not want to know."""
        if params.get("returnRateLimits", "true").lower() == "false":
            return reply
        limits = self._venue.floor.rules.limits
        ten, minute = self._venue.gate.used_orders(account)
        reply["rateLimits"] = [
            {
                "rateLimitType": "ORDERS",
                "interval": "SECOND",
                "intervalNum": 10,
                "limit": limits.orders_per_10s,
                "count": ten,
            },
            {
                "rateLimitType": "ORDERS",
                "interval": "MINUTE",
                "intervalNum": 1,
                "limit": limits.orders_per_minute,
                "count": minute,
            },
        ]
        return reply
