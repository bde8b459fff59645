"""The shared page: slots keep what is written, and no reader ever sees half a lease or a fenced one."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vortex.adapters.beats import SLOTS, BeatsPage, PermitReader, PermitWriter
from vortex.domain.lease import Lease
from vortex.kernel.clock import Mono
from vortex.kernel.errors import ConfigError, Fenced

leases = st.builds(
    Lease,
    epoch=st.integers(1, 1_000),
    allows=st.booleans(),
    judged_through=st.integers(0, 2**40),
    expires_mono_ns=st.integers(0, 2**62),
    risk_cap_pct=st.none() | st.decimals(0, 100, places=4),
    reasons=st.lists(st.text(max_size=40), max_size=5).map(tuple),
    state=st.sampled_from(["closed", "open", "half_open", "latched"]),
    cooldown_until_ms=st.integers(0, 2**42),
)


def a_lease(epoch: int = 1, **changes: object) -> Lease:
    facts: dict[str, object] = {"allows": True, "judged_through": 3, "expires_mono_ns": 10**9}
    return Lease(epoch=epoch, **(facts | changes))  # type: ignore[arg-type]


@given(leases)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_lease_is_read_as_it_was_granted(tmp_path: Path, lease: Lease) -> None:
    """Through another mapping of the same file, as another process has it."""
    path = tmp_path / f"beats-{lease.epoch}-{lease.judged_through}-{lease.expires_mono_ns}"
    with BeatsPage(path) as breaker, BeatsPage(path) as executor:
        PermitWriter(breaker, lease.epoch).publish(lease)
        reader = PermitReader(executor)
        assert reader.read() == lease
        assert reader.read() is reader.read()  # unchanged: not decoded again
    path.unlink()


def test_without_a_grant_there_is_no_lease(tmp_path: Path) -> None:
    """A fresh page allows nothing."""
    with BeatsPage(tmp_path / "beats") as page:
        assert PermitReader(page).read() is None


def test_a_trip_is_seen_by_the_next_read(tmp_path: Path) -> None:
    """The veto needs no message."""
    with BeatsPage(tmp_path / "beats") as page:
        pen, eye = PermitWriter(page, 1), PermitReader(page)
        pen.publish(a_lease())
        assert eye.read() == a_lease()
        pen.publish(a_lease(allows=False, reasons=("daily loss",)))
        assert eye.read() == a_lease(allows=False, reasons=("daily loss",))


def test_a_torn_lease_is_no_lease(tmp_path: Path) -> None:
    """A writer that died in the middle leaves the sequence odd; any changed word breaks the checksum."""
    with BeatsPage(tmp_path / "beats") as page:
        PermitWriter(page, 1).publish(a_lease())
        for word in (128, 130, 131, 132):
            good = page.words[word]
            page.words[word] = good + 1
            assert PermitReader(page).read() is None
            page.words[word] = good
        assert PermitReader(page).read() == a_lease()


def test_a_writer_that_died_in_the_middle_does_not_spoil_the_next_grant(tmp_path: Path) -> None:
    """Its successor's lease is whole."""
    with BeatsPage(tmp_path / "beats") as page:
        PermitWriter(page, 1).publish(a_lease())
        page.words[128] += 1
        assert PermitReader(page).read() is None
        PermitWriter(page, 2).publish(a_lease(2))
        assert PermitReader(page).read() == a_lease(2)


def test_a_replaced_breaker_can_neither_write_nor_be_believed(tmp_path: Path) -> None:
    """The fence outlaws its last lease at once and its pen for ever."""
    with BeatsPage(tmp_path / "beats") as page:
        pen, eye = PermitWriter(page, 4), PermitReader(page)
        pen.publish(a_lease(4))
        assert eye.read() is not None
        page.fence_breaker(5)
        page.fence_breaker(3)  # never lowered
        assert eye.read() is None
        with pytest.raises(Fenced):
            pen.publish(a_lease(4))
        PermitWriter(page, 5).publish(a_lease(5))
        assert eye.read() == a_lease(5)


def test_reasons_that_do_not_fit_never_cost_the_verdict(tmp_path: Path) -> None:
    """The words are cut, the veto stands."""
    with BeatsPage(tmp_path / "beats") as page:
        PermitWriter(page, 1).publish(a_lease(allows=False, reasons=tuple("x" * 400 for _ in range(64))))
        lease = PermitReader(page).read()
        assert lease is not None
        assert not lease.allows
        assert 0 < len(lease.reasons) < 64


def test_slots_do_not_touch_each_other(tmp_path: Path) -> None:
    """First, last and neighbors keep their own words."""
    with BeatsPage(tmp_path / "beats") as page:
        for index in (0, 1, SLOTS - 1):
            slot = page.slot(index)
            slot.introduce(1_000 + index, 2_000 + index)
            slot.set_epoch(index)
            slot.set_state("running")
            slot.set_watermark(5)
            slot.set_queue_depth(6)
            slot.progressed(7)
            slot.beat(Mono(100 + index), 9)
        for index in (0, 1, SLOTS - 1):
            view = page.read(index)
            assert (view.pid, view.tid, view.epoch, view.beat_ns) == (1_000 + index, 2_000 + index, index, 100 + index)
            assert (view.state, view.watermark_ms, view.queue_depth, view.progress) == ("running", 5, 6, 7)
        page.clear(1)
        assert page.read(1).pid == 0
        assert page.read(0).pid == 1_000


def test_a_file_of_another_layout_is_refused(tmp_path: Path) -> None:
    """Better no start than nonsense."""
    path = tmp_path / "beats"
    path.write_bytes(b"\xff" * 65_536)
    with pytest.raises(ConfigError):
        BeatsPage(path)


def test_wishes_and_states_pass_between_launcher_and_root(tmp_path: Path) -> None:
    """Without Ray."""
    with BeatsPage(tmp_path / "beats") as launcher, BeatsPage(tmp_path / "beats") as root:
        assert (launcher.root_state(), root.stop_wish()) == ("booting", "")
        launcher.wish_stop("flatten")
        root.introduce_root(12, 34)
        root.claim(3, Mono(77))
        root.set_root_state("stopping")
        assert (root.stop_wish(), launcher.root_state()) == ("flatten", "stopping")
        assert (launcher.root_who(), launcher.claimed_ns()) == ((12, 34), 77)
