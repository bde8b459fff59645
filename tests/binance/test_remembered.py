"""What is kept across incarnations to save request weight, and what makes it worthless (S3-7)."""

from decimal import Decimal
from pathlib import Path

import pytest

from vortex.adapters.binance.remembered import FEES_KEPT_MS, LISTING_KEPT_MS, Remembered

NOW = 1_794_000_000_000
RATES = (Decimal("0.00018"), Decimal("0.00045"))
OURS = ("BTCUSDT", "ETHUSDT")


def lived(path: Path, *account: str) -> Remembered:
    """An incarnation that has read everything and is gone."""
    former = Remembered(path, *account)
    former.learn_fees("BTCUSDT", *RATES, NOW)
    former.learn_listing(OURS, NOW)
    return Remembered(path, *account)


def test_a_successor_knows_what_its_predecessor_has_read(tmp_path: Path) -> None:
    """To the last digit."""
    heir = lived(tmp_path / "account.json", "https://exchange", "key")
    assert heir.fees("BTCUSDT", NOW + 1) == RATES
    assert heir.fees("ETHUSDT", NOW + 1) is None
    assert heir.listed(OURS, NOW + 1)


@pytest.mark.parametrize("later_ms", [-1, FEES_KEPT_MS])
def test_rates_that_are_old_or_from_the_future_are_read_again(tmp_path: Path, later_ms: int) -> None:
    """A clock that jumped back proves nothing."""
    assert lived(tmp_path / "account.json").fees("BTCUSDT", NOW + later_ms) is None


@pytest.mark.parametrize(("symbols", "later_ms"), [(OURS, -1), (OURS, LISTING_KEPT_MS), (("BTCUSDT",), 1)])
def test_a_listing_holds_for_its_time_and_its_symbols(tmp_path: Path, symbols: tuple[str, ...], later_ms: int) -> None:
    """A symbol that is no longer ours may have left orders behind."""
    assert not lived(tmp_path / "account.json").listed(symbols, NOW + later_ms)


def test_another_account_knows_nothing(tmp_path: Path) -> None:
    """Neither another key nor another exchange."""
    path = tmp_path / "account.json"
    lived(path, "https://exchange", "key")
    assert Remembered(path, "https://exchange", "other").fees("BTCUSDT", NOW) is None
    assert not Remembered(path, "https://elsewhere", "key").listed(OURS, NOW)


def test_the_key_itself_is_never_written(tmp_path: Path) -> None:
    """Only a digest tells accounts apart."""
    path = tmp_path / "account.json"
    lived(path, "https://exchange", "the-secret-key")
    assert b"the-secret-key" not in path.read_bytes()


@pytest.mark.parametrize("content", [b"", b"{", b'{"fees": 1}', b"\xff\xfe"])
def test_a_damaged_file_is_the_same_as_none(tmp_path: Path, content: bytes) -> None:
    """It costs weight, nothing else."""
    path = tmp_path / "account.json"
    path.write_bytes(content)
    assert Remembered(path).fees("BTCUSDT", NOW) is None


def test_a_disk_that_refuses_costs_nothing_but_weight(tmp_path: Path) -> None:
    """What was read still holds for this incarnation."""
    kept = Remembered(tmp_path / "nowhere" / "account.json")
    kept.learn_fees("BTCUSDT", *RATES, NOW)
    assert kept.fees("BTCUSDT", NOW) == RATES
