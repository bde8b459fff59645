"""One typed settings model: defaults < profile < configuration file < environment < command line."""

from vortex.settings.load import Loaded, load, locate
from vortex.settings.model import (
    LogSettings,
    MarketSettings,
    MirrorSettings,
    RaySettings,
    Settings,
    ShutdownSettings,
    StorageSettings,
    VenueSettings,
)
from vortex.settings.secrets import Secrets
from vortex.settings.show import ShownSetting, show

__all__ = [
    "Loaded",
    "LogSettings",
    "MarketSettings",
    "MirrorSettings",
    "RaySettings",
    "Secrets",
    "Settings",
    "ShownSetting",
    "ShutdownSettings",
    "StorageSettings",
    "VenueSettings",
    "load",
    "locate",
    "show",
]
