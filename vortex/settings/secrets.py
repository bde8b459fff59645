"""What must never be printed, logged or put on a command line. It travels between processes in the environment."""

from collections.abc import Mapping

from pydantic import BaseModel, ConfigDict, SecretStr

# Path in the settings → variable that carries it, which is also the variable an operator sets.
VARIABLES = {
    "postgres_dsn": "VORTEX_POSTGRES_DSN",
    "redis_url": "VORTEX_REDIS_URL",
    "venue.api_key": "VORTEX_VENUE__API_KEY",
    "venue.api_secret": "VORTEX_VENUE__API_SECRET",
}


class Secrets(BaseModel):
    """Keys of the exchange, and addresses of servers (which may hold a password). None where not set."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    postgres_dsn: SecretStr | None = None
    redis_url: SecretStr | None = None
    api_key: SecretStr | None = None
    api_secret: SecretStr | None = None

    @property
    def postgres(self) -> str | None:
        """The DSN in the clear, for the driver alone."""
        return self.postgres_dsn.get_secret_value() if self.postgres_dsn else None

    @property
    def redis(self) -> str | None:
        """The URL in the clear, for the driver alone."""
        return self.redis_url.get_secret_value() if self.redis_url else None

    def environment(self) -> dict[str, str]:
        """Variables for child processes: their environment is readable by their own user alone."""
        found = ((name, getattr(self, path.rpartition(".")[2])) for path, name in VARIABLES.items())
        return {name: secret.get_secret_value() for name, secret in found if secret is not None}

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Secrets":
        """What the launcher handed down."""
        found = {path.rpartition(".")[2]: environment.get(name) for path, name in VARIABLES.items()}
        return cls(**{field: SecretStr(value) for field, value in found.items() if value})
