"""Servers that the operator runs, behind the same face as our own: checked quickly, never started or stopped."""

from pathlib import Path

import psycopg
import redis

from vortex.adapters.embedded.postgres_server import EmbeddedPostgres
from vortex.adapters.embedded.redis_server import EmbeddedRedis
from vortex.adapters.embedded.service import Progress, Service
from vortex.kernel.errors import ConfigError

# A wrong address should be a quick answer, not a long wait.
CONNECT_SECONDS_MAX = 4


class ExternalPostgres:
    """The PostgreSQL that VORTEX_POSTGRES_DSN names."""

    name = "postgres"
    embedded = False
    pid: int | None = None

    def __init__(self, dsn: str) -> None:
        self._dsn = dsn

    @property
    def dsn(self) -> str:
        return self._dsn

    def start(self, progress: Progress) -> None:
        """Prove that it answers; the error names the server and the user, never the password."""
        progress("connecting to PostgreSQL")
        try:
            psycopg.connect(self._dsn, connect_timeout=CONNECT_SECONDS_MAX).close()
        except psycopg.Error as err:
            reason = str(err).strip().splitlines()
            raise ConfigError(
                f"PostgreSQL does not answer ({_masked(reason[0] if reason else 'no reason', self._dsn)}): "
                "mend VORTEX_POSTGRES_DSN, or unset it to use the embedded server"
            ) from None  # the original message may quote the connection string

    def stop(self) -> None:
        """It is not ours to stop."""

    def alive(self) -> bool:
        try:
            psycopg.connect(self._dsn, connect_timeout=CONNECT_SECONDS_MAX).close()
        except psycopg.Error:
            return False
        return True


class ExternalRedis:
    """The Redis that VORTEX_REDIS_URL names."""

    name = "redis"
    embedded = False
    pid: int | None = None

    def __init__(self, url: str) -> None:
        self._url = url

    @property
    def dsn(self) -> str:
        return self._url

    def start(self, progress: Progress) -> None:
        progress("connecting to Redis")
        try:
            self._ping()
        except (redis.RedisError, OSError, ValueError) as err:
            raise ConfigError(
                f"Redis does not answer ({_masked(str(err), self._url)}): "
                "mend VORTEX_REDIS_URL, or unset it to use the embedded server"
            ) from None

    def stop(self) -> None:
        """It is not ours to stop."""

    def alive(self) -> bool:
        try:
            self._ping()
        except (redis.RedisError, OSError, ValueError):
            return False
        return True

    def _ping(self) -> None:
        timeout = float(CONNECT_SECONDS_MAX)
        with redis.Redis.from_url(self._url, socket_connect_timeout=timeout, socket_timeout=timeout) as client:
            client.ping()


def postgres_service(home: Path, dsn: str | None, database: str = "vortex") -> Service:
    """The operator's PostgreSQL when a DSN is set, else our own."""
    return ExternalPostgres(dsn) if dsn else EmbeddedPostgres(home, database)


def redis_service(home: Path, url: str | None) -> Service:
    """The operator's Redis when a URL is set, else our own."""
    return ExternalRedis(url) if url else EmbeddedRedis(home)


def _masked(text: str, dsn: str) -> str:
    """The text without the connection string, should a driver quote it."""
    password = dsn.partition("://")[2].rpartition("@")[0].partition(":")[2]
    masked = text.replace(dsn, "…")
    return masked.replace(password, "***") if password else masked
