"""Letters between incarnations: numbered per conversation, put back in order, the dead ones' thrown away."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from actors.clients import Directory, Post, ShellClient
from actors.mailbox import Mailbox
from actors.role import PeerInfo
from vortex.domain.envelope import Envelope, decode
from vortex.domain.events import ExecutorUp


class Wire(ShellClient):
    """Keeps what is sent."""

    def __init__(self) -> None:
        super().__init__(None)
        self.sent: list[Envelope] = []

    def deliver(self, data: bytes) -> None:
        self.sent.append(decode(data))


def directory(monkey: dict[str, tuple[Wire, int]]) -> Directory:
    known = Directory()
    table = {role: PeerInfo(shell="s", epoch=epoch, pid=1, node="n") for role, (_, epoch) in monkey.items()}
    known.replace(table, dict.fromkeys(monkey))
    known._shells = {role: wire for role, (wire, _) in monkey.items()}
    return known


def letters(count: int, epoch: int = 1, to_epoch: int = 1) -> list[Envelope]:
    wire = Wire()
    post = Post("symbol:BTC", epoch, directory({"executor": (wire, to_epoch)}))
    for number in range(count):
        assert post.send("executor", ExecutorUp(epoch=number))
    return wire.sent


@given(st.permutations(range(30)))
def test_any_order_of_arrival_is_read_in_the_order_of_sending(order: list[int]) -> None:
    """Async actors reorder one sender's calls."""
    sent = letters(30)
    box, read = Mailbox(), list[Any]()
    for index in order:
        read += box.offer(sent[index])
    assert read == sent
    assert box.waiting == 0


def test_repeats_are_read_once() -> None:
    """A letter delivered twice says nothing new."""
    sent, box = letters(3), Mailbox()
    assert [len(box.offer(letter)) for letter in (*sent, *sent)] == [1, 1, 1, 0, 0, 0]


def test_a_replaced_sender_is_not_heard_any_more() -> None:
    """The newer incarnation begins at 1; the older one's late letters are counted and dropped."""
    old, new, box = letters(3, epoch=4), letters(2, epoch=5), Mailbox()
    read = [*box.offer(old[0]), *box.offer(new[0]), *box.offer(old[1]), *box.offer(new[1]), *box.offer(old[2])]
    assert read == [old[0], new[0], new[1]]
    assert box.counts["stale"] == 2


def test_a_reborn_receiver_starts_a_new_conversation() -> None:
    """Its mailbox is empty and waits for number 1, so the sender begins there."""
    wire = Wire()
    known = directory({"executor": (wire, 1)})
    post = Post("symbol:BTC", 1, known)
    post.send("executor", ExecutorUp(epoch=1))
    post.send("executor", ExecutorUp(epoch=2))
    known.table["executor"] = PeerInfo(shell="s2", epoch=2, pid=2, node="n")
    post.send("executor", ExecutorUp(epoch=3))
    assert [letter.seq for letter in wire.sent] == [1, 2, 1]
    assert len({letter.session for letter in wire.sent}) == 2


def test_a_letter_to_nobody_is_known_to_be_lost() -> None:
    """False, and counted; the caller decides."""
    post = Post("symbol:BTC", 1, Directory())
    assert post.send("executor", ExecutorUp(epoch=1)) is False
    assert post.counts["undeliverable"] == 1
