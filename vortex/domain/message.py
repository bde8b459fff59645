"""The base of everything that is said: frozen, tagged, closed to unknown fields."""

import msgspec


class Message(msgspec.Struct, frozen=True, kw_only=True, tag=True, forbid_unknown_fields=True):
    """Something said once. Never edited; a correction is a new message."""
