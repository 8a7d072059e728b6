"""Commands that the server gives itself: after a reload, for certificates, in automation.

They change the state as the commands of an operator do, and are in the history with the server's
own user as the principal.
"""

from __future__ import annotations

import os
import pwd
from contextlib import suppress
from functools import cache

from twisted.internet.defer import Deferred
from twisted.logger import Logger

from failoverdns.changes.batch import Outcome, Submission
from failoverdns.changes.ledger import Ledger
from failoverdns.model.commands import Mutation
from failoverdns.model.errors import Rejected
from failoverdns.model.principal import Principal, unix_principal

log = Logger()


def submit(ledger: Ledger, command: Mutation, word: str) -> Deferred[None]:
    """Submit an internal command, `word` in the history, to the ledger; fails with Rejected.

    Warnings in its result are logged.
    """
    done: Deferred[None] = Deferred()

    def reply(outcome: Outcome) -> None:
        if isinstance(outcome, Rejected):
            done.errback(outcome)
            return
        warnings = outcome.result.get("warnings")
        for text in warnings if isinstance(warnings, list) else ():
            log.warn("{text}", text=text)
        done.callback(None)

    ledger.submit(Submission(command, own_principal(), {"command": word}, reply))
    return done


def own_principal() -> Principal:
    """Return the principal of this server itself."""
    return unix_principal(os.getuid(), os.getpid(), "failoverdns", _name_of(os.getuid()))


@cache
def _name_of(uid: int) -> str | None:
    """Return the name of the user that the server runs as; None if it has none."""
    with suppress(KeyError):
        return pwd.getpwuid(uid).pw_name
    return None
