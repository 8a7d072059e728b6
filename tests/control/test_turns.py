"""Turns: the order in which clients are served, on a clock that only their work moves."""

from __future__ import annotations

from twisted.internet.task import Clock

from failoverdns.control.turns import PAUSE, TURN, Turns

MIB = 1 << 20


class Client:
    """A client with requests of some sizes, each of which takes some time."""

    def __init__(self, clock: Clock, log: list[str], name: str, uid: int = 1000) -> None:
        self.uid = uid
        self.virtual_time = 0.0
        self.requests: list[tuple[int, float]] = []
        self._clock = clock
        self._log = log
        self._name = name

    @property
    def next_size(self) -> int:
        """The size of the next request."""
        return self.requests[0][0] if self.requests else 0

    def step(self) -> bool:
        """Take the next request, which takes its time."""
        if not self.requests:
            return False
        _, seconds = self.requests.pop(0)
        self._log.append(self._name)
        self._clock.rightNow += seconds
        return True


class Machine:
    """A clock, turns, and the names of the clients in the order in which they were served."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.turns = Turns(self.clock)
        self.log: list[str] = []

    def client(self, name: str, *requests: tuple[int, float], uid: int = 1000) -> Client:
        """Return a client that waits for its turn."""
        client = Client(self.clock, self.log, name, uid)
        client.requests = list(requests)
        self.turns.ready(client)
        return client

    def turn(self, pause: float = 0.0) -> None:
        """Let the reactor have a turn, after a pause: it makes the calls that are due then."""
        self.clock.rightNow += pause
        now = self.clock.seconds()
        for call in [one for one in self.clock.getDelayedCalls() if one.getTime() <= now]:
            function = call.func  # type: ignore[attr-defined]
            call.cancel()
            function()


def test_a_client_that_is_alone_is_served_at_once() -> None:
    """It does not wait for the reactor, and no timer is left."""
    machine = Machine()
    machine.client("a", (10, 0.0), (10, 0.0))
    assert machine.log == ["a", "a"]
    assert machine.clock.getDelayedCalls() == []


def test_a_short_request_comes_before_the_long_ones_of_others() -> None:
    """Thirty clients that send long requests for ever hold it up by one of these at most."""
    machine = Machine()
    for number in range(30):
        machine.client(f"long {number}", *[(MIB, 0.01)] * 100, uid=2000)
    assert len(machine.log) == 1
    for _ in range(200):
        machine.turn(0.001)
    served = len(machine.log)
    assert served > 5, "they are served"
    machine.client("short", (30, 0.0001))
    machine.turn()
    assert "short" in machine.log[served : served + 2]


def test_a_short_request_of_the_same_user_does_not_wait_for_its_long_ones_either() -> None:
    """Each connection has its own turns."""
    machine = Machine()
    for number in range(30):
        machine.client(f"long {number}", *[(MIB, 0.01)] * 100)
    for _ in range(100):
        machine.turn(0.001)
    served = len(machine.log)
    machine.client("short", (30, 0.0001))
    machine.turn()
    assert "short" in machine.log[served : served + 2]


def test_after_a_long_request_there_is_a_pause_for_everything_else() -> None:
    """It is a multiple of the time that the request took."""
    machine = Machine()
    machine.client("a", (MIB, 0.01), (MIB, 0.01))
    assert machine.log == ["a"]
    machine.turn(0.01 * PAUSE - 0.001)
    assert machine.log == ["a"]
    machine.turn(0.002)
    assert machine.log == ["a", "a"]


def test_a_turn_ends_although_more_clients_wait() -> None:
    """What else the reactor has to do comes in between."""
    machine = Machine()
    for number in range(100):
        machine.client(str(number), (10, TURN / 4))
    assert len(machine.log) == 4
    machine.turn()
    assert len(machine.log) == 8


def test_no_client_waits_for_ever() -> None:
    """A long request is read although others send short ones without end."""
    machine = Machine()
    machine.client("long", (MIB, 0.01), (MIB, 0.01))
    for number in range(3):
        machine.client(f"short {number}", *[(10, 0.001)] * 1000)
    for _ in range(300):
        machine.turn()
    assert machine.log.count("long") == 2


def test_clients_of_a_user_share_what_one_client_of_another_has_alone() -> None:
    """Many connections do not give a user more."""
    machine = Machine()
    for number in range(20):
        machine.client(f"many {number}", *[(1000, 0.001)] * 1000, uid=2000)
    machine.client("one", *[(1000, 0.001)] * 1000, uid=2001)
    for _ in range(100):
        machine.turn()
    share = machine.log.count("one") / len(machine.log)
    assert 0.3 < share < 0.7


def test_a_client_that_left_is_not_served() -> None:
    """Whatever it had sent."""
    machine = Machine()
    machine.client("a", *[(10, TURN)] * 10)
    gone = machine.client("b", (10, 0.0))
    machine.turns.leave(gone)
    for _ in range(20):
        machine.turn()
    assert machine.log == ["a"] * 10
