"""The data of a record is read, or refused with what to write; nothing else is ever raised."""

from __future__ import annotations

import random
import re
from collections.abc import Callable
from pathlib import Path
from struct import pack

import dns.rdatatype
import pytest

from failoverdns.config.errors import ConfigErrors, FaultReport, Place
from failoverdns.config.zones.record_data import WrongDataError, guarded
from failoverdns.config.zones.record_text import parse_record
from failoverdns.config.zones.zone_file import LIMITS, read_zone_files
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.records import Opaque, RRset
from failoverdns.protocol.zone_text import record_lines

ORIGIN = DomainName.from_text("failover.test")

WORDS = (
    *("0", "1", "-1", "255", "256", "65535", "65536", "4294967296", "9" * 20, "1.5", "1e5", "nan"),
    *(
        "inf",
        "\u00b2",
        "\u0663",
        "é",
        "a",
        "a.b.",
        "@",
        ".",
        "..",
        "*",
        '""',
        '"x"',
        f'"{"x" * 300}"',
    ),
    *(
        "x" * 300,
        "\\000",
        "\\",
        "\\#",
        "\\300",
        "\\1",
        "192.0.2.1",
        "::1",
        "::",
        "A",
        "NS",
        "TYPE1",
    ),
    *(
        "TYPE99999",
        "20260101000000",
        "20261399000000",
        "AAAA",
        "AA==",
        "=",
        "00",
        "0g",
        "0x47",
        "N",
    ),
    *("E", "5m", "90", "1h", "tcp", "alpn=h2", "alpn=", "mandatory=alpn", "key0=x", "key99999=x"),
    *("port=x", "ipv4hint=::1", "ech=x", "dohpath=\\255", "no-default-alpn", "1:192.0.2.0/24"),
    *("1:192.0.2.0/99", "9:0/0", "1:x/y", "!", "00-00-5e-00-53-2a", "0014:4fff:ff20:ee64", "-"),
    *("RSASHA1", "PKIX", "NOTIFY", "\u2028", "\x00", "a" * 64, ".".join(["a" * 63] * 5), "(", ")"),
    *("42849673m", "-100000.01m", '"', ";"),
)
TYPES = sorted({kind.name for kind in dns.rdatatype.RdataType} | {"EID", "RKEY", "TALINK", "DOA"})
STARTS = ("", "", "52 22 23 N 4 53 32 E", "1 2 3", "10 1 2 192.0.2.38", "A 5 2 60", "1 .", "0 0 1")


def test_any_data_of_any_type_is_taken_or_refused() -> None:
    """What is taken is printed by `records`, and read from there as the same data."""
    draw = random.Random(16)
    taken, said = 0, list[str]()
    for kind in TYPES * 25:
        words = [draw.choice(STARTS), *draw.choices(WORDS, k=draw.randrange(6))]
        text = f"a {kind} {' '.join(words)}"
        try:
            record = parse_record(text, ORIGIN, 60)
        except Malformed as fault:
            said.append(str(fault))
            continue
        taken += 1
        line = record_lines(record.owner, RRset(record.rtype, 60, (Opaque(record.data),)))
        assert parse_record(line.rstrip("\n"), ORIGIN, 60).data == record.data, text
    assert taken > 50
    assert not [fault for fault in said if re.search(r"int\(\)|unpack|codec|object|\n", fault)]


@pytest.mark.parametrize(
    ("text", "data"),
    [
        ("a TYPE1 \\# 4 C0000201", "c0000201"),
        ("a A \\# 4 ( c000\n 0201 )", "c0000201"),
        ("a LOC \\# 16 01121612800000018000000080000000", "01121612800000018000000080000000"),
        ("a LOC \\# 4 01020304", "01020304"),
        ("a TXT \\# 2 0261", "0261"),
        ("a SVCB \\# 7 00000000010000", "00000000010000"),
        ("a CAA \\# 2 0005", "0005"),
        ("a MB \\# 3 0161 00", "016100"),
        ("a MB mail", "046d61696c086661696c6f766572047465737400"),
        ("a MINFO . b.", "00016200"),
        ("a EID 01 02", "0102"),
    ],
)
def test_the_generic_form_and_obsolete_types_are_taken(text: str, data: str) -> None:
    """Whatever a library thinks of the content (RFC 3597 section 5)."""
    assert parse_record(text, ORIGIN, 60).data.hex() == data


def test_names_in_the_generic_form_are_compared_without_case() -> None:
    """As in the text form (RFC 4034 section 6.2)."""
    upper, lower = "a MX \\# 6 000a024D4D00", "a MX 10 mm."
    assert parse_record(upper, ORIGIN, 60).canonical == parse_record(lower, ORIGIN, 60).canonical


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            f'a TXT "{"A" * 300}"',
            "a string is over 255 bytes long; split it, as in "
            '"first part" "second part": clients join the parts',
        ),
        (f'a HINFO "{"A" * 300}" x', "a string is over 255 bytes long"),
        (
            "a LOC 52 22 23 N 4 53 32 E 42849673m",
            "the altitude must be from -100000.00m to 42849672.95m",
        ),
        ("a LOC 52 N 4 E -100000.01m", "the altitude must be from -100000.00m to 42849672.95m"),
        ("a LOC 52 N 4 E nan", 'the altitude must be metres such as 10 or -2.50m, not "nan"'),
        ("a LOC 52 N 4 E 0m 90000001m", "the size must be from 0.00m to 90000000.00m"),
        ("a LOC 91 N 4 E 0m", 'the degrees of the latitude must be from 0 to 90, not "91"'),
        ("a LOC 90 0 0.001 N 4 E 0m", "the latitude is over 90 degrees"),
        ("a LOC 52 60 N 4 E 0m", 'the minutes must be from 0 to 59, not "60"'),
        ("a LOC 52 1 60 N 4 E 0m", 'the seconds must be from 0 to 59.999, not "60"'),
        ("a LOC 52 N 4 0m", "the longitude must be DEGREES [MINUTES [SECONDS]] and E or W"),
        ("a LOC 52 N 4 E", "the altitude is missing"),
        ("a LOC 52 N 4 E 0 1 2 3 4", '"4" follows it'),
        ("a MX \u0661 mail", "it has digits outside ASCII; write 0 to 9"),
        ("a CERT x 2 3 AAAA", '"x" is not a number'),
        ("a OPENPGPKEY A$AA", "its last part is not base64"),
        ("a A \\# 3 c00002", "an address of this type has 4 bytes"),
        ("a CNAME \\# 2 c00c", "a name in it is cut off, or compressed"),
        ("a MX \\# 4 000a0000", "its length is not that of its type"),
        ("a A \\# 4 c00002", "its length is 4, but it has 3 bytes"),
        ("a A \\# 4 c000020g", "its bytes are not pairs of hexadecimal digits"),
        ("a A \\# x", "its length must be a number from 0 to 65535"),
    ],
)
def test_an_error_says_what_is_wrong_with_the_data(text: str, message: str) -> None:
    """In the words of a zone file, not of a library."""
    with pytest.raises(Malformed) as fault:
        parse_record(text, ORIGIN, 60)
    assert f"record is wrong: {message}" in str(fault.value)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("stg ALIAS lb.example.net.", "ALIAS is not a DNS record type: for the zone's own name "),
        ("@ aname lb.example.net.", "ANAME is not a DNS record type: for the zone's own name "),
        ("w DYNA simplefo!www", "DYNA is not a DNS record type: make a group (`failoverdns group"),
        ("w DYNC simplefo!www", "DYNC is not a DNS record type: make a group (`failoverdns group"),
        ('x LUA A "ifportup(443)"', "LUA is not a DNS record type: make a group"),
        ("x URL https://a.test/", "URL is not a DNS record type: a redirect is made by a web"),
        ("x 300 IN REDIRECT a", "REDIRECT is not a DNS record type: a redirect is made by a web"),
        ("@ WINS 192.0.2.1", "WINS is not a DNS record type: Microsoft's WINS"),
        ("@ 600 AWS ALIAS Z1 a", "class AWS is cli53's form of Route 53 records, whose own export"),
        ("a [AGE:3636591] 1200 A 192.0.2.1", '"[AGE:3636591]" is the age that Microsoft\'s DNS'),
        ("a MD mail", "MD is obsolete (RFC 1035 section 3.3.4); write an MX record"),
        ("a MF mail", "MF is obsolete (RFC 1035 section 3.3.5); write an MX record"),
        ("a NXT b A", "NXT is obsolete (RFC 3755), and was made by signing; leave it out"),
        (
            "a NULL x",
            "the data of the NULL record is wrong: this type has no text form here; write",
        ),
        ("a CNMAE b", '"CNMAE" is not a record type; did you mean CNAME?'),
        ("a ANY x", "ANY is for messages only"),
    ],
)
def test_a_type_of_another_server_says_what_to_write_here(text: str, message: str) -> None:
    """Whoever brings a file need not guess."""
    with pytest.raises(Malformed) as fault:
        parse_record(text, ORIGIN, 60)
    assert str(fault.value).startswith(message)


def test_an_entry_of_the_configuration_and_a_zone_file_are_judged_alike(tmp_path: Path) -> None:
    """With the same data, and the same error."""
    draw = random.Random(17)
    file = tmp_path / "z"
    kinds = [kind for kind in TYPES if kind != "SOA"]
    owners = ("a", "@", "*", "a..b", "x.test.", "_status", "\\")
    for kind in draw.choices(kinds, k=200):
        words = [draw.choice(STARTS), *draw.choices([*WORDS, "\n", "(\n", "\n )"], k=4)]
        text = f"{draw.choice(owners)} {draw.choice(('', '60', 'IN'))} {kind} {' '.join(words)}"
        file.write_text(text + "\n")
        faults = FaultReport("f")
        records = read_zone_files([(Place(1, 1), file)], ORIGIN, 60, LIMITS, faults)
        said: list[str] = []
        try:
            faults.raise_if_any()
        except ConfigErrors as found:
            said = [error.message.rstrip() for error in found.errors]
        try:
            assert [parse_record(text, ORIGIN, 60)] == [record for _, record in records], text
            assert said == [], text
        except Malformed as fault:
            one = str(fault).rstrip().encode("unicode_escape").decode()
            more = one.startswith("something follows the record")
            assert more or one in [line.encode("unicode_escape").decode() for line in said], text


@pytest.mark.parametrize(
    ("read", "said"),
    [
        (lambda: int("x"), "a value is malformed or out of range"),
        (lambda: pack(">I", -1), "a value is malformed or out of range"),
        (lambda: {}["key"], "a value is malformed or out of range"),
        (lambda: "\ud800".encode(), "a value is malformed or out of range"),
        (lambda: 1 // 0, "a value is malformed or out of range"),
        (lambda: DomainName.from_text("a..b"), "it has an empty label"),
    ],
)
def test_whatever_a_library_raises_is_an_error_of_the_data(
    read: Callable[[], object], said: str
) -> None:
    """So that one record never hides the errors of others."""
    with pytest.raises(WrongDataError, match=said):
        guarded(read, 1)
