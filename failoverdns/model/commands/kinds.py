"""The three kinds of commands; every command says which one it is, by its base class.

The kind decides the corridor: mutations go through the ledger, actions have an effect outside the
state, and reading commands can be repeated at will.
"""

from __future__ import annotations


class Mutation:
    """A command that changes the state: it goes through the ledger, and history records it."""

    __slots__ = ()


class Action:
    """A command with an effect outside the state, which it leaves as it is."""

    __slots__ = ()


class ReadCommand:
    """A command that only reads."""

    __slots__ = ()


Command = Mutation | Action | ReadCommand
