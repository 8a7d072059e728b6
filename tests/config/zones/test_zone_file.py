"""Zone files give the same records as with dnspython; every error has its file and line."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import dns.zone
import pytest

from failoverdns.config.errors import ConfigErrors, FaultReport, Place
from failoverdns.config.zones.record_types import type_text
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
    """RFC 1035 section 5.1: after it, origin and owner are those before it; a `$TTL` stays."""
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
        "x.failover.test 5",
        "c.failover.test 5",
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
        ("$ORIGIN", ["zone:1:1: error: p: write $ORIGIN NAME"]),
        ("$ORIGIN a..b", ['zone:1:1: error: p: "a..b" is not a DNS name: it has an empty label']),
        (
            "$TTL soon",
            ['zone:1:1: error: p: "soon" is not a TTL; write seconds from 0 to 2147483647'],
        ),
        (
            "$HOME x",
            [
                'zone:1:1: error: p: "$HOME" is not a directive; '
                "write $ORIGIN, $TTL, $INCLUDE or $GENERATE"
            ],
        ),
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
            "$GENERATE 1-2 a${2147483647} A 192.0.2.1",
            ['zone:1:1: error: p: "${2147483647}" gives 2147483648, which is over 2147483647'],
        ),
        (
            "$GENERATE 255-300 a$ A 192.0.2.$",
            [
                'zone:1:1: error: p: $GENERATE makes "a256 A 192.0.2.256": the data of the A '
                'record is wrong: it is not an address; write it as in "www A 192.0.2.10"'
            ],
        ),
        ("a A 192.0.2.1\n$TTL 60 70", ["zone:2:1: error: p: write $TTL SECONDS"]),
        ("$ORIGIN a b", ["zone:1:1: error: p: write $ORIGIN NAME"]),
        ('$INCLUDE "a b" c d', ["zone:1:1: error: p: write $INCLUDE FILE [ORIGIN]"]),
        (
            "$INCLUDE zone",
            ["zone:1:1: error: p: zone includes itself; remove this line, or one that led here"],
        ),
        (
            "$INCLUDE nothing",
            ["zone:1:1: error: p: nothing cannot be read: No such file or directory"],
        ),
        (b"a TXT x\n\xff", ["f:3:5: error: p: zone:2 is not UTF-8; write other bytes as \\DDD"]),
        (
            b"\0\0\0\2\0\0\0\1",
            [
                "f:3:5: error: p: zone is in a binary format of BIND (masterfile-format); make "
                "text of it: named-compilezone -f raw -F text -o NEW ZONE zone"
            ],
        ),
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


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ('a TXT "one\ntwo"\nb A x\n', ["1:7", "3:1"]),
        ('a TXT "one\ntwo\nthree"\nb A x\n', ["1:7", "4:1"]),
        ('a TXT ( "one\ntwo"\n "three" )\nb A x\n', ["1:9", "4:1"]),
        ('a TXT "one\nb A 192.0.2.1\nc TXT "two\nd A x\n', ["1:7", "3:7", "4:1"]),
        ("$INCLUDE zone\nb A x\n", ["1:1", "2:1"]),
        ("a TXT x\n$INCLUDE inner\nb A x\n", ["1:1", "3:1"]),
    ],
)
def test_one_fault_is_one_error(tmp_path: Path, text: str, places: list[str]) -> None:
    """A string over several lines, or a file that includes itself, and the faults after it."""
    errors = read(tmp_path, text, inner="$INCLUDE zone\n")[1]
    assert [error.partition(" error: ")[0].partition(":")[2] for error in errors] == [
        f"{place}:" for place in places
    ]


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
        "f:3:5: error: p: the zone files have more than 16 MiB together; "
        "raise `zone_files.max_size`"
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
        "more than 1000 records in the files of a zone; raise `zone_files.max_records`"
    ]


@pytest.mark.parametrize(
    ("text", "errors"),
    [
        ('a A 192.0.2.1\nspf TXT ( "v=spf1"\nwww A 192.0.2.1\nb A x\n', [(2, 9), (4, 1)]),
        ('spf TXT "v=spf1\nwww A 192.0.2.1\n', [(1, 9)]),
        ("a TXT x\\\nb A 192.0.2.1\n", [(1, 8)]),
        ("a TXT x )\nb A 192.0.2.1\n", [(1, 9)]),
        ('a TXT (\n "x\n y" )\nb A 192.0.2.1\n', [(2, 2)]),
        ("a TXT ( x\nb A 192.0.2.1\nc TXT y )\nd A 192.0.2.1\n", [(1, 1)]),
        ("a A 192.0.2.1 192.0.2.2\nb A 192.0.2.1\n", [(1, 1)]),
        ("$INCLUDE other sub x\nb A 192.0.2.1\n", [(1, 1)]),
    ],
)
def test_what_is_not_closed_or_left_over_is_reported_where_it_is(
    tmp_path: Path, text: str, errors: list[tuple[int, int]]
) -> None:
    """And the records after it are read: none of them is lost, and their errors are found."""
    lines, found = read(tmp_path, text)
    assert [tuple(map(int, error.split(":")[1:3])) for error in found] == errors
    last = text.splitlines()[-1].split()
    assert [line for line in lines if line.startswith(f"{last[0]}.")] or errors[-1][1] == 1


def test_a_refused_record_leaves_its_owner_to_the_next_lines(tmp_path: Path) -> None:
    """Whatever it was refused for; if the owner itself is wrong, the next lines have none."""
    wrong = ("A x", "NOTYPE x", "TXT (", "DNAME x", 'TXT "x', "CH A 192.0.2.1", "MX 10")
    for text in wrong:
        lines, errors = read(tmp_path, f"a A 192.0.2.1\nb {text}\n; comment\n\n A 192.0.2.2\n")
        assert len(errors) == 1, text
        assert lines[-1].startswith("b.failover.test 60 A c0000202") or "TXT (" in text
    lines, errors = read(tmp_path, "a A 192.0.2.1\nb..c A 192.0.2.2\n A 192.0.2.3\n A x\n")
    assert [error.split(":")[1] for error in errors] == ["2", "4"]
    assert lines == ["a.failover.test 60 A c0000201"]


def test_generated_records_do_not_change_the_owner_of_the_next_line(tmp_path: Path) -> None:
    """As with BIND."""
    lines, errors = read(tmp_path, "a A 192.0.2.1\n$GENERATE 1-1 g$ A 192.0.2.2\n A 192.0.2.3\n")
    assert errors == []
    assert [line.split(".")[0] for line in lines] == ["a", "g1", "a"]


def test_the_name_of_an_included_file_may_be_quoted(tmp_path: Path) -> None:
    """With blanks in it."""
    lines, errors = read(tmp_path, '$INCLUDE "in ner" sub\n', **{"in ner": "a A 192.0.2.1"})
    assert (lines, errors) == (["a.sub.failover.test 60 A c0000201"], [])


@pytest.mark.parametrize(
    ("soa", "ttls"),
    [
        ("@ 3600 SOA ns h 1 2 3 4 77", [3600, 5, 5, 9]),
        ("@ SOA ns h 1 2 3 4 77", [77, 5, 77, 9]),
        ("", [60, 5, 60, 9]),
        ("$TTL 8\n@ 3600 SOA ns h 1 2 3 4 77", [8, 5, 8, 9]),
    ],
)
def test_a_whole_file_without_a_default_ttl_is_read_as_by_bind(
    tmp_path: Path, soa: str, ttls: list[int]
) -> None:
    """RFC 1035: the last TTL counts; without one at the SOA record its minimum does."""
    text = f"{soa}\na A 192.0.2.1\nb 5 A 192.0.2.1\nc A 192.0.2.1\n$TTL 9\nd A 192.0.2.1\n"
    lines, errors = read(tmp_path, text)
    assert errors == []
    assert [int(line.split()[1]) for line in lines if " A " in line] == ttls


def test_a_file_that_is_no_zone_file_gives_a_bounded_number_of_errors(tmp_path: Path) -> None:
    """A list of words has an error in each line; nobody reads a million of them."""
    errors = read(tmp_path, "word\n" * 5000)[1]
    assert len(errors) == 1001
    assert "more than 1000 errors" in errors[-1]


def test_a_file_of_old_macintosh_lines_is_read(tmp_path: Path) -> None:
    """CR alone ends a line, as with BIND, NSD and Knot."""
    assert len(read(tmp_path, b"a A 192.0.2.1\rb A 192.0.2.2\r")[0]) == 2


def test_the_file_of_another_zone_is_one_error(tmp_path: Path) -> None:
    """Not one for each of its lines; files that are named after it are read."""
    other = "$ORIGIN other.test.\n@ 60 IN SOA ns h 1 2 3 4 5\n A 192.0.2.1\nwww A 192.0.2.1\n"
    lines, errors = read(tmp_path, other)
    assert lines == []
    assert errors == [
        "zone:2:1: error: p: this is the file of the zone other.test, not of failover.test; "
        "the rest is not read"
    ]


def test_a_directive_begins_its_line(tmp_path: Path) -> None:
    """After a blank it would be a type."""
    assert read(tmp_path, "a A 192.0.2.1\n $TTL 60\n")[1] == [
        'zone:2:1: error: p: "$TTL" is a directive, which begins its line; remove what is before it'
    ]


def test_records_that_signing_made_are_one_error(tmp_path: Path) -> None:
    """A signed zone has some at each name; all other errors are reported."""
    text = "a A 192.0.2.1\n RRSIG A 5 2 60 1 1 1 t. AAAA\n NSEC b A\nb A x\n"
    lines, errors = read(tmp_path, text)
    assert len(lines) == 1
    assert [error.split(":")[1] for error in errors] == ["2", "4"]


def test_parentheses_that_are_never_closed_are_a_bounded_number_of_errors(tmp_path: Path) -> None:
    """After each of them reading goes on with the next record, which takes time."""
    errors = read(tmp_path, "a TXT (\n" * 100)[1]
    assert [error.split(":")[1] for error in errors] == [str(line) for line in range(1, 11)]
