"""Measure how many bytes each kind of change adds to the state file.

Each row is the growth of the file by many equal changes, indexes included, divided by their number.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import tempfile
import time
from collections.abc import Callable, Coroutine
from dataclasses import replace
from ipaddress import IPv4Address
from pathlib import Path
from random import Random
from typing import Any

from measuring import machine, print_table

from failoverdns.changes.batch import Done, Outcome, Submission
from failoverdns.changes.ledger import Ledger
from failoverdns.changes.state import State
from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.certificate import Bundle, Facts, Secret
from failoverdns.model.change import Change, Write
from failoverdns.model.commands import Mutation
from failoverdns.model.commands.applications import SetHead
from failoverdns.model.commands.certificates import InstallCertificate
from failoverdns.model.commands.groups import AddGroup, Switch
from failoverdns.model.commands.health import LearnHealth
from failoverdns.model.health import Cause, Check, CheckKind, Health, Observed
from failoverdns.model.names import DomainName
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.principal import unix_principal
from failoverdns.model.zone import NameServer, Zone
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.store.vault import Vault

ORIGIN = DomainName.from_text("failover.test")
ZONE = Zone(ORIGIN, (NameServer(ORIGIN.child("ns1")),), ORIGIN.child("hostmaster"), 60, 60)
WHO = unix_principal(0, 4711, "failoverdns")
SETTINGS = AutomationSettings((Check("web", CheckKind.TCP, 80),))
SIZES = (10, 100, 300, 1000)
GROUPS = tuple(f"group{number}" for number in range(20))


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--changes", type=int, default=200, help="changes of each kind (200)")
    count = parser.parse_args().changes
    with tempfile.TemporaryDirectory() as name:
        rows = asyncio.run(Server(Path(name) / "state.db").measure(count))
    print_table([("change", "bytes"), *rows])
    print(f"machine: {machine()}")


async def directly(call: Callable[[], Any]) -> Any:
    """Make a blocking call here and now."""
    return call()


def at_once(coroutine: Coroutine[Any, Any, None]) -> None:
    """Run a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration:
        return
    raise RuntimeError("the coroutine waits")


class Server:
    """A ledger over a state file, with groups and applications of several sizes."""

    def __init__(self, path: Path) -> None:
        self.path = path
        self.store = SQLiteStore(path, directly, Vault(path.with_suffix(".key")))

    async def measure(self, count: int) -> list[tuple[str, str]]:
        """Return a row for each kind of change."""
        await self.store.load()
        await self.store.commit(0, [self._creation()])
        loaded = await self._again()
        self.ledger = Ledger(
            State(loaded.revision, loaded.entities, (ZONE,), SETTINGS),
            self.store,
            publish=lambda delta: None,
            keep=lambda step: None,
            forget=lambda: None,
            visible=self._visible,
            announce=lambda change: None,
            announce_unrecorded=lambda step: None,
            outage_began=lambda outage: None,
            outage_ended=lambda outage, revision: None,
            spawn=at_once,
            now=time.time,
            random=Random(0),
            steady=time.monotonic,
            retry=lambda: None,
        )
        for group in GROUPS:
            self._do(AddGroup(group, primary="app10", backup="app100"))
        rows = [
            ("switch of a group", self._bytes(count, lambda n: Switch(GROUPS[:1]))),
            ("switch of 20 groups in one command", self._bytes(count, lambda n: Switch(GROUPS))),
            ("switch with an op_id", self._bytes(count, lambda n: Switch(GROUPS[:1]), op_id=True)),
            ("certificate", self._bytes(count, _certificate)),
        ]
        for size in SIZES:
            name = f"one of {size:,} heads"
            rows.append((f"health of {name}", self._bytes(count, _health_of(size))))
            rows.append((f"address of {name}", self._bytes(count, _address_of(size))))
        return [(name, f"{found:,.0f}") for name, found in rows]

    async def _again(self) -> Any:
        await self.store.close()
        return await self.store.load()

    async def _visible(self) -> None:
        return None

    def _creation(self) -> Change:
        writes = tuple(
            Write(
                None,
                Application(
                    f"app-{size:010}",
                    f"app{size}",
                    None,
                    tuple(
                        Head(
                            f"web{number}",
                            HeadRole.WEB_SERVER,
                            (IPv4Address(0x0A000000 + number),),
                            observed=Observed(Health.UP, 1795888181.25 + number),
                        )
                        for number in range(size)
                    ),
                    None,
                    checks=("web",),
                ),
            )
            for size in SIZES
        )
        return Change(1, time.time(), WHO, {"command": "create"}, (), (), writes)

    def _bytes(self, count: int, make: Callable[[int], Mutation], op_id: bool = False) -> float:
        """Return how much the file grows by a change, the mean of `count`."""
        for number in range(20):  # so that the file has the free pages that it needs
            self._do(make(count + number))
        self._fold()
        before, revision = self._size(), self.ledger.state.revision
        for number in range(count):
            self._do(make(number), f"deploy-2026-{revision}-{number}" if op_id else None)
        self._fold()
        return (self._size() - before) / count

    def _do(self, command: Mutation, op_id: str | None = None) -> None:
        outcomes: list[Outcome] = []
        given: dict[str, Any] = {"command": type(command).__name__.lower()}
        if isinstance(command, Switch):
            given["groups"] = list(command.groups)
        self.ledger.submit(Submission(command, WHO, given, outcomes.append, op_id, str(given)))
        if not isinstance(outcomes[0], Done):
            raise RuntimeError(f"{command}: {outcomes[0]}")

    def _fold(self) -> None:
        """Fold the write-ahead log into the file."""
        connection = self.store._file.connection
        assert connection is not None
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")

    def _size(self) -> int:
        return self.path.stat().st_size


def _health_of(size: int) -> Callable[[int], Mutation]:
    """Return a function that makes a head of an application flap."""
    up = Observed(Health.UP, 1795888181.25)
    down = Observed(Health.DOWN, 1795888190.75, Cause.TIMEOUT, "no answer within 2 s")

    def learn(number: int) -> Mutation:
        seen = (down, up)[number % 2]
        return LearnHealth(f"app-{size:010}", (("web5", replace(seen, since=seen.since + number)),))

    return learn


def _address_of(size: int) -> Callable[[int], Mutation]:
    """Return a function that gives a head of an application another address each time."""
    return lambda number: SetHead(f"app{size}", "web5", (IPv4Address(0x0B000000 + number),))


def _certificate(number: int) -> Mutation:
    id_ = hashlib.sha256(str(number).encode()).hexdigest()
    dice = Random(number)
    body = "".join(dice.choices("ABCDEFabcdef0123456789+/", k=3200))
    facts = Facts(
        bundle=id_,
        fingerprint=id_,
        names=("www.shop.example", "shop.example"),
        issuer="CN=R11,O=Let's Encrypt,C=US",
        key_type="ECDSA P-256",
        not_before=1795888181.0 + number,
        not_after=1803664181.0 + number,
        length=2,
        self_signed=False,
        renewal_id=None,
    )
    return InstallCertificate("app10", Bundle(id_, body, Secret(body[:240])), facts)


if __name__ == "__main__":
    main()
