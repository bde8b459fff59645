"""The hot mirror in Redis (D-1): a copy for people and other programs, rebuilt from its sources, lost without harm."""

from vortex.adapters.mirror.keys import Keys
from vortex.adapters.mirror.reader import MirrorReader, SeenView
from vortex.adapters.mirror.writer import RedisMirror

__all__ = ["Keys", "MirrorReader", "RedisMirror", "SeenView"]
