"""Listen keys: one per account, alive for an hour after the last touch (sheet 5.1)."""

from dataclasses import dataclass

from vortex.exchange.refusal import Refusal
from vortex.kernel.rng import Rng

_ALPHABET = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
KEY_LENGTH = 64


@dataclass(slots=True)
class ListenKey:
    """One live key."""

    key: str
    account: str
    expires_ms: int


class ListenKeys:
    """Who may listen to whose user data."""

    def __init__(self, rng: Rng, life_ms: int) -> None:
        self._rng = rng
        self._life_ms = life_ms
        self._by_key: dict[str, ListenKey] = {}
        self._by_account: dict[str, ListenKey] = {}

    def start(self, account: str, now_ms: int) -> str:
        """A key for this account; an active one is extended and returned again."""
        held = self._by_account.get(account)
        if held is None:
            text = "".join(self._rng.choice(_ALPHABET) for _ in range(KEY_LENGTH))
            held = ListenKey(text, account, 0)
            self._by_key[text] = self._by_account[account] = held
        held.expires_ms = now_ms + self._life_ms
        return held.key

    def extend(self, account: str, now_ms: int) -> str:
        """Another hour; -1125 when there is no key."""
        held = self._by_account.get(account)
        if held is None:
            raise Refusal(-1125)
        held.expires_ms = now_ms + self._life_ms
        return held.key

    def close(self, account: str) -> None:
        """Invalidate this account's key."""
        held = self._by_account.pop(account, None)
        if held is not None:
            del self._by_key[held.key]

    def account_of(self, key: str) -> str | None:
        """Whose key this is; None when it is unknown or expired."""
        held = self._by_key.get(key)
        return None if held is None else held.account

    def expire(self, now_ms: int, account: str | None = None) -> list[ListenKey]:
        """Remove and return the keys whose time is over, or one account's key at once."""
        over = [
            held
            for held in self._by_key.values()
            if held.expires_ms <= now_ms or (account is not None and held.account == account)
        ]
        for held in over:
            self.close(held.account)
        return over
