"""What a recovery costs of the exchange's request weight, by endpoint, as the exchange itself counted it (S3-7)."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from vortex.kernel.clock import MS, SECOND

WEIGHED_S = 3.0
"""How long after the signal requests count as the recovery's: longer than the slowest warm-up takes."""


def weight_by_path(requests: Iterable[Mapping[str, Any]], from_unix_ns: int) -> dict[str, int]:
    """Weight of every "METHOD path" that was asked within WEIGHED_S of a moment; free requests are left out."""
    until_ns = from_unix_ns + int(WEIGHED_S * SECOND)
    spent: Counter[str] = Counter()
    for request in requests:
        if from_unix_ns <= request["time"] * MS < until_ns and request["weight"]:
            spent[f"{request['method']} {request['path']}"] += request["weight"]
    return dict(spent)


def mean_weights(recoveries: Sequence[Mapping[str, int]]) -> dict[str, float]:
    """Mean weight of one recovery by path, dearest first, their sum as "total"; empty for no recoveries."""
    if not recoveries:
        return {}
    spent: Counter[str] = Counter()
    for recovery in recoveries:
        spent.update(recovery)
    rows = {path: round(weight / len(recoveries), 1) for path, weight in spent.most_common()}
    return {"total": round(spent.total() / len(recoveries), 1), **rows}
