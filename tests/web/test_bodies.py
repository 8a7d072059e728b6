"""Bodies in memory: shared, forgotten as they are read, and bounded in all."""

from __future__ import annotations

from twisted.internet.task import Clock

from failoverdns.web.bodies import Body, BodyMemory


class Client:
    """Reads when a test tells it to."""

    def __init__(self, body: Body) -> None:
        self.body = body
        self.is_cut = False
        self.looks = 0
        body.join(self)

    def look(self) -> None:
        self.looks += 1

    def cut(self) -> None:
        self.is_cut = True

    def read(self) -> bytes:
        """Return all that is there."""
        found = b""
        while (piece := self.body.take(self)) is not None:
            found += piece
        return found


def held(most: int = 1000) -> tuple[BodyMemory, Clock]:
    clock = Clock()
    return BodyMemory(clock.seconds, most), clock


def test_each_reader_gets_everything_and_what_all_have_is_forgotten() -> None:
    all_, _ = held()
    body = Body(all_, "t")
    one, other = Client(body), Client(body)
    body.add(b"ab")
    body.add(b"cd")
    assert one.read() == b"abcd"
    assert all_.total == 4
    assert other.read() == b"abcd"
    assert all_.total == 0
    body.add(b"e")
    body.end()
    assert (one.read(), other.read(), body.is_ended) == (b"e", b"e", True)


def test_a_reader_that_leaves_holds_nothing() -> None:
    all_, _ = held()
    body = Body(all_, "t")
    client = Client(body)
    body.add(b"ab")
    body.leave(client)
    body.add(b"cd")
    assert all_.total == 0


def test_if_too_much_is_held_the_slowest_reader_of_the_largest_owner_is_cut() -> None:
    all_, clock = held(most=100)
    small = Client(Body(all_, "small"))
    small.body.add(bytes(30))
    clock.advance(1)
    slow, quick = Client(Body(all_, "large")), Client(Body(all_, "large"))
    slow.body.add(bytes(30))
    quick.body.add(bytes(10))
    clock.advance(1)
    quick.read()
    quick.body.add(bytes(30))
    assert not slow.is_cut
    quick.body.add(bytes(20))
    assert (small.is_cut, slow.is_cut, quick.is_cut) == (False, True, False)
    assert (all_.total, all_.dropped) == (80, 1)


def test_one_body_alone_cannot_hold_more_than_all_may() -> None:
    all_, _ = held(most=100)
    client = Client(Body(all_, "t"))
    for _ in range(20):
        client.body.add(bytes(10))
    assert client.is_cut
    assert all_.total <= 100


def test_a_body_that_breaks_off_cuts_its_readers() -> None:
    all_, _ = held()
    client = Client(Body(all_, "t", [b"ab"]))
    client.body.break_off()
    assert client.is_cut
    assert all_.total == 0
