"""Zone files give the same records as with dnspython; every error has its file and line."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import dns.zone
import pytest

from failoverdns.config.errors import ConfigErrors, FaultReport, Place
from failoverdns.config.zones.record_text import type_text
from failoverdns.config.zones.zone_file import LIMITS, read_zone_files
from failoverdns.model.names import DomainName

ORIGIN = DomainName.from_text("failover.test")

WHOLE = r"""
; a comment
$TTL 1h
@	IN	MX	10 mail   ; another
	300	IN TXT	"a;b" "c (d" e
mail	A	192.0.2.1
	AAAA	2001:db8::1
$ORIGIN sub
www	60 CNAME mail.failover.test.
	; nothing
$ORIGIN failover.test.
_443._tcp.www TLSA ( 3 1 1   ; in
  d2abde240d7cd3ee6b4b28c54df034b9
  7983a1d16e8a410e4561cb106618e971
)
odd\.d\000\255 TXT "\"\\\000\255" ( "x"
  "y" )
x TYPE65280 \# 4 0a000001
"""


def read(tmp_path: Path, text: str | bytes, **others: str) -> tuple[list[str], list[str]]:
    """Read a file, with other files beside it; return its records, and its errors."""
    for name, content in others.items():
        tmp_path.joinpath(name).write_text(content)
    path = tmp_path / "zone"
    path.write_bytes(text.encode() if isinstance(text, str) else text)
    report = FaultReport("f")
    records = read_zone_files([(Place(3, 5, "p"), path)], ORIGIN, 60, LIMITS, report)
    errors = []
    try:
        report.raise_if_any()
    except ConfigErrors as faults:
        errors = [str(e).replace(f"{tmp_path}/", "") for e in faults.errors]
    lines = [f"{r.owner} {r.ttl} {r.type_text} {r.data.hex()}" for _, r in records]
    return lines, errors


def test_a_whole_zone_file_gives_the_same_records_as_with_dnspython(tmp_path: Path) -> None:
    """Comments, quotes, parentheses, omitted owners, directives, generated records."""
    lines, errors = read(tmp_path, WHOLE)
    assert errors == []
    judge = dns.zone.from_text(WHOLE, "failover.test.", relativize=False, check_origin=False)
    expected = [
        f"{DomainName(owner.to_wire() or b'')} {rdataset.ttl} {type_text(rdataset.rdtype)} "
        f"{(rdata.to_wire() or b'').hex()}"
        for owner, rdataset in judge.iterate_rdatasets()
        for rdata in rdataset
    ]
    assert sorted(lines) == sorted(expected)
    assert len(lines) == 8


@pytest.mark.parametrize(
    ("line", "owner", "data"),
    [
        ("$GENERATE 1-3 h$ TXT $", ["h1", "h2", "h3"], ["1", "2", "3"]),
        ("$GENERATE 8-12/2 h${-8,3,d} TXT ${0,2,x}", ["h000", "h002", "h004"], ["08", "0a", "0c"]),
        ("$GENERATE 10-10 h$ 60 IN TXT ${0,4,X}$$\\$", ["h10"], ["000A$$"]),
        ("$GENERATE 171-171 ${0,7,n} TXT ${1,2,o}", ["b.a.0.0"], ["254"]),
    ],
)
def test_generated_records_are_numbered(
    tmp_path: Path, line: str, owner: list[str], data: list[str]
) -> None:
    """With the syntax of BIND."""
    lines, errors = read(tmp_path, line)
    assert errors == []
    texts = [bytes([len(text)]) + text.encode() for text in data]
    assert lines == [
        f"{name}.failover.test 60 TXT {text.hex()}" for name, text in zip(owner, texts, strict=True)
    ]


def test_an_included_file_has_its_own_origin_and_the_next_line_has_the_old_one(
    tmp_path: Path,
) -> None:
    """RFC 1035 section 5.1: after it, origin and owner are those before it."""
    inner = "$TTL 5\n@ TXT a\nb TXT b\n$INCLUDE deeper\n"
    lines, errors = read(
        tmp_path,
        "x TXT x\n$INCLUDE inner sub\n TXT y\n$INCLUDE deeper\n",
        inner=inner,
        deeper="c TXT c",
    )
    assert errors == []
    assert [line.rsplit(" ", 2)[0] for line in lines] == [
        "x.failover.test 60",
        "sub.failover.test 5",
        "b.sub.failover.test 5",
        "c.sub.failover.test 5",
        "x.failover.test 60",
        "c.failover.test 60",
    ]


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        (
            "a A 192.0.2.1\n\nb A x\nc MX mail\n",
            [
                "zone:3:1: error: p: the data of the A record is wrong: it is not an address; "
                'write it as in "www A 192.0.2.10"',
                "zone:4:1: error: p: the data of the MX record is wrong: expecting an integer; "
                'write it as in "@ MX 10 mail.example.net."',
            ],
        ),
        (
            "(\n)\n a TXT x",
            ["zone:3:1: error: p: the first record of a file needs an owner name"],
        ),
        (
            "a.example.net. A 192.0.2.1",
            [
                "zone:1:1: error: p: the owner a.example.net is outside the zone failover.test; "
                "a name inside it is written without the trailing dot"
            ],
        ),
        (
            "@ SOA ns h 1 2 3 4 5",
            ["zone:1:1: error: p: the server makes the SOA record itself; leave it out"],
        ),
        ("$ORIGIN", ["zone:1:1: error: p: write $ORIGIN NAME"]),
        ("$ORIGIN a..b", ['zone:1:1: error: p: "a..b" is not a DNS name: it has an empty label']),
        (
            "$TTL soon",
            ['zone:1:1: error: p: "soon" is not a TTL; write seconds from 0 to 2147483647'],
        ),
        ("$HOME x", ['zone:1:1: error: p: "$HOME" is not a directive']),
        ("$INCLUDE", ["zone:1:1: error: p: write $INCLUDE FILE [ORIGIN]"]),
        (
            "$GENERATE 1-2",
            ["zone:1:1: error: p: write $GENERATE FIRST-LAST[/STEP] OWNER [TTL] [IN] TYPE DATA"],
        ),
        (
            "$GENERATE a-b a$ A 192.0.2.1",
            ['zone:1:1: error: p: "a-b" is not a range; write FIRST-LAST[/STEP]'],
        ),
        (
            "$GENERATE 2-1 a$ A 192.0.2.1",
            ['zone:1:1: error: p: "2-1" is empty: FIRST is at most LAST, STEP at least 1'],
        ),
        (
            "$GENERATE 1-3/0 a$ A 192.0.2.1",
            ['zone:1:1: error: p: "1-3/0" is empty: FIRST is at most LAST, STEP at least 1'],
        ),
        (
            "$GENERATE 1-999999999 a$ A 192.0.2.1",
            ['zone:1:1: error: p: "1-999999999" makes 999999999 records, over 100000'],
        ),
        (
            "$GENERATE 1-2 a${x} A 192.0.2.1",
            ['zone:1:1: error: p: "${x}" is invalid; write ${OFFSET,WIDTH,BASE}'],
        ),
        (
            "$GENERATE 1-2 a${-2} A 192.0.2.1",
            ['zone:1:1: error: p: "${-2}" gives -1, which is negative'],
        ),
        (
            "$INCLUDE zone",
            ["zone:1:1: error: p: files include each other more than 8 deep; is it a circle?"],
        ),
        (
            "$INCLUDE nothing",
            ["zone:1:1: error: p: nothing cannot be read: No such file or directory"],
        ),
        (b"a TXT x\n\xff", ["f:3:5: error: p: zone:2 is not UTF-8; write other bytes as \\DDD"]),
        ("a TXT \xe4", []),
        ("\xe4 TXT x", None),
    ],
)
def test_every_error_is_reported_with_file_and_line(
    tmp_path: Path, text: str | bytes, errors: list[str] | None
) -> None:
    """All of them at once, each with a correct form."""
    found = read(tmp_path, text)[1]
    if errors is None:
        assert "outside ASCII" in found[0]
    else:
        assert found == errors


@pytest.mark.parametrize("name", ["/etc/hostname", "../secret", "link"])
def test_an_included_file_must_be_below_the_folder(tmp_path: Path, name: str) -> None:
    """Neither a path nor a link can include another file of the machine."""
    folder = tmp_path / "zones"
    folder.mkdir()
    tmp_path.joinpath("secret").write_text("a TXT secret\n")
    folder.joinpath("link").symlink_to(tmp_path / "secret")
    records, errors = read(folder, f"$INCLUDE {name}\n")
    assert records == []
    assert "is not below" in errors[0]


@pytest.mark.parametrize("name", ["pipe", "device"])
def test_what_is_not_a_regular_file_is_refused_at_once(tmp_path: Path, name: str) -> None:
    """Opening a pipe would wait for somebody who writes to it."""
    make = {"pipe": os.mkfifo, "device": lambda path: path.symlink_to("/dev/zero")}
    make[name](tmp_path / name)
    found = read(tmp_path, f"$INCLUDE {name}\n")[1][0]
    assert name in found
    assert "not a regular file" in found or "is not below" in found
    (tmp_path / "zone").unlink()
    make[name](tmp_path / "zone")
    report = FaultReport("f")
    read_zone_files([(Place(3, 5, "p"), tmp_path / "zone")], ORIGIN, 60, LIMITS, report)
    with pytest.raises(ConfigErrors, match=r"not a regular file|is not below"):
        report.raise_if_any()


def test_files_that_are_too_large_or_too_many_are_refused(tmp_path: Path) -> None:
    """So that neither a mistake nor a device can fill the memory."""
    comment = b";" * LIMITS.size
    assert read(tmp_path, comment) == ([], [])
    assert read(tmp_path, comment + b";")[1] == [
        "f:3:5: error: p: the zone files have more than 16 MiB together"
    ]
    many = "$INCLUDE empty\n" * LIMITS.files
    assert read(tmp_path, many, empty="")[1] == [
        "zone:100:1: error: p: more than 100 files; put them together"
    ]


def test_too_many_records_are_reported_once(tmp_path: Path) -> None:
    """Once for all files, with a limit below the real one."""
    limits = replace(LIMITS, records=1000)
    many = "$GENERATE 1-600 a$ A 192.0.2.1\n"
    path = tmp_path / "zone"
    path.write_text(many + many.replace("a$", "b$") + many)
    report = FaultReport("f")
    records = read_zone_files([(Place(1, 1), path)], ORIGIN, 60, limits, report)
    assert len(records) == 1000
    with pytest.raises(ConfigErrors) as faults:
        report.raise_if_any()
    assert [e.message for e in faults.value.errors] == [
        "more than 1000 records in the files of a zone"
    ]
