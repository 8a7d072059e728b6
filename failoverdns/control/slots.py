"""The places of replies in their order, and who carries the requests out.

`control.conversation` fills the places.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Iterator
from typing import Any, Protocol

from failoverdns.control.caller import Caller
from failoverdns.control.given_file import GivenFile
from failoverdns.control.language.requests import Request
from failoverdns.model.errors import Rejected
from failoverdns.model.principal import Principal

Lines = Iterator[bytes]


class RequestExecutor(Protocol):
    """Carries requests out: one method for each kind of command."""

    def permits(self, request: Request, caller: Caller) -> bool:
        """Return whether the caller may give this command now; a refusal is not counted."""

    def turned_away(self, principal: Principal, refusal: Rejected) -> None:
        """Note that a client was refused before it gave a command."""

    def change(self, request: Request, caller: Caller, reply: Callable[[Lines], None]) -> None:
        """Carry out a Mutation; `reply` is called once."""

    def act(
        self, request: Request, caller: Caller, file: GivenFile | None
    ) -> Coroutine[Any, Any, Lines]:
        """Carry out an Action; `file` came with the request, and is closed in the end."""

    def read(self, request: Request, caller: Caller) -> Coroutine[Any, Any, Lines]:
        """Carry out a ReadCommand."""


class Slot:
    """The place of a reply in the order of replies: empty, or with lines to send."""

    __slots__ = ("file", "is_long", "is_read", "lines", "request", "size")

    def __init__(self, size: int) -> None:
        self.size = size
        """The bytes of the request, or of the event."""
        self.is_long = False
        """Whether the request was a long one."""
        self.is_read = False
        """Whether the request is a command that only reads."""
        self.request: Request | None = None
        """An action or a reading command whose turn has not come."""
        self.lines: Lines | None = None
        self.file: GivenFile | None = None
        """The file that came with the request."""

    def abandon(self) -> None:
        """Note that the client is gone: end what writes to its file."""
        if self.file is not None:
            self.file.abandon()
            if self.request is not None:
                self.file.close()
