"""Machine-readable codes: why an entry was denied, and why a trade ended (S2-6, S3-5)."""

import enum


class DenyCode(enum.StrEnum):
    """Why the gate (executor) or the risk manager (symbol) said no before the wire."""

    NO_LEASE = "NO_LEASE"
    LEASE_BEHIND = "LEASE_BEHIND"
    VETO = "VETO"
    HALTED = "HALTED"
    SLOTS_FULL = "SLOTS_FULL"
    SYMBOL_BUSY = "SYMBOL_BUSY"
    SYMBOL_UNRECONCILED = "SYMBOL_UNRECONCILED"
    ACCOUNT_UNRECONCILED = "ACCOUNT_UNRECONCILED"
    USER_STREAM_DOWN = "USER_STREAM_DOWN"
    STALE_INTENT = "STALE_INTENT"
    STALE_EPOCH = "STALE_EPOCH"
    TRADE_NO_USED = "TRADE_NO_USED"
    RATE_LIMIT = "RATE_LIMIT"
    JOURNAL_UNAVAILABLE = "JOURNAL_UNAVAILABLE"
    UNCLAIMED = "UNCLAIMED"
    MARGIN = "MARGIN"
    NOTIONAL_CAP = "NOTIONAL_CAP"
    BELOW_MINIMUM = "BELOW_MINIMUM"
    MIN_TAKE_PROFIT = "MIN_TAKE_PROFIT"
    REWARD_RISK = "REWARD_RISK"
    BAD_LEVELS = "BAD_LEVELS"
    NO_ATR = "NO_ATR"


class ExitReason(enum.StrEnum):
    """How a trade ended (S3-5)."""

    TP1_FULL = "TP1_FULL"
    TP2 = "TP2"
    SL = "SL"
    TIMEOUT = "TIMEOUT"
    MANUAL = "MANUAL"
    EMERGENCY = "EMERGENCY"
    NO_FILL = "NO_FILL"
