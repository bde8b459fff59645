"""Keys under /sim/v1/keys: who is let in, and the end of a key while its owner is connected."""

from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from vortex.exchange.auth import ApiKey
from vortex.exchange.venue import Venue


class KeyControls:
    """What an operator may see of keys, and do to them."""

    def __init__(self, venue: Venue, tell_revoked: Callable[[], Awaitable[None]]) -> None:
        """`tell_revoked` is called after a key has been taken away."""
        self._venue = venue
        self._tell_revoked = tell_revoked

    def routes(self, app: web.Application) -> None:
        """Put the endpoints into an application."""
        app.router.add_get("/sim/v1/keys", self.keys)
        app.router.add_delete("/sim/v1/keys", self.revoke)

    async def keys(self, _request: web.Request) -> web.Response:
        """GET: who is let in and what each may do; never what they sign with."""
        return _json([_shown(key) for key in self._venue.gate.keys.values()])

    async def revoke(self, request: web.Request) -> web.Response:
        """DELETE ?key= (the key itself or its name): it is unknown from now on; logged-on connections are told."""
        named = request.query.get("key")
        revoked = self._venue.revoke_key(named) if named else None
        if revoked is None:
            return _json({"code": -1130, "msg": "key is one of GET /sim/v1/keys, or its name"}, 400)
        await self._tell_revoked()
        return _json(_shown(revoked))


def _shown(key: ApiKey) -> dict[str, object]:
    return {
        "name": key.name,
        "key": key.key,
        "kind": key.kind,
        "account": key.account,
        "read": key.can_read,
        "trade": key.can_trade,
        "withdraw": key.can_withdraw,
        "ip": list(key.addresses),
    }


def _json(body: object, status: int = 200) -> web.Response:
    return web.Response(status=status, body=msgspec.json.encode(body), content_type="application/json")
