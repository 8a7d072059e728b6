"""A group with certificates over the real ledger, and a listener that gets each change."""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

from authority import Issued
from corridors import ZONE, Corridor, build_shop
from driving import run

from failoverdns.model.change import Change
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.certificates import InstallCertificate
from failoverdns.model.commands.groups import Switch
from failoverdns.model.commands.server import Configure
from failoverdns.pki.certificates import read_bundle


class Shop:
    """The group `shop` with `eu` (active) and `us`; `announce` gets each later change."""

    def __init__(self) -> None:
        self.corridor = Corridor()
        self.corridor.now = time.time()
        self.corridor.do(Configure((ZONE,)))
        build_shop(self.corridor)
        self.state = self.corridor.ledger.state
        self.store = self.corridor.store
        self.announce: Callable[[Change], None] = lambda change: None

    def do(self, *given: Mutation) -> Sequence[Change]:
        """Carry out commands; then announce all of their changes and return them."""
        revision = self.state.revision
        for command in given:
            self.corridor.do(command)
        changes = run(self.store.changes_after(revision))
        for change in changes:
            self.announce(change)
        return changes

    def install(self, application: str, issued: Issued) -> Sequence[Change]:
        """Install a certificate for an application."""
        bundle, facts = read_bundle(issued.chain, issued.key)
        return self.do(InstallCertificate(application, bundle, facts))

    def switch(self, times: int = 1) -> Sequence[Change]:
        """Switch the group to its other side, this number of times."""
        return self.do(*[Switch(("shop",))] * times)
