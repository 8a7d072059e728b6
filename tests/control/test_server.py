"""The control socket without the rest of the server: order, limits, and clients that stall."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator

import pytest
from slow_commands import Slow, Transport, lines
from twisted.internet.task import Clock

from failoverdns.control.connection import STALLED_TIMEOUT, ControlConnection
from failoverdns.control.conversation import MAX_EVENTS, MAX_PENDING
from failoverdns.control.places import LIMITS
from failoverdns.control.server import ControlFactory
from failoverdns.model.roles import Grant, Rights, Role
from failoverdns.net.peer import Account, AccountRoles


class SameFor(AccountRoles):
    """Roles that give everybody the same rights, root too, which a test must be able to refuse."""

    def __init__(self, *grants: Grant) -> None:
        super().__init__({}, {})
        object.__setattr__(self, "_rights", Rights(grants))

    def rights_of(self, account: Account) -> Rights:
        """Return the rights."""
        rights: Rights = object.__getattribute__(self, "_rights")
        return rights


@pytest.fixture
def slow() -> Slow:
    return Slow()


@pytest.fixture
def factory(slow: Slow) -> ControlFactory:
    return ControlFactory(Clock(), slow, AccountRoles({}, {}, is_open=True), {0: "root"}.get)


MAX_CLIENTS = LIMITS.clients_of_one + LIMITS.clients_kept
"""Connections of this user, who is trusted."""


def connect(factory: ControlFactory) -> tuple[ControlConnection, Transport]:
    """Connect a client."""
    connection = factory.buildProtocol(None)
    transport = Transport()
    connection.makeConnection(transport)
    return connection, transport


def test_replies_come_in_the_order_of_requests(factory: ControlFactory, slow: Slow) -> None:
    """This holds even if a later request is carried out first."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\napplication add b\nnonsense\n")
    slow.finish(1, "second")
    assert transport.replies() == []
    slow.finish(0, "first")
    assert transport.replies()[:2] == ["first", "second"]
    assert transport.replies()[2]["error"]["code"] == "unknown-command"


def test_changes_start_at_once_and_reads_wait_for_the_changes_before_them(
    factory: ControlFactory, slow: Slow
) -> None:
    """Many changes can share a commit, and a read sees the changes requested before it."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\nstatus\napplication add b\n")
    assert len(slow.changes) == 2
    assert slow.reads == []
    slow.finish(0, "a")
    assert len(slow.reads) == 1
    slow.finish(1, "b")
    slow.reads[0].callback(lines("status"))
    assert transport.replies() == ["a", "status", "b"]


def test_an_action_waits_for_the_requests_before_it(factory: ControlFactory, slow: Slow) -> None:
    """This holds for requests on the same connection, as for a command that reads."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\nquerylog off\nstatus\n")
    assert (slow.acts, slow.reads) == ([], [])
    slow.finish(0, "a")
    assert (len(slow.acts), slow.reads) == (1, [])
    slow.acts[0].callback(lines("off"))
    slow.reads[0].callback(lines("status"))
    assert transport.replies() == ["a", "off", "status"]


def an_open_file() -> int:
    """Return a descriptor, as the kernel passes one to the server."""
    return os.open("/dev/null", os.O_WRONLY)


def is_open(descriptor: int) -> bool:
    """Return whether a descriptor is open."""
    return os.path.exists(f"/proc/self/fd/{descriptor}")


def test_a_file_goes_to_the_backup_that_it_came_with(factory: ControlFactory, slow: Slow) -> None:
    """It waits for its turn like the request."""
    connection, _ = connect(factory)
    connection.dataReceived(b"application add a\n")
    file = an_open_file()
    connection.fileDescriptorReceived(file)
    connection.dataReceived(b'{"command": "backup"}\nquerylog off\n')
    slow.finish(0, "a")
    assert [given and given.descriptor for given in slow.files] == [file]
    slow.acts[0].callback(lines("copied"))
    assert [given and given.descriptor for given in slow.files] == [file, None]
    assert is_open(file), "who carries the request out closes it"
    slow.files[0].close()  # type: ignore[union-attr]


def test_a_file_that_nobody_asked_for_is_closed_at_once(
    factory: ControlFactory, slow: Slow
) -> None:
    """With another command, within a line, a second one, and at the end of the connection."""
    connection, _ = connect(factory)
    first, second, middle, last = (an_open_file() for _ in range(4))
    connection.fileDescriptorReceived(first)
    connection.fileDescriptorReceived(second)
    assert (is_open(first), is_open(second)) == (True, False)
    connection.dataReceived(b"querylog off\nquerylog")
    assert not is_open(first)
    connection.fileDescriptorReceived(middle)
    assert not is_open(middle)
    connection.dataReceived(b" off\n")
    connection.fileDescriptorReceived(last)
    connection.connectionLost()
    assert not is_open(last)
    late = an_open_file()
    connection.fileDescriptorReceived(late)
    assert not is_open(late)
    assert slow.files == [None]


def test_a_backup_is_not_wanted_when_its_client_is_gone(
    factory: ControlFactory, slow: Slow
) -> None:
    """One under way learns it; the file of one that waits for its turn is closed."""
    connection, _ = connect(factory)
    running, waiting = an_open_file(), an_open_file()
    connection.fileDescriptorReceived(running)
    connection.dataReceived(b'{"command": "backup"}\n')
    connection.fileDescriptorReceived(waiting)
    connection.dataReceived(b'{"command": "backup"}\n')
    (given,) = slow.files
    assert given is not None
    assert given.is_wanted
    connection.connectionLost()
    assert not given.is_wanted
    assert (is_open(running), is_open(waiting)) == (True, False)
    given.close()
    assert not is_open(running)


def test_a_client_is_identified_by_the_kernel(factory: ControlFactory, slow: Slow) -> None:
    """The server does not trust the client for its uid and pid."""
    connection, _ = connect(factory)
    connection.dataReceived(b"application add a\n")
    assert slow.principal is not None
    assert (slow.principal.detail.uid, slow.principal.detail.pid) == (os.getuid(), os.getpid())


def test_a_defect_affects_only_its_own_request(factory: ControlFactory, slow: Slow) -> None:
    """The client gets a refusal, and the connection stays open."""
    connection, transport = connect(factory)
    connection.dataReceived(b"status\napplication add a\n")
    slow.reads[0].errback(ZeroDivisionError())
    slow.finish(0, "a")
    assert transport.replies()[0]["error"]["code"] == "unavailable"
    assert transport.replies()[1] == "a"


def test_a_client_may_have_a_limited_number_of_pending_requests(
    factory: ControlFactory, slow: Slow
) -> None:
    """Further requests are read when replies have been sent."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\n" * (MAX_PENDING + 10))
    while factory.clock.getDelayedCalls():  # type: ignore[attr-defined]
        factory.clock.advance(0)  # type: ignore[attr-defined]
    assert len(slow.changes) == MAX_PENDING
    assert transport.producerState == "paused"
    for index in range(10):
        slow.finish(index, "done")
    assert len(slow.changes) == MAX_PENDING + 10


def test_a_client_that_does_not_read_is_disconnected_after_a_timeout(
    factory: ControlFactory, slow: Slow
) -> None:
    """Meanwhile, nothing is sent to it or read from it."""
    connection, transport = connect(factory)
    connection.pauseProducing()
    connection.dataReceived(b"application add a\n")
    assert slow.changes == []
    factory.clock.advance(59)  # type: ignore[attr-defined]
    assert not transport.aborted
    factory.clock.advance(1)  # type: ignore[attr-defined]
    assert transport.aborted


def test_a_client_that_reads_again_gets_its_replies_and_stays_connected(
    factory: ControlFactory, slow: Slow
) -> None:
    """The timeout is cancelled."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\n")
    connection.pauseProducing()
    slow.finish(0, "done")
    assert transport.replies() == []
    connection.resumeProducing()
    assert transport.replies() == ["done"]
    factory.clock.advance(STALLED_TIMEOUT)  # type: ignore[attr-defined]
    assert not transport.aborted


def test_events_are_sent_to_clients_that_watch(factory: ControlFactory, slow: Slow) -> None:
    """Events follow pending replies; other clients get none."""
    watcher, heard = connect(factory)
    _, silent = connect(factory)
    watcher.dataReceived(b"watch\napplication add a\n")
    slow.reads[0].callback(lines("watching"))
    factory.send_event(b'"event"\n')
    assert heard.replies() == ["watching"]
    slow.finish(0, "a")
    assert heard.replies() == ["watching", "a", "event"]
    assert silent.replies() == []


def test_a_client_that_watches_but_does_not_read_is_disconnected(
    factory: ControlFactory, slow: Slow
) -> None:
    """The number of events kept for it is limited."""
    watcher, transport = connect(factory)
    watcher.dataReceived(b"watch\n")
    slow.reads[0].callback(lines("watching"))
    watcher.pauseProducing()
    for _ in range(MAX_EVENTS):
        factory.send_event(b'"event"\n')
    assert not transport.aborted
    factory.send_event(b'"event"\n')
    assert transport.aborted


def test_a_long_reply_does_not_block_other_clients(factory: ControlFactory, slow: Slow) -> None:
    """It is sent over several turns of the reactor."""
    connection, transport = connect(factory)
    clock = factory.clock

    def pieces() -> Iterator[bytes]:
        for number in range(10):
            clock.advance(0.002)  # type: ignore[attr-defined]
            yield b"%d\n" % number

    connection.dataReceived(b"status\n")
    slow.reads[0].callback(pieces())
    assert 0 < len(transport.replies()) < 10
    for _ in range(10):
        clock.advance(0)  # type: ignore[attr-defined]
    assert transport.replies() == [*range(10)]


def test_a_half_closed_connection_gets_all_replies_and_is_then_closed(
    factory: ControlFactory, slow: Slow
) -> None:
    """The last line needs no newline; a client that watches stays connected."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\napplication add b")
    connection.readConnectionLost()
    slow.finish(0, "a")
    assert not transport.disconnecting
    slow.finish(1, "b")
    assert transport.replies() == ["a", "b"]
    assert transport.disconnecting
    watcher, transport = connect(factory)
    watcher.dataReceived(b"watch")
    watcher.readConnectionLost()
    slow.reads[0].callback(lines("watching"))
    factory.send_event(b'"event"\n')
    assert transport.replies() == ["watching", "event"]
    assert not transport.disconnecting


def test_clients_beyond_the_limit_are_refused_until_another_one_leaves(
    factory: ControlFactory, slow: Slow
) -> None:
    """Such a client gets the reason, and its requests are not carried out."""
    clients = [connect(factory) for _ in range(MAX_CLIENTS)]
    for client, _ in clients:
        client.dataReceived(b"application add a\n")
    slow.changes.clear()
    late, transport = connect(factory)
    assert transport.replies()[0]["error"]["code"] == "busy"
    assert (transport.sends_no_more, transport.disconnecting) == (True, False)
    late.dataReceived(b"application add a\n")
    assert slow.changes == []
    late.readConnectionLost()
    assert transport.disconnecting
    clients[0][0].connectionLost()
    _, transport = connect(factory)
    assert transport.replies() == []


def test_a_new_client_beyond_the_limit_replaces_the_longest_idle_one(
    factory: ControlFactory,
) -> None:
    """So forgotten connections do not block others; clients that watch have other places."""
    clients = [connect(factory) for _ in range(MAX_CLIENTS)]
    clients[0][0].dataReceived(b"watch\n")
    clients[1][0].dataReceived(b"nonsense\n")
    connect(factory)
    assert not any(transport.aborted for _, transport in clients)
    _, transport = connect(factory)
    assert not transport.disconnecting
    assert [t.aborted for _, t in clients[:4]] == [False, False, True, False]


def test_a_client_that_loses_its_place_is_told_so(factory: ControlFactory) -> None:
    """So it can send its request again: nothing of it was carried out."""
    clients = [connect(factory) for _ in range(MAX_CLIENTS + 1)]
    assert clients[0][1].aborted
    (refusal,) = clients[0][1].other.recv(1000).splitlines()
    assert json.loads(refusal)["error"]["code"] == "busy"
    clients[0][0].dataReceived(b"application add a\n")
    assert clients[0][1].replies() == []


def test_a_client_that_does_not_read_loses_its_place_to_another(
    factory: ControlFactory, slow: Slow
) -> None:
    """After a few seconds, although replies are due to it."""
    clients = [connect(factory) for _ in range(MAX_CLIENTS)]
    for client, _ in clients:
        client.dataReceived(b"application add a\n")
    clients[3][0].pauseProducing()
    assert connect(factory)[1].replies()[0]["error"]["code"] == "busy"
    factory.clock.advance(5)  # type: ignore[attr-defined]
    assert connect(factory)[1].replies() == []
    assert [transport.aborted for _, transport in clients[:4]] == [False, False, False, True]


def test_clients_that_watch_take_no_places_of_others(factory: ControlFactory, slow: Slow) -> None:
    """Only so many may watch; the next one stays connected, and can give commands."""
    most = LIMITS.watchers_of_one + LIMITS.watchers_kept
    watchers = [connect(factory) for _ in range(most)]
    for client, _ in watchers:
        client.dataReceived(b"watch\n")
    for read in slow.reads:
        read.callback(lines("watching"))
    late, transport = connect(factory)
    late.dataReceived(b'{"id": 7, "command": "watch"}\napplication add a\n')
    slow.finish(0, "added")
    refused, added = transport.replies()
    assert (refused["id"], refused["error"]["code"], added) == (7, "busy", "added")
    others = [connect(factory)[1] for _ in range(MAX_CLIENTS - 1)]
    assert not any(transport.replies() for transport in others)
    factory.send_event(b'"event"\n')
    assert all(heard.replies() == ["watching", "event"] for _, heard in watchers)
    watchers[0][0].connectionLost()
    late.dataReceived(b"watch\n")
    slow.reads[-1].callback(lines("watching"))
    assert transport.replies()[2:] == ["watching"]


def test_refused_clients_that_linger_are_limited(factory: ControlFactory) -> None:
    """Further ones get the reason too, and are closed at once."""
    factory.roles = SameFor()
    refused = [connect(factory) for _ in range(LIMITS.refused_of_one + 1)]
    assert all(t.replies()[0]["error"]["code"] == "forbidden" for _, t in refused)
    assert [t.sends_no_more for _, t in refused] == [True] * LIMITS.refused_of_one + [False]
    assert refused[-1][1].disconnecting
    factory.clock.advance(1)  # type: ignore[attr-defined]
    assert all(t.aborted for _, t in refused[:-1])
    for connection, _ in refused:
        connection.connectionLost()
    assert connect(factory)[1].sends_no_more


def test_closing_disconnects_every_client(factory: ControlFactory) -> None:
    """The server does so when it stops."""
    transports = [connect(factory)[1] for _ in range(3)]
    assert all(transport.streaming for transport in transports)
    factory.close()
    assert all(transport.disconnecting for transport in transports)


def test_nothing_is_sent_to_a_client_that_has_disconnected(
    factory: ControlFactory, slow: Slow
) -> None:
    """Its command is still carried out; no timer is left."""
    connection, transport = connect(factory)
    connection.dataReceived(b"application add a\nwatch\n")
    connection.pauseProducing()
    connection.connectionLost()
    slow.finish(0, "done")
    factory.send_event(b'"event"\n')
    assert transport.replies() == []
    assert factory.clock.getDelayedCalls() == []  # type: ignore[attr-defined]


def quiet(slow: Slow) -> tuple[ControlFactory, ControlConnection, Transport]:
    """Return a client whose transport has nothing that is not sent."""
    factory = ControlFactory(Clock(), slow, AccountRoles({}, {}, is_open=True), {0: "root"}.get)
    connection = factory.buildProtocol(None)
    transport = Transport()
    connection.makeConnection(transport)
    return factory, connection, transport


def test_no_request_is_taken_while_a_restart_is_prepared() -> None:
    """Those that were taken are carried out, and the others are handed over unread."""
    slow = Slow()
    factory, connection, transport = quiet(slow)
    connection.dataReceived(b"switch shop\n")
    factory.suspend()
    connection.dataReceived(b"switch shop\nsta")
    assert len(slow.changes) == 1
    assert not factory.is_quiet
    assert transport.producerState == "paused"
    slow.finish(0, "done")
    assert transport.replies() == ["done"]
    assert factory.is_quiet
    factory.resume()
    assert len(slow.changes) == 2
    assert transport.producerState == "producing"


def test_requests_after_a_restart_wait_for_its_reply() -> None:
    """If it is refused, they are carried out here."""
    slow = Slow()
    factory, connection, transport = quiet(slow)
    connection.dataReceived(b'{"command": "restart", "id": 7}\nswitch shop\n')
    assert len(slow.acts) == 1
    assert slow.changes == []
    assert factory.is_quiet
    slow.acts[0].callback(lines("refused"))
    assert transport.replies() == ["refused"]
    assert len(slow.changes) == 1


def test_a_client_is_handed_over_with_what_it_has_sent() -> None:
    """The next program answers the restart, and takes the rest of the requests."""
    slow = Slow()
    factory, connection, transport = quiet(slow)
    transport.fileno = transport.socket.fileno
    transport.stopReading = transport.stopWriting = lambda: None
    connection.dataReceived(b'{"command": "restart", "id": 7}\nswitch shop\nsta')
    factory.suspend()
    (client,) = factory.hand_over()
    assert (client.received, client.restarts, client.id) == (b"switch shop\nsta", True, 7)
    assert transport.socket.fileno() == -1
    _, successor, again = quiet(slow)
    successor.take_over(client, b'"restarted"\n')
    assert again.replies() == ["restarted"]
    assert len(slow.changes) == 1
    os.close(client.descriptor)


def test_a_client_that_is_not_answered_yet_is_not_handed_over() -> None:
    """Its connection is closed, so that it knows that the outcome is unknown."""
    slow = Slow()
    factory, connection, transport = quiet(slow)
    connection.dataReceived(b"switch shop\n")
    factory.suspend()
    assert factory.hand_over() == ()
    assert transport.aborted


def test_a_user_without_a_role_is_turned_away(slow: Slow) -> None:
    """It gets the reason, which is counted, and takes no place from others."""
    factory = ControlFactory(Clock(), slow, SameFor(), {}.get)
    connection, transport = connect(factory)
    connection.dataReceived(b"status\n")
    (reply,) = transport.replies()
    assert reply["error"]["code"] == "forbidden"
    uid = os.getuid()
    text = f"uid {uid} is not in control.allow or control.roles of the configuration"
    assert reply["error"]["message"] == text
    assert [refusal.message for refusal in slow.refusals] == [text]
    assert slow.reads == []
    assert factory.places.all == []


def test_other_roles_count_at_once_on_open_connections(slow: Slow) -> None:
    """Whoever has no role any more gets its replies and the reason, and is let go."""
    factory = ControlFactory(Clock(), slow, SameFor(Grant(Role.ADMIN)), {}.get)
    watcher, heard = connect(factory)
    watcher.dataReceived(b"watch\n")
    slow.reads[0].callback(lines("watching"))
    busy, transport = connect(factory)
    busy.dataReceived(b"switch shop\n")
    factory.adopt(SameFor(Grant(Role.VIEWER)))
    factory.send_event(b'"event"\n')
    assert heard.replies() == ["watching", "event"], "a viewer may watch"
    factory.adopt(SameFor())
    factory.send_event(b'"event"\n')
    assert [reply["error"]["code"] for reply in heard.replies()[2:]] == ["forbidden"]
    assert heard.disconnecting
    busy.dataReceived(b"switch shop\n" * 3)
    assert not transport.disconnecting
    slow.finish(0, "switched")
    assert transport.replies()[0] == "switched"
    assert {reply["error"]["code"] for reply in transport.replies()[1:]} == {"forbidden"}
    assert transport.disconnecting


def test_a_restart_that_is_forbidden_holds_nothing_up(slow: Slow) -> None:
    """Nor is its connection handed over as one that waits for the restart."""
    factory = ControlFactory(Clock(), slow, SameFor(Grant(Role.OPERATOR)), {}.get)
    connection, transport = connect(factory)
    connection.dataReceived(b"restart\nswitch shop\n")
    assert len(slow.changes) == 1
    assert not factory.is_quiet
    slow.acts[0].callback(lines("forbidden"))
    slow.finish(0, "switched")
    assert transport.replies() == ["forbidden", "switched"]
    assert factory.is_quiet
