"""A bare position whose closes the exchange refuses for minutes (S3-2)."""

from tests.engine.test_executor_faults import E0, S0, a_world, is_clean
from tests.engine.world import World
from vortex.domain.orders import OrderState


class RefusedForLong(dict[str, int]):
    """The exchange takes neither stops nor closes, however often."""

    def __contains__(self, leg: object) -> bool:
        return leg in ("S", "C")

    def pop(self, *_: object) -> int:
        return -4140


def a_bare_world() -> World:
    """A position whose stop is gone, and an exchange that takes no other."""
    world = a_world()
    world.price(50_000.0)
    world.want()
    world.feed(*world.venue.fill(E0))
    world.venue.refuse = RefusedForLong()
    world.feed(*world.venue.end(S0, OrderState.CANCELED))
    return world


def test_closes_that_are_refused_for_long_leave_ever_more_slowly_and_never_end_the_executor() -> None:
    """S3-2: a trade has ids for 256 closes; a quarter of an hour of refusals is outlived, then people are told."""
    world = a_bare_world()
    closes = lambda: sum("-C" in spec.client_order_id for spec in world.venue.requests)  # noqa: E731
    world.live(600_000)
    assert 100 < closes() < 256
    world.live(900_000)
    assert closes() == 256
    by_hand = [alert for alert in world.alerts if "by hand" in alert.text]
    assert len(by_hand) == 1
    world.boot()
    world.ready()
    world.live(10_000)
    assert closes() == 256


def test_a_close_that_is_taken_after_minutes_of_refusals_ends_the_trade() -> None:
    """S3-2."""
    world = a_bare_world()
    world.live(180_000)
    world.venue.refuse = {}
    world.live(10_000)
    assert is_clean(world)
