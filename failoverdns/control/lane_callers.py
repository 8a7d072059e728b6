"""The first line of a request on a lane: the caller, whose request the web process passes on.

    {"token": ID, "digest": HEX, "address": TEXT, "if_match": N}   a client that showed a token
    {"internal": "events"}, {"internal": "metrics"}                the web process itself

`if_match` is the revision that the client demands, if it does.  Nothing in the line is trusted but
what `TokenCallers` finds right in the state.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, Protocol

from failoverdns.control.caller import Caller
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.principal import Principal
from failoverdns.model.roles import Grant, Rights, Role

MAX_CALLER: Final = 4096
"""Bytes of the line, at most."""

INTERNAL: Final[Mapping[str, str]] = {"events": "watch", "metrics": "stats"}
"""The words of the one command that each internal caller may give."""

_MAY_READ: Final = Rights((Grant(Role.VIEWER),))
_FIELDS: Final = frozenset(("token", "digest", "address", "if_match"))


class TokenHolders(Protocol):
    """The tokens of the state, as lanes use them."""

    def caller(self, token_id: str, digest: bytes, address: str) -> Caller:
        """Return the caller with a token, at an address; raises Rejected `forbidden`."""


@dataclass(frozen=True, slots=True)
class Asked:
    """The caller of a request, and the revision that it demands of the state; None for any."""

    caller: Caller
    expected: int | None = None


class LaneCallers:
    """Reads the callers of requests."""

    def __init__(self, holders: TokenHolders, own: Principal) -> None:
        """Find tokens in `holders`; `own` is the principal of this server itself."""
        self._holders = holders
        self._own = own

    def read(self, line: bytes) -> Asked:
        """Return what a line says; raises Malformed if the web process must not have sent it.

        A token that is not right gives a caller to whom every command is forbidden.
        """
        try:
            fields = json.loads(line)
        except (ValueError, RecursionError):
            raise Malformed("a caller that is not JSON") from None
        match fields:
            case {"internal": str(name), **rest} if name in INTERNAL and not rest:
                return Asked(Caller(self._own, lambda: _MAY_READ, frozenset((INTERNAL[name],))))
            case {"token": str(id_), "digest": str(digest), "address": str(address)}:
                expected = fields.get("if_match")
                if fields.keys() - _FIELDS or (expected is not None and type(expected) is not int):
                    raise Malformed("a caller with unknown fields")
                return Asked(self._of_token(id_, digest, address), expected)
        raise Malformed("a caller without a token")

    def _of_token(self, id_: str, digest: str, address: str) -> Caller:
        try:
            return self._holders.caller(id_, bytes.fromhex(digest), address)
        except ValueError:
            raise Malformed("a digest that is not in hex digits") from None
        except Rejected as fault:
            refusal = fault

        def rights() -> Rights:
            raise refusal

        return Caller(self._own, rights)
