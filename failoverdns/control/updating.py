"""Dynamic updates on their way to the ledger: a verified UPDATE message in, a response code out.

    message, key, host, time -> read -> ledger -> rcode

The transfer process has verified the signature and passes the message on without it.  Here it is
read, submitted in the name of its key, and answered when the change is on disk and every answering
process serves it.

A message that arrives a second time, because a client repeats it or somebody replays it, is not
carried out again: it gets the earlier reply.  It is recognized by its content and the time of its
signature, not by its MAC, which may be truncated (RFC 8945 section 5.2.2.1).
"""

from __future__ import annotations

from base64 import b64decode
from collections import OrderedDict
from collections.abc import Callable, Mapping
from hashlib import sha256
from typing import Any, Final

from failoverdns.changes.batch import Done, Outcome, Submission
from failoverdns.changes.ledger import Ledger
from failoverdns.model.commands.updates import UpdateZone
from failoverdns.model.errors import Rejected
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode
from failoverdns.model.principal import Principal, tsig_principal
from failoverdns.model.printable import printable
from failoverdns.model.zone_update import NotUpdated
from failoverdns.protocol.update import read_update
from failoverdns.rules.reports.update_words import update_in_words

QUIET: Final = 60.0
"""Seconds in which only the first refusal of a key is logged; the others are counted."""

MAX_NAMED: Final = 1000
"""Keys whose refusals are counted one by one."""

REMEMBERED: Final = 900.0
"""Seconds for which a message is recognized; a signature is valid for 600 seconds at most."""

LONGEST: Final = 300
"""Characters of the reason in a log line, at most."""

_PREREQUISITES: Final = frozenset((Rcode.NXDOMAIN, Rcode.YXDOMAIN, Rcode.NXRRSET, Rcode.YXRRSET))
"""Response codes of prerequisites that do not hold, which is an ordinary answer to a client."""

_SERVER_FAULTS: Final = frozenset(("busy", "unavailable", "unknown-outcome", "corrupt"))


class Updating:
    """Carries out the updates that the transfer process passes on."""

    def __init__(
        self, ledger: Ledger, steady: Callable[[], float], log: Callable[[str], None]
    ) -> None:
        """Log refusals with `log`; `steady` returns seconds of a clock that is never adjusted."""
        self._ledger = ledger
        self._steady = steady
        self._log = log
        self._logged: OrderedDict[str, tuple[float, int]] = OrderedDict()
        """For each key when a refusal was logged, and how many were not since."""

    def carry_out(
        self, arguments: Mapping[str, Any], reply: Callable[[dict[str, Any]], None]
    ) -> None:
        """Carry out an update; `reply` is called once, with the `rcode`.

        `arguments` are `message` (base64, without TSIG), `key` (its name), `host` (the address of
        the client) and `time` (seconds since 1970, of the signature).
        """
        message, key = b64decode(arguments["message"]), DomainName.from_text(arguments["key"])
        principal = tsig_principal(key.to_text(), str(arguments["host"]))

        def done(outcome: Outcome) -> None:
            if isinstance(outcome, Rejected) and _rcode(outcome) not in _PREREQUISITES:
                self._note(principal, outcome)
            reply({"rcode": int(_rcode(outcome))})

        try:
            update = read_update(message)
        except NotUpdated as refusal:
            done(refusal)
            return
        identity = sha256(b"%d %b" % (int(arguments["time"]), message)).hexdigest()[:32]
        submission = Submission(
            command=UpdateZone(key, update),
            principal=principal,
            given=update_in_words(update),
            reply=done,
            op_id=f"update-{identity}",
            request=identity,
            kept=REMEMBERED,
        )
        self._ledger.submit(submission)

    def _note(self, principal: Principal, refusal: Rejected) -> None:
        """Log a refusal unless one of the same key was logged just now."""
        now = self._steady()
        at, left_out = self._logged.pop(principal.name, (-QUIET, 0))
        if now - at < QUIET:
            self._logged[principal.name] = at, left_out + 1
            return
        before = f" ({left_out} more since the last such line)" if left_out else ""
        text = printable(refusal.message, LONGEST)
        self._log(f"{_rcode(refusal).name} to an update of {principal.origin}: {text}{before}")
        self._logged[principal.name] = now, 0
        if len(self._logged) > MAX_NAMED:
            self._logged.popitem(last=False)


def _rcode(outcome: Outcome) -> Rcode:
    match outcome:
        case Done():
            return Rcode.NOERROR
        case NotUpdated(rcode=rcode):
            return rcode
        case Rejected(code=code) if code in _SERVER_FAULTS:
            return Rcode.SERVFAIL
        case Rejected():
            return Rcode.REFUSED
