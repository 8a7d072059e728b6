"""One request of HTTP and its reply, as values.

The protocol is read and written elsewhere (`web.channel`); what a request asks of the control
process is made in `web.requests`.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass, field
from typing import Final

from failoverdns.model.change import Json

JSON: Final = "application/json"

_NONE: Final = re.compile(r"q\s*=\s*0(\.0{0,3})?", re.ASCII)

Ask = Callable[[Mapping[str, Json]], Awaitable[dict[str, Json]]]
"""Has the control process carry out a request, and returns its reply, also one with an error.

The token of the HTTP request gives the command.  Raises Problem if there is no reply.
"""


@dataclass(frozen=True, slots=True)
class WebRequest:
    """A request whose head and body were read.

    `path` is decoded, without the query; `query` has names and values in their order.  `fields` are
    header fields, by names in lower case, a value for each line.  `address` is that of the client,
    which a trusted proxy may have reported.
    """

    method: str
    path: str
    query: tuple[tuple[str, str], ...] = ()
    fields: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    body: bytes = b""
    address: str = ""
    is_new: bool = True
    """Whether it was sent over HTTP/1.1, and not 1.0."""

    @property
    def only_head(self) -> bool:
        """Whether the client wants the head of the response, and no body."""
        return self.method == "HEAD"

    def field_lines(self, name: str) -> tuple[str, ...]:
        """Return the values of a header field, one for each line."""
        return self.fields.get(name, ())

    def has_token(self, name: str, token: str) -> bool:
        """Return whether a header field, a list, has a token in it that is not excluded by `q=0`.

        RFC 9110 section 12.4.2.
        """
        for word in ", ".join(self.field_lines(name)).lower().split(","):
            found, _, parameters = word.partition(";")
            if found.strip() == token:
                return not _NONE.fullmatch(parameters.strip())
        return False


@dataclass(frozen=True, slots=True)
class WebReply:
    """A whole response."""

    status: int
    body: bytes = b""
    media_type: str = JSON
    fields: Mapping[str, str] = field(default_factory=dict)
