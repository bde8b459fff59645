"""The single door for orders: one check that an entry must pass, sealed by a type that only the check can make (S2-6).

Reductions and protective orders are never vetoed; they pass by being what they are.
"""

from dataclasses import dataclass
from decimal import Decimal
from typing import Final

from vortex.domain.lease import Lease
from vortex.domain.orders import OrderSpec
from vortex.domain.plans import TradePlan
from vortex.domain.reasons import DenyCode

_SEAL: Final = object()


@dataclass(frozen=True, slots=True)
class Approved:
    """Orders that may go to the wire. Its making is the gate's alone; the seal never crosses a process."""

    specs: tuple[OrderSpec, ...]
    seal: object

    def __post_init__(self) -> None:
        assert self.seal is _SEAL, "only the gate may approve an order"


@dataclass(frozen=True, slots=True, kw_only=True)
class Permission:
    """What the breaker's lease is held against, right before an entry leaves (decision 4)."""

    lease: Lease | None
    mono_ns: int
    breaker_epoch_min: int
    last_close_seq: int
    halted: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class EntryFacts:
    """Everything else the gate looks at. Money in quote units; ages in ms."""

    permission: Permission
    serving: bool
    user_stream_up: bool
    journal_up: bool
    symbol_reconciled: bool
    symbol_busy: bool
    slots_used: int
    slots_max: int
    next_trade_no: int
    age_ms: int
    age_max_ms: int
    has_budget: bool
    equity: Decimal
    margin_used: Decimal
    margin_share_max: Decimal
    notional: Decimal
    notional_cap: Decimal
    min_notional: Decimal
    lots_allowed: bool


def permits(permission: Permission) -> DenyCode | None:
    """Whether the veto lets an entry pass this instant; None means yes."""
    lease = permission.lease
    if permission.halted:
        return DenyCode.HALTED
    if lease is None or permission.mono_ns >= lease.expires_mono_ns or lease.epoch < permission.breaker_epoch_min:
        return DenyCode.NO_LEASE
    if not lease.allows:
        return DenyCode.VETO
    if lease.judged_through < permission.last_close_seq:
        return DenyCode.LEASE_BEHIND
    return None


def approve_entry(plan: TradePlan, specs: tuple[OrderSpec, ...], facts: EntryFacts) -> Approved | DenyCode:
    """Approve an entry with its stop, or name the first reason not to. The order of checks is cheapest harm first."""
    denied = (
        permits(facts.permission) or _state_denies(facts) or _intent_denies(plan, facts) or _size_denies(plan, facts)
    )
    return denied if denied is not None else Approved(specs, _SEAL)


def approve_again(spec: OrderSpec, permission: Permission) -> Approved:
    """Approve one order of an approved entry a second time; the veto must not have come since."""
    denied = permits(permission)
    assert denied is None, f"{spec.client_order_id} is not permitted: {denied}"
    return Approved((spec,), _SEAL)


def approve_reduction(spec: OrderSpec) -> Approved:
    """Reductions need no lease; an order that could open anything is a broken contract here."""
    assert not spec.opens, f"{spec.client_order_id} could open a position"
    return Approved((spec,), _SEAL)


def _state_denies(facts: EntryFacts) -> DenyCode | None:
    if not facts.journal_up:
        return DenyCode.JOURNAL_UNAVAILABLE
    if not facts.serving:
        return DenyCode.ACCOUNT_UNRECONCILED
    if not facts.user_stream_up:
        return DenyCode.USER_STREAM_DOWN
    if not facts.symbol_reconciled:
        return DenyCode.SYMBOL_UNRECONCILED
    if facts.symbol_busy:
        return DenyCode.SYMBOL_BUSY
    if facts.slots_used >= facts.slots_max:
        return DenyCode.SLOTS_FULL
    return None


def _intent_denies(plan: TradePlan, facts: EntryFacts) -> DenyCode | None:
    if plan.trade_no != facts.next_trade_no:
        return DenyCode.TRADE_NO_USED
    if facts.age_ms > facts.age_max_ms:
        return DenyCode.STALE_INTENT
    if not facts.has_budget:
        return DenyCode.RATE_LIMIT
    wrong_side = (plan.entry_px_ticks - plan.stop_px_ticks) * plan.side.sign <= 0
    wrong_target = (plan.take_profit_px_ticks - plan.entry_px_ticks) * plan.side.sign <= 0
    if wrong_side or wrong_target or plan.stop_px_ticks <= 0:
        return DenyCode.BAD_LEVELS
    return None


def _size_denies(plan: TradePlan, facts: EntryFacts) -> DenyCode | None:
    if not facts.lots_allowed or facts.notional < facts.min_notional:
        return DenyCode.BELOW_MINIMUM
    if facts.notional > facts.notional_cap:
        return DenyCode.NOTIONAL_CAP
    margin = facts.notional / max(1, plan.leverage)
    if facts.margin_used + margin > facts.equity * facts.margin_share_max:
        return DenyCode.MARGIN
    return None
