"""Dynamic updates in the transfer process: passed on to the control process, and answered.

    verified UPDATE -> limits -> call UPDATE -> rcode -> reply

Only the control process changes the state.  What waits for it is bounded, for all clients together
and for each key by a rate: a key that sends more gets SERVFAIL, upon which clients try again later.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Callable
from typing import Any, Final

from twisted.internet.defer import Deferred, succeed
from twisted.python.failure import Failure

from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode
from failoverdns.net.token_bucket import TokenBuckets
from failoverdns.protocol.tsig import Verified
from failoverdns.protocol.update import update_reply
from failoverdns.transfers.calls import CallBack
from failoverdns.transfers.interface import CallControl

MOST_WAITING: Final = 100
"""Updates that may wait for the control process."""

MOST_BYTES: Final = 1 << 18
"""Bytes of these updates, unless a single one has more."""

RATE: Final = 50.0
"""Updates of a key in a second, on average."""

DEPTH: Final = 200.0
"""Updates of a key in one piece: a client may have many to make when it starts."""


class Updating:
    """Passes updates on to the control process."""

    def __init__(self, call: CallControl, seconds: Callable[[], float]) -> None:
        """Call the control process by `call`; `seconds` is a clock that is never adjusted."""
        self._call = call
        self._seconds = seconds
        self._rates: TokenBuckets[bytes] = TokenBuckets(RATE, DEPTH)
        self._waiting = 0
        self._bytes = 0
        self.limited = 0
        """Updates that were answered with SERVFAIL, because there were too many."""

    def update(self, verified: Verified, host: str) -> Deferred[bytes]:
        """Carry out an UPDATE message of a client; return the reply, which is not signed yet.

        `host` is the address of the client.  The reply is SERVFAIL if the control process is away.
        """
        message = verified.message
        if not self._has_room(message) or not self._rates.take(verified.key.name, self._seconds()):
            self.limited += 1
            return succeed(update_reply(message, Rcode.SERVFAIL))
        self._waiting += 1
        self._bytes += len(message)
        arguments = {
            "message": b64encode(message).decode("ascii"),
            "key": DomainName(verified.key.name).to_text(),
            "host": host,
            "time": verified.time,
        }
        result: Deferred[Any] = self._call(CallBack.UPDATE, arguments)

        def done(outcome: Any) -> bytes:
            self._waiting -= 1
            self._bytes -= len(message)
            failed = isinstance(outcome, Failure)
            rcode = Rcode.SERVFAIL if failed else Rcode(outcome["rcode"])
            return update_reply(message, rcode)

        return result.addBoth(done)

    def _has_room(self, message: bytes) -> bool:
        """Return whether an update may wait for the control process."""
        if self._waiting >= MOST_WAITING:
            return False
        return not self._waiting or self._bytes + len(message) <= MOST_BYTES
