"""What stands before every handler: requests that are too large, too slow or broken end in the exchange's own shape."""

import asyncio
import logging
from collections.abc import Awaitable, Callable

import msgspec
from aiohttp import web

from vortex.exchange.refusal import TEXTS

UNKNOWN = -1000
BODY_MAX = 1024 * 1024
"""The largest batch is a few kilobytes."""

BODY_S = 10.0
"""How long the body of a request may take to arrive."""

GONE = 400

_log = logging.getLogger(__name__)

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Door:
    """Reads bodies within bounds, and answers what no handler could."""

    def __init__(self) -> None:
        self.failures = 0
        """Requests that ended in an error of our own."""

    @web.middleware
    async def through(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        """Let a request in; whatever goes wrong, its sender hears {"code", "msg"}."""
        try:
            late = not await _arrived(request)
            answer = refused(request, 400, "Request body was not received in time.") if late else await handler(request)
        except web.HTTPRequestEntityTooLarge:
            return refused(request, 413, f"Request body is larger than {BODY_MAX} bytes.")
        except web.RequestPayloadError:
            return refused(request, 400, "Request body is malformed.")
        except web.HTTPException as error:
            return refused(request, error.status, error.text or error.reason)
        except ConnectionError:
            return web.Response(status=GONE)  # the client has hung up: nobody reads this
        except Exception:  # noqa: BLE001 - the outermost door: everything ends in an answer and is counted
            self.failures += 1
            _log.exception("%s %s failed", request.method, request.path)
            return refused(request, 500, TEXTS[UNKNOWN])
        return answer


async def _arrived(request: web.Request) -> bool:
    """Take in the body, which is kept for the handler; False when it did not come in time."""
    if request.can_read_body:
        try:
            async with asyncio.timeout(BODY_S):
                await request.read()
        except TimeoutError:
            return False
    return True


def refused(request: web.Request, status: int, message: str) -> web.Response:
    """An answer to a request that never reached the exchange; what is left of it is not read."""
    body = msgspec.json.encode({"code": UNKNOWN, "msg": message})
    response = web.Response(status=status, body=body, content_type="application/json")
    if request.can_read_body:
        response.force_close()
    return response
