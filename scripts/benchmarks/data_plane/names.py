"""The names that all servers serve and their answers: as state, as zone file, as addresses.

A group has three names with A and AAAA each; GROUPS_TO_A_PAIR groups share two applications.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from ipaddress import IPv4Address, IPv6Address
from itertools import islice
from pathlib import Path
from typing import Any

from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.change import Change, Write
from failoverdns.model.group import Group, Side
from failoverdns.model.names import DomainName
from failoverdns.model.principal import unix_principal
from failoverdns.store.sqlite import SQLiteStore
from failoverdns.store.vault import Vault

ORIGIN = "failover.test"
GROUPS_TO_A_PAIR = 30
TTL = 60
BATCH = 3000

PREFIXES = {"": 0, "primary.": 0, "backup.": 1}
"""The prefixes of a label, each with the number of the application that is its answer."""


def groups_for(names: int) -> int:
    """Return the smallest number of groups that has at least `names` names."""
    return -(-names // len(PREFIXES))


def label_of(number: int) -> str:
    """Return a label of nine digits, like the default labels of groups."""
    digits = f"{number:09d}"
    return f"{digits[:3]}-{digits[3:6]}-{digits[6:]}"


def addresses_of(group: int, side: int) -> tuple[IPv4Address, IPv6Address]:
    """Return the addresses of the application on one side of a group."""
    index = group // GROUPS_TO_A_PAIR * 2 + side
    return IPv4Address(0x0A000000 + index), IPv6Address(0x20010DB8 << 96 | index)


def write_zone(path: Path, groups: int) -> None:
    """Write the zone file."""
    with path.open("w") as file:
        file.write(
            f"$ORIGIN {ORIGIN}.\n$TTL {TTL}\n"
            f"@ IN SOA ns1 hostmaster 1 3600 600 1209600 {TTL}\n@ IN NS ns1\nns1 IN A 127.0.0.1\n"
        )
        for group in range(groups):
            label = label_of(group)
            for prefix, side in PREFIXES.items():
                ipv4, ipv6 = addresses_of(group, side)
                file.write(f"{prefix}{label} IN A {ipv4}\n{prefix}{label} IN AAAA {ipv6}\n")


async def write_state(path: Path, groups: int) -> None:
    """Write the state with the real store."""

    async def at_once(call: Callable[[], Any]) -> Any:
        return call()

    store = SQLiteStore(path, at_once, Vault(path.with_name(path.name + ".key")))
    await store.load()
    revision, writes = 0, _writes(groups)
    while batch := tuple(islice(writes, BATCH)):
        who = unix_principal(0, 0, "benchmark")
        change = Change(revision + 1, 0.0, who, {"command": "benchmark"}, (), (), batch)
        await store.commit(revision, [change])
        revision += 1
    await store.close()


def _writes(groups: int) -> Iterator[Write]:
    zone = DomainName.from_text(ORIGIN)
    for number in range(groups):
        pair = number // GROUPS_TO_A_PAIR
        if number % GROUPS_TO_A_PAIR == 0:
            for side in (0, 1):
                head = Head("lb", HeadRole.LOAD_BALANCER, addresses_of(number, side))
                name = f"{pair}-{side}"
                application = Application(f"app-{name}", f"a{name}", None, (head,), "lb")
                yield Write(None, application)
        yield Write(
            None,
            Group(
                f"grp-{number}",
                f"g{number}",
                zone,
                label_of(number),
                f"app-{pair}-0",
                f"app-{pair}-1",
                Side.PRIMARY,
                TTL,
                revision=1,
            ),
        )
