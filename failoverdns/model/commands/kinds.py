"""The three kinds of commands; every command says which one it is, by its base class.

The kind decides the corridor: mutations go through the ledger, actions have an effect outside the
state, and reading commands can be repeated at will.  Among the mutations, automatic switches and
observations are carried out even while the state cannot be written.
"""

from __future__ import annotations

from enum import Enum


class Unrecorded(Enum):
    """Whether a mutation is carried out while the state cannot be written.

    Such a step is recorded in the history when the state can be written again.
    """

    REFUSED = "refused: a command by hand, or one that must be on disk before anything else"
    LIMITED = "carried out, up to a number of steps: an automatic switch"
    ALWAYS = "carried out, and summarized after that number: an observation"


class Mutation:
    """A command that changes the state: it goes through the ledger, and history records it."""

    __slots__ = ()

    @property
    def unrecorded(self) -> Unrecorded:
        """Whether the command is carried out while the state cannot be written."""
        return Unrecorded.REFUSED

    @property
    def is_patient(self) -> bool:
        """Whether the command lets all others go first, as a dynamic update does."""
        return False

    @property
    def work(self) -> int:
        """How much work the command is, in small commands."""
        return 1


class AutomaticSwitch(Mutation):
    """A mutation by which the server itself switches groups, or prepares to."""

    __slots__ = ()

    @property
    def unrecorded(self) -> Unrecorded:
        """Carried out, up to a number of steps."""
        return Unrecorded.LIMITED


class Observation(Mutation):
    """A mutation that records what the server observed."""

    __slots__ = ()

    @property
    def unrecorded(self) -> Unrecorded:
        """Carried out, and summarized after a number of steps."""
        return Unrecorded.ALWAYS


class Action:
    """A command with an effect outside the state, which it leaves as it is."""

    __slots__ = ()


class ReadCommand:
    """A command that only reads."""

    __slots__ = ()


Command = Mutation | Action | ReadCommand
