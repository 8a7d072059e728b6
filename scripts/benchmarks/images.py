"""Measure the image of a zone: memory, and the time to fill, change and transfer it.

All times are those of one process's own processor time, without any network.
"""

from __future__ import annotations

import argparse
import statistics
import time
from collections.abc import Iterator
from ipaddress import IPv4Address

import dns.message
from measuring import machine, print_table

from failoverdns.model.change import Delta, Node
from failoverdns.model.group import BACKUP_LABEL, PRIMARY_LABEL
from failoverdns.model.names import DomainName
from failoverdns.model.records import A, RRset
from failoverdns.model.zone import NameServer, Zone
from failoverdns.protocol.table.deltas import read_delta, write_delta
from failoverdns.protocol.transfer.messages import axfr_messages
from failoverdns.protocol.transfer.requests import read_transfer_request
from failoverdns.protocol.tsig import Algorithm, ReplySigner, TSIGKey, Verified
from failoverdns.transfers.image import ZoneImage

ORIGIN = DomainName.from_text("failover.test")
ZONE = Zone(ORIGIN, (NameServer(ORIGIN.child("ns1")),), ORIGIN.child("hostmaster"), 60, 60)
ADDRESSES = [(RRset(A, 60, (IPv4Address(0x0A000000 + number),)),) for number in range(1000)]
PART = 1000
"""Groups in a delta while the image is filled."""

CHANGES = 500
NOW = 1_800_000_000


def main() -> None:
    """Measure and print the figures."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--names", type=int, default=1_000_000, help="names of groups (1000000)")
    groups = parser.parse_args().names // 3
    image = ZoneImage(ORIGIN.wire, bytes(range(16)))
    image.apply(read_delta(write_delta(Delta(authorities=(ZONE.start_of_authority(0),)))))
    before, parts = memory(), []
    for delta in deltas(groups):
        began = time.process_time()
        image.apply(read_delta(delta))
        parts.append(time.process_time() - began)
    taken = memory() - before
    began = time.process_time()
    snapshot = image.snapshot()
    of_snapshot = time.process_time() - began
    changes = [change(image, number, groups) for number in range(CHANGES)]
    query = dns.message.make_query("failover.test", "AXFR").to_wire()
    request = read_transfer_request(query)
    key = TSIGKey(b"\3xfr\0", Algorithm.HMAC_SHA256, bytes(32))
    signer = ReplySigner(Verified(key, bytes(32), query, NOW))
    began = time.process_time()
    messages = list(axfr_messages(request, snapshot, signer.size))
    of_messages = time.process_time() - began
    began = time.process_time()
    for message in messages:
        signer.sign(message, NOW)
    of_signatures = time.process_time() - began
    rows = [
        ("names", f"{image.names:,}"),
        ("memory of the image", f"{taken / image.names:.0f} bytes a name"),
        ("filled from deltas", f"{sum(parts):.1f} s, at most {max(parts) * 1e3:.0f} ms a part"),
        ("a snapshot", f"{of_snapshot * 1e3:.2f} ms"),
        ("a switch, median", f"{statistics.median(changes) * 1e3:.2f} ms"),
        ("a switch, p99", f"{statistics.quantiles(changes, n=100)[98] * 1e3:.2f} ms"),
        ("all messages of AXFR", f"{of_messages:.3f} s, {len(messages):,} messages"),
        ("their bytes", f"{sum(map(len, messages)):,}"),
        ("signed with hmac-sha256", f"{of_signatures:.3f} s more"),
    ]
    print_table([("", "figure"), *rows])
    print(f"machine: {machine()}")


def nodes(number: int, active: int) -> Iterator[Node]:
    """Yield the names of a group."""
    label = f"{number // 1_000_000:03}-{number // 1000 % 1000:03}-{number % 1000:03}"
    owner = ORIGIN.child(label)
    sides = ADDRESSES[number % 1000], ADDRESSES[(number + 1) % 1000]
    for name, rrsets in (
        (owner, sides[active]),
        (DomainName(PRIMARY_LABEL + owner.wire), sides[0]),
        (DomainName(BACKUP_LABEL + owner.wire), sides[1]),
    ):
        yield Node(name, ORIGIN, rrsets, 60)


def deltas(groups: int) -> Iterator[bytes]:
    """Yield the names of all groups in parts."""
    for start in range(0, groups, PART):
        some = range(start, min(start + PART, groups))
        yield write_delta(Delta(nodes=tuple(node for n in some for node in nodes(n, 0))))


def change(image: ZoneImage, number: int, groups: int) -> float:
    """Switch a group, and return the seconds that it took."""
    found = tuple(nodes(number * 7919 % groups, 1))
    delta = write_delta(Delta(authorities=(ZONE.start_of_authority(1 + number),), nodes=found))
    began = time.process_time()
    difference = image.apply(read_delta(delta))
    seconds = time.process_time() - began
    assert difference is not None
    assert difference.added
    return seconds


def memory() -> int:
    """Return the resident memory of this process in bytes."""
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096


if __name__ == "__main__":
    main()
