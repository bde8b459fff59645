"""An operator's command and its answer: the engine replies by effect, the caller waits here."""

import asyncio

import msgspec

from vortex.domain.commands import BreakerCommand, OperatorCommand
from vortex.kernel.errors import NotRunning, Refused

ANSWER_LIMIT_S = 60.0
Command = OperatorCommand | BreakerCommand

encode_command = msgspec.msgpack.Encoder().encode
_decoder: msgspec.msgpack.Decoder[Command] = msgspec.msgpack.Decoder(Command)


def decode_command(body: bytes) -> Command:
    """An operator's command; raises Refused for anything else."""
    try:
        return _decoder.decode(body)
    except msgspec.DecodeError as err:
        raise Refused(f"not an operator's command: {err}") from err


class Answers:
    """Requests that wait for the engine, by id."""

    def __init__(self) -> None:
        self._waiting: dict[str, asyncio.Future[str]] = {}

    async def wait(self, request_id: str) -> str:
        """The answer as JSON; raises NotRunning when none comes in time."""
        future = self._waiting.setdefault(request_id, asyncio.get_running_loop().create_future())
        try:
            return await asyncio.wait_for(asyncio.shield(future), ANSWER_LIMIT_S)
        except TimeoutError as err:
            raise NotRunning(f"no answer to {request_id} within {ANSWER_LIMIT_S:.0f} s") from err
        finally:
            self._waiting.pop(request_id, None)

    def give(self, request_id: str, body_json: str) -> None:
        """Answer; a request that nobody waits for any more is dropped."""
        future = self._waiting.get(request_id)
        if future is not None and not future.done():
            future.set_result(body_json)
