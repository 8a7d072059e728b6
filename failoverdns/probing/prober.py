"""Probe heads: a limited number at a time, each within its time limit, each reported once.

   probe -> wait for a place -> begin -> a verdict, or its time is up -> done

Network probes and programs have places of their own, so that neither keeps the other waiting.
Does not know when to probe (`probing.schedule`), nor what follows from a result.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from functools import partial
from typing import Any, Final, Protocol

from twisted.internet.interfaces import IDelayedCall
from twisted.logger import Logger

from failoverdns.model.health import Cause, ProbeResult, ProbeTarget
from failoverdns.probing.deadlines import Deadlines
from failoverdns.probing.kinds import PROBE_KINDS, Lane, Probe
from failoverdns.probing.polling import Poller
from failoverdns.probing.tls import Trust
from failoverdns.probing.verdict import NoRoom, ProbeVerdict

_LOOK: Final = 0.05
"""Seconds between two checks of the deadlines, at most, while there are any."""

_SHORTEST: Final = 0.01
"""Seconds between two checks of the deadlines, at least: a probe may be given up this late."""

_STALL: Final = 0.1
"""Seconds of delay of such a check from which on this process counts as having stood still."""

_ROOM: Final = 0.1
"""Seconds before a probe is tried again for which the process had no descriptor or process left."""

_SAY_AGAIN: Final = 60.0
"""Seconds before it is logged again that there is no room."""

Done = Callable[[ProbeResult], None]


class Probes(Protocol):
    """The interface through which heads are probed; `Prober` does it for real."""

    @property
    def waiting(self) -> int:
        """How many probes wait for a place."""

    def probe(self, target: ProbeTarget, done: Done) -> None:
        """Probe a head and call `done` once, after this has returned."""

    def stop(self) -> None:
        """End every probe; no `done` is called any more."""


class _Queue:
    """The places of a lane, and the probes that wait for one."""

    __slots__ = ("again", "places", "running", "waiting")

    def __init__(self, places: int) -> None:
        self.places = places
        self.running = 0
        self.again: IDelayedCall | None = None
        """When to try again, if there was no room for more."""
        self.waiting: deque[tuple[ProbeTarget, Done]] = deque()


class _Running:
    __slots__ = ("began", "done", "probe", "queue")

    def __init__(self, probe: Probe, done: Done, began: float, queue: _Queue) -> None:
        self.probe = probe
        self.done = done
        self.began = began
        self.queue = queue


class Prober:
    """Probes heads over sockets and with programs, on the reactor."""

    log = Logger()

    def __init__(self, reactor: Any, *, max_probes: int, max_programs: int) -> None:
        """Prepare; the reactor's `seconds` must be monotonic.

        At most `max_probes` connections and `max_programs` programs run at a time.  A connection
        uses one file descriptor, a program two.
        """
        self._reactor = reactor
        self._poller = Poller(reactor)
        self._trust = Trust(reactor.seconds)
        self._queues = {Lane.CONNECTIONS: _Queue(max_probes), Lane.PROGRAMS: _Queue(max_programs)}
        self._running: dict[int, _Running] = {}
        self._deadlines = Deadlines()
        self._number = 0
        self._look: IDelayedCall | None = None
        self._say_again = 0.0
        self._shortage: str | None = None
        self._stopped = False

    @property
    def shortage(self) -> str | None:
        """Why probes wait though there are places: what this process has no more of; else None."""
        return self._shortage if self.waiting else None

    @property
    def running(self) -> int:
        """How many probes run."""
        return len(self._running)

    @property
    def waiting(self) -> int:
        """How many probes wait for a place."""
        return sum(len(queue.waiting) for queue in self._queues.values())

    def probe(self, target: ProbeTarget, done: Done) -> None:
        """Probe a head and call `done` once, after this has returned.

        `done` is called within the check's time-out (plus 10 ms, if nothing else keeps the process
        busy), counted from when the probe gets a place; waiting probes get places in order.
        A probe for which this process has no descriptor left waits as if there were no place; that
        is logged, and does not count as a failure of the head.
        Time in which this process stood still is added to the time-out, because it is not the
        head's fault.
        """
        if self._stopped:
            return
        queue = self._queues[PROBE_KINDS[target.check.kind].lane]
        queue.waiting.append((target, done))
        self._begin_some(queue)

    def allow(self, probes: int) -> None:
        """Have at most N `probes` over sockets at a time; others wait for a place."""
        self._queues[Lane.CONNECTIONS].places = probes

    def stop(self) -> None:
        """End every probe; no `done` is called any more."""
        if self._stopped:
            return
        self._stopped = True
        if self._look is not None and self._look.active():
            self._look.cancel()
        for queue in self._queues.values():
            queue.waiting.clear()
            if queue.again is not None and queue.again.active():
                queue.again.cancel()
        for running in self._running.values():
            running.probe.close()
        self._running.clear()
        self._poller.close()

    def _begin_some(self, queue: _Queue) -> None:
        """Give free places to waiting probes."""
        while queue.waiting and queue.running < queue.places and not self._stopped:
            try:
                self._begin(queue, *queue.waiting[0])
            except NoRoom as why:
                self._wait_for_room(queue, why)
                return
            queue.waiting.popleft()
            self._shortage = None

    def _wait_for_room(self, queue: _Queue, why: NoRoom) -> None:
        """Try again after a while, or as soon as a probe has ended."""
        now = self._reactor.seconds()
        self._shortage = str(why)
        if now >= self._say_again:
            self._say_again = now + _SAY_AGAIN
            self.log.warn("probes have to wait, there is no room for more: {why}", why=why)
        if queue.again is None or not queue.again.active():
            queue.again = self._reactor.callLater(_ROOM, self._begin_some, queue)

    def _begin(self, queue: _Queue, target: ProbeTarget, done: Done) -> None:
        self._number = number = self._number + 1
        ended = partial(self._end, number)
        probe = PROBE_KINDS[target.check.kind].make(target, self._poller, self._trust, ended)
        now = self._reactor.seconds()
        try:
            verdict = probe.begin()
        except NoRoom:
            raise
        except Exception:
            self.log.failure("a defect in failoverdns")
            verdict = ProbeVerdict(Cause.UNREACHABLE, "a defect in failoverdns: its log has more")
        self._running[number] = _Running(probe, done, now, queue)
        queue.running += 1
        if verdict is not None:
            self._reactor.callLater(0, self._end, number, verdict)
            return
        self._deadlines.note(number, now + target.check.timeout)
        if self._look is None:
            self._look_again()

    def _end(self, number: int, verdict: ProbeVerdict) -> None:
        """Report the verdict of a probe, and let another one begin."""
        running = self._running.pop(number, None)
        if running is None:
            return
        self._deadlines.drop(number)
        running.queue.running -= 1
        seconds = self._reactor.seconds() - running.began
        try:
            running.done(ProbeResult(verdict.cause, verdict.detail, seconds))
        except Exception:
            self.log.failure("a defect in failoverdns")
        self._begin_some(running.queue)

    def _look_again(self) -> None:
        """Schedule the next check of the deadlines."""
        at = self._deadlines.next()
        if at is None:
            self._look = None
            return
        wait = min(_LOOK, max(_SHORTEST, at - self._reactor.seconds()))
        self._look = self._reactor.callLater(wait, self._give_up, self._reactor.seconds() + wait)

    def _give_up(self, due: float) -> None:
        """Give up the probes whose time is up; `due` is when this call was scheduled for."""
        late = self._reactor.seconds() - due
        if late > _STALL:
            self._deadlines.postpone(late)
        for number in self._deadlines.passed(self._reactor.seconds()):
            running = self._running.get(number)
            if running is not None:
                self._end(number, running.probe.give_up())
        if not self._stopped:
            self._look_again()
