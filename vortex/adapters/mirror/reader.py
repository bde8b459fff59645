"""Reads the mirror for people: what every role last showed of itself (`vortex status`)."""

import contextlib
from collections.abc import Mapping
from typing import Any

import msgspec
import redis
from redis.exceptions import RedisError

from vortex.adapters.mirror.keys import Keys
from vortex.kernel.errors import NotRunning, RemoteViolation

ANSWER_SECONDS_MAX = 2.0


class SeenView(msgspec.Struct, frozen=True, kw_only=True):
    """A role's view as it was last published; its age is the reader's to judge."""

    role: str
    view: dict[str, Any]


class MirrorReader:
    """Synchronous: the command line has no event loop. NotRunning when Redis does not answer."""

    def __init__(self, url: str, prefix: str = "vortex:") -> None:
        self._keys = Keys(prefix)
        self._client = redis.Redis.from_url(
            url,
            socket_timeout=ANSWER_SECONDS_MAX,
            socket_connect_timeout=ANSWER_SECONDS_MAX,
            decode_responses=True,
        )

    def views(self) -> dict[str, SeenView]:
        """The views of all roles, by role."""
        try:
            keys = sorted(self._client.scan_iter(match=self._keys.view("*"), count=500))
            bodies = self._client.mget(keys) if keys else []
        except (RedisError, OSError) as err:
            raise NotRunning(f"Redis does not answer: {err}") from err
        start = len(self._keys.view(""))
        return {
            key[start:]: SeenView(role=key[start:], view=_decoded(key, body))
            for key, body in zip(keys, bodies, strict=True)
            if body is not None
        }

    def view(self, role: str) -> SeenView | None:
        """One role's view; None when it shows none."""
        try:
            body = self._client.get(self._keys.view(role))
        except (RedisError, OSError) as err:
            raise NotRunning(f"Redis does not answer: {err}") from err
        return SeenView(role=role, view=_decoded(role, body)) if body is not None else None

    def hash(self, key: str) -> Mapping[str, str]:
        """One of the mirror's hashes, for example `Keys.session`; empty when it is not there."""
        try:
            found = self._client.hgetall(key)
        except (RedisError, OSError) as err:
            raise NotRunning(f"Redis does not answer: {err}") from err
        return {str(name): str(value) for name, value in found.items()}

    def forget_views(self) -> None:
        """Remove the views of an earlier run, before a new tree starts to show its own."""
        with contextlib.suppress(RedisError, OSError):
            for key in list(self._client.scan_iter(match=self._keys.view("*"), count=500)):
                self._client.delete(key)

    def close(self) -> None:
        """Give the connection back."""
        self._client.close()


def _decoded(key: str, body: str | bytes) -> dict[str, Any]:
    try:
        return msgspec.json.decode(body, type=dict[str, Any])
    except msgspec.DecodeError as err:
        raise RemoteViolation(f"{key} in Redis is not a view: {err}") from err
