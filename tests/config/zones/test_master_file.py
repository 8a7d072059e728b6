"""A zone file of another server is taken apart into what a configuration has, and its records."""

from __future__ import annotations

from ipaddress import ip_address
from pathlib import Path

import pytest

from failoverdns.config.zones.master_file import MasterFile, read_master_file
from failoverdns.model.names import DomainName

TEXT = """$TTL 1h
{origin}
@       IN SOA ns1 dns\\.team ( 7 6h 1h 1w 1d )
        IN NS  ns1
        IN NS  ns2.example.net.
ns1     IN A   192.0.2.53
        IN AAAA 2001:db8::53
        IN TXT "here"
www     IN A   192.0.2.2
"""


def found(folder: Path, text: str, origin: str | None = None) -> MasterFile:
    """Read a file of this text."""
    path = folder / "z"
    path.write_text(text)
    return read_master_file(path, DomainName.from_text(origin) if origin else None)


@pytest.mark.parametrize(
    ("line", "origin"), [("", "shop.example"), ("$ORIGIN shop.example.", None)]
)
def test_a_file_is_taken_apart(tmp_path: Path, line: str, origin: str | None) -> None:
    """Its SOA record and name servers are where a configuration has them."""
    zone = found(tmp_path, TEXT.format(origin=line), origin)
    assert zone.errors == ()
    assert str(zone.origin) == "shop.example"
    assert zone.soa is not None
    assert (zone.soa.serial, zone.soa.refresh, zone.negative_ttl) == (7, 21600, 3600)
    assert [(str(s.name), s.addresses) for s in zone.nameservers] == [
        ("ns1.shop.example", (ip_address("192.0.2.53"), ip_address("2001:db8::53"))),
        ("ns2.example.net", ()),
    ]
    assert [(str(r.owner), r.type_text, r.ttl) for _, r in zone.records] == [
        ("ns1.shop.example", "TXT", 3600),
        ("www.shop.example", "A", 3600),
    ]


def test_the_origin_may_be_the_absolute_owner_of_the_soa_record(tmp_path: Path) -> None:
    """Without a `$ORIGIN`; with neither, the file does not say which zone it is."""
    text = TEXT.format(origin="").replace("@ ", "shop.example.")
    assert str(found(tmp_path, text).origin) == "shop.example"
    (error,) = found(tmp_path, TEXT.format(origin="")).errors
    assert "the name of the zone is not in the file" in str(error)


def test_all_errors_come_with_their_place(tmp_path: Path) -> None:
    """Those of single records, and of records that cannot exist together."""
    more = "www CNAME a\nbad A x\n@ NS ns3\n"
    zone = found(tmp_path, TEXT.format(origin="$ORIGIN shop.example.") + more)
    assert [(error.line, error.column) for error in zone.errors] == [(10, 1), (11, 1), (12, 1)]
    assert all(error.file == str(tmp_path / "z") for error in zone.errors)


def test_a_file_that_cannot_be_read_is_an_error(tmp_path: Path) -> None:
    """Nothing is raised."""
    (error,) = read_master_file(tmp_path / "nothing").errors
    assert error.message == "cannot be read: No such file or directory"
