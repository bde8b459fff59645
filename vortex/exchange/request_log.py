"""Writes each request into the exchange's own record: who asked what, what became of it, what it cost."""

from collections.abc import Iterable
from typing import Any

from vortex.exchange.floor import Floor
from vortex.exchange.gate import Admitted, FaultAnswer, Gate, Response
from vortex.exchange.params import Params
from vortex.exchange.refusal import Refusal

CLIENT_ID_NAMES = ("newClientOrderId", "origClientOrderId", "clientAlgoId")


class RequestLog:
    """The `request` entries of the ledger."""

    def __init__(self, floor: Floor, gate: Gate) -> None:
        self._floor = floor
        self._gate = gate

    def refused(self, refused: Refusal | FaultAnswer, method: str, path: str, params: Params, account: str) -> Response:
        """Write down a refusal, or a fault that answered instead; returns what the sender is told."""
        faults: list[str] = []
        if isinstance(refused, FaultAnswer):
            response = refused.response()
            faults = [refused.fault.kind]
        else:
            response = Response(refused.status, refused.body())
        self._write(method, path, params, account, response.status, refused.code, None, faults)
        return response

    def done(self, admitted: Admitted, response: Response) -> None:
        """Write down a request that took effect."""
        body = response.body
        order_id = body.get("orderId", body.get("algoId")) if isinstance(body, dict) else None
        faults = [fault.kind for fault in admitted.faults]
        self._write(admitted.method, admitted.path, admitted.params, admitted.account, 200, None, order_id, faults)

    def _write(
        self,
        method: str,
        path: str,
        params: Params,
        account: str,
        status: int,
        code: int | None,
        order_id: object,
        faults: Iterable[str],
    ) -> None:
        client_id = next((params[name] for name in CLIENT_ID_NAMES if name in params), "")
        facts: dict[str, Any] = {
            "account": account,
            "method": method,
            "path": path,
            "symbol": params.get("symbol", ""),
            "client_order_id": client_id,
            "reduce_only": params.get("reduceOnly", "").lower() == "true"
            or params.get("closePosition", "").lower() == "true",
            "timestamp": params.get("timestamp", ""),
            "weight": self._gate.weight(method, path, params),
            "status": status,
            "code": code,
            "order_id": order_id,
            "faults": list(faults),
        }
        self._floor.ledger.write("request", self._floor.now_ms, **facts)
