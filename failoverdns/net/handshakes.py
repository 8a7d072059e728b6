"""TLS handshakes take turns, and no more of the process's time than they may.

The process that makes them also carries out commands, and answers DNS without workers, so a turn of
the reactor begins only a few of them.  The time counts that passes, not that of the processor: on a
busy machine handshakes are what there is less of.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Any, Final, ParamSpec, Protocol

from twisted.internet.interfaces import IDelayedCall

from failoverdns.net.budgets import TimeBudget, Turns
from failoverdns.net.places import Origin

TURN: Final = 0.002
"""Seconds for handshakes that begin in one turn of the reactor."""

Given = ParamSpec("Given")


class Beginning(Hashable, Protocol):
    """A connection whose handshake is about to begin, or has begun."""

    origin: Origin
    """Its network and address."""
    is_known: bool
    """Whether its address showed a valid certificate lately."""

    def begin(self) -> None:
        """Begin the handshake: it is this connection's turn."""


class Handshakes:
    """The handshakes that wait for their turn, and what all have used."""

    def __init__(self, clock: Any, spent: Callable[[], float]) -> None:
        """Take turns on `clock`; `spent` returns the seconds of another clock, a precise one."""
        self._clock = clock
        self._spent = spent
        self._budget = TimeBudget()
        self._turns: Turns[Beginning] = Turns()
        self._next: IDelayedCall | None = None

    def wait_for_turn(self, one: Beginning) -> None:
        """Begin a handshake when it is its turn; a known address has a turn of its own."""
        network, address = one.origin
        self._turns.enter(one, address if one.is_known else network, is_known=one.is_known)
        if self._next is None:
            self._next = self._clock.callLater(0, self.take_turns)
        elif one.is_known:
            self._next.reset(0)

    def leave(self, one: Beginning) -> None:
        """Let a handshake wait no longer, if it does."""
        self._turns.leave(one)

    def charge(
        self,
        one: Beginning,
        work: Callable[Given, object],
        *given: Given.args,
        **named: Given.kwargs,
    ) -> None:
        """Do some work of a handshake, and charge what it takes."""
        begin = self._spent()
        work(*given, **named)
        took = self._spent() - begin
        self._budget.charge(self._clock.seconds(), took, is_known=one.is_known)

    def take_turns(self) -> None:
        """Begin handshakes for as long as one turn of the reactor and the budget allow."""
        self._next = None
        begin = self._spent()
        while True:
            now = self._clock.seconds()
            only_known = self._budget.wait(now, is_known=False) > 0
            if only_known and self._budget.wait(now, is_known=True) > 0:
                break
            turn = self._turns.next(only_known=only_known)
            if turn is None:
                break
            self.charge(turn.one, turn.one.begin)
            if self._spent() - begin >= TURN:
                break
        if self._turns:
            wait = self._budget.wait(self._clock.seconds(), is_known=self._turns.has_known)
            self._next = self._clock.callLater(wait, self.take_turns)
