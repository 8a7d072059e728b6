"""Many descriptors that the reactor sees as one: a separate epoll inside the reactor's.

A probe lives for milliseconds, and the reactor's own book-keeping for a descriptor (a reader, a
writer, four changes of its epoll, a log context for each event) costs more than the probe.  Here a
descriptor is registered once, edge-triggered for both directions, and removed once.

Does not know what the descriptors are.
"""

from __future__ import annotations

import select
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.interfaces import IReadDescriptor
from twisted.logger import Logger
from twisted.python.failure import Failure
from zope.interface import implementer

EDGES: Final = select.EPOLLIN | select.EPOLLOUT | select.EPOLLRDHUP | select.EPOLLET
"""Report each change once: the receiver has to read and write until nothing is left."""

READABLE: Final = select.EPOLLIN
"""Report again and again while there is something to read."""

BATCH: Final = 128
"""Events handled in one turn of the reactor: its other descriptors get their turn in between."""

Ready = Callable[[int], None]
"""Called with the events of a descriptor (EPOLLIN, ...)."""


@implementer(IReadDescriptor)
class Poller:
    """Watches descriptors and reports their events."""

    log = Logger()

    def __init__(self, reactor: Any) -> None:
        """Begin to watch, with the reactor."""
        self._reactor = reactor
        self._epoll = select.epoll()
        self._watched: dict[int, Ready] = {}
        self._fresh: set[int] = set()
        """Descriptors watched since the current events were read: these events are not theirs."""
        reactor.addReader(self)

    def watch(self, descriptor: int, ready: Ready, events: int = EDGES) -> None:
        """Call `ready` with the events of a descriptor until `forget`."""
        self._epoll.register(descriptor, events)
        self._watched[descriptor] = ready
        self._fresh.add(descriptor)

    def forget(self, descriptor: int) -> None:
        """Stop reporting events of a descriptor; has to be called before it is closed.

        Closing alone is not enough: a child that is just being started may hold a copy of it.
        """
        if self._watched.pop(descriptor, None) is not None:
            self._epoll.unregister(descriptor)

    def close(self) -> None:
        """Stop watching, and close the epoll."""
        self._reactor.removeReader(self)
        self._watched.clear()
        self._epoll.close()

    def poll(self) -> int:
        """Report the waiting events, one batch at most; return how many there were."""
        self._fresh.clear()
        events = self._epoll.poll(0, BATCH)
        watched, fresh = self._watched, self._fresh
        for descriptor, which in events:
            ready = watched.get(descriptor)
            if ready is None or descriptor in fresh:
                continue
            try:
                ready(which)
            except Exception:
                self.log.failure("a defect in failoverdns")
        return len(events)

    def fileno(self) -> int:
        """Return the descriptor of the epoll."""
        return self._epoll.fileno()

    def logPrefix(self) -> str:  # noqa: N802
        """Return how log lines name this reader."""
        return "probing"

    def doRead(self) -> None:  # noqa: N802
        """Report a batch of events."""
        self.poll()

    def connectionLost(self, reason: Failure) -> None:  # noqa: N802
        """Do nothing: the reactor is being torn down."""
