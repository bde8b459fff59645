"""The keys that go with the settings: the operator's own, or those that the simulated exchange brings along."""

from vortex.adapters.venue.settings import DEFAULT_KEY, DEFAULT_SECRET
from vortex.settings import Loaded, Secrets


def with_keys(loaded: Loaded) -> Secrets:
    """The operator's keys; the simulated exchange brings its own."""
    keys = loaded.secrets
    if loaded.settings.venue.kind == "sim" and keys.api_key is None:
        return Secrets.from_environment(
            {
                **keys.environment(),
                "VORTEX_VENUE__API_KEY": DEFAULT_KEY,
                "VORTEX_VENUE__API_SECRET": DEFAULT_SECRET,
            }
        )
    return keys
