"""Asks the exchange for the most traded symbol of the day. Imports much, so the root imports it late (P-1)."""

from vortex import bootstrap
from vortex.kernel.clock import SystemClock


async def most_traded(settings_json: str, exclude: tuple[str, ...]) -> str:
    """The USDT perpetual with the largest 24 h quote volume beside these; empty when there is none.

    Raises a VortexError when the exchange does not answer.
    """
    return await bootstrap.top_volume(bootstrap.load_settings(settings_json), SystemClock(), exclude)
