"""What margin assets are worth in dollars: index prices, and the haircuts of the multi-assets mode (sheet 4.4, 8)."""

from collections.abc import Mapping
from dataclasses import dataclass

from vortex.exchange.instruments import QUOTE_SCALE
from vortex.exchange.listing import Listing

BPS = 10_000
QUOTE = "USDT"


@dataclass(frozen=True, slots=True)
class MarginAsset:
    """One asset that may serve as margin. `contract` is the one whose index prices it; a dollar without."""

    name: str
    contract: str
    haircut_bps: int
    """Taken off when it counts as margin or is sold to pay a debt, and put on when it is owed."""


MARGIN_ASSETS = (
    MarginAsset(QUOTE, "", 0),
    MarginAsset("USDC", "", 10),
    MarginAsset("BTC", "BTCUSDT", 500),
    MarginAsset("ETH", "ETHUSDT", 500),
    MarginAsset("BNB", "BNBUSDT", 500),
    MarginAsset("SOL", "SOLUSDT", 1_000),
    MarginAsset("XRP", "XRPUSDT", 1_000),
)
"""In the order in which they are sold for a debt. USDT is the dollar here."""


class Collateral:
    """Prices of the margin assets from the indexes of the listed contracts."""

    def __init__(self, listings: Mapping[str, Listing]) -> None:
        self._listings = listings
        self.assets = {
            each.name: each for each in MARGIN_ASSETS if not each.contract or each.contract in self._listings
        }
        """What counts here: an asset without a listed contract has no price and no worth."""

    def index_e8(self, asset: str) -> int:
        """Dollars (1e-8) of one unit; 0 for what does not count."""
        found = self.assets.get(asset)
        if found is None:
            return 0
        return self._listings[found.contract].index_e8 if found.contract else QUOTE_SCALE

    def bid_rate_e8(self, asset: str) -> int:
        """What one unit held counts for: the index less the haircut."""
        found = self.assets.get(asset)
        return 0 if found is None else self.index_e8(asset) * (BPS - found.haircut_bps) // BPS

    def ask_rate_e8(self, asset: str) -> int:
        """What one unit owed counts for: the index plus the haircut."""
        found = self.assets.get(asset)
        return 0 if found is None else self.index_e8(asset) * (BPS + found.haircut_bps) // BPS

    def worth(self, asset: str, units: int) -> int:
        """Dollars (1e-8) that an amount counts for; rounded down, so a debt is rounded up."""
        if asset == QUOTE:
            return units
        return units * (self.bid_rate_e8(asset) if units > 0 else self.ask_rate_e8(asset)) // QUOTE_SCALE

    def total(self, wallets: Mapping[str, int]) -> int:
        """Dollars (1e-8) that a whole account counts for."""
        return sum(self.worth(asset, units) for asset, units in wallets.items() if units)

    def sale(self, asset: str, held: int, debt: int) -> tuple[int, int]:
        """How much of a holding must be sold to pay a debt of dollars (1e-8), and what it brings."""
        rate = self.bid_rate_e8(asset)
        if held <= 0 or rate <= 0 or debt <= 0:
            return 0, 0
        units = min(held, -(-debt * QUOTE_SCALE // rate))
        return units, units * rate // QUOTE_SCALE
