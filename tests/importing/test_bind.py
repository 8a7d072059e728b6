"""`import bind`: a zone file becomes a configuration, and what cannot be served is listed."""

from __future__ import annotations

from pathlib import Path

import pytest
from adopting import adopt, short, static

from failoverdns.importing.sources import bind_plan
from failoverdns.importing.writing import configuration, files_of, remark_lines
from failoverdns.model.errors import Malformed

HEAD = "$ORIGIN shop.example.\n@ 900 IN SOA ns1 first\\.last 1 3h 15m 2w 5m\n@ NS ns.example.net.\n"


def file_with(folder: Path, text: str | bytes) -> Path:
    """Return a file with this text."""
    path = folder / "db.zone"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


def test_a_zone_file_becomes_a_configuration(tmp_path: Path) -> None:
    path = file_with(tmp_path, HEAD + "www 60 A 192.0.2.1\n")
    plan = bind_plan(path, None)
    adopt(plan, tmp_path / "adopted")
    text = configuration(plan)
    assert 'contact: "first.last@shop.example"' in text
    assert "negative_ttl: 300" in text
    assert "refresh: 10800" in text
    assert "ns.example.net: []" in text
    assert static(plan) == ["www.shop.example. 60 IN A 192.0.2.1"]
    assert list(files_of(plan)) == ["failoverdns.yaml", "zones/shop.example.zone"]
    assert plan.not_taken == ()


def test_what_cannot_be_served_is_listed_with_its_line(tmp_path: Path) -> None:
    text = "a A 192.0.2.300\nb CNAME c\nb TXT x\n_status.x TXT y\nd A 192.0.2.1\nd A 192.0.2.1\n"
    path = file_with(tmp_path, HEAD + text)
    plan = bind_plan(path, None)
    adopt(plan, tmp_path / "adopted")
    assert [remark.place for remark in plan.not_taken] == [f"{path}:{line}" for line in (4, 6, 7)]
    assert "has a CNAME (line 5 of" in short(plan.not_taken)["b.shop.example TXT"]
    assert static(plan) == [
        "b.shop.example. 900 IN CNAME c.shop.example.",
        "d.shop.example. 900 IN A 192.0.2.1",
    ]


def test_equal_faults_of_many_lines_are_one_remark(tmp_path: Path) -> None:
    wrong = "".join(f"n{number} A 192.0.2.300\n" for number in range(500))
    plan = bind_plan(file_with(tmp_path, HEAD + wrong + "www A 192.0.2.1\n"), None)
    (remark,) = plan.not_taken
    assert remark.place.endswith(":4")
    assert remark.subject == "500 lines, the last one 503"
    assert len(static(plan)) == 1


def test_a_signed_zone_is_read_without_its_signatures(tmp_path: Path) -> None:
    nsec = "".join(f"n{number} NSEC a. A\n" for number in range(2000))
    plan = bind_plan(file_with(tmp_path, HEAD + nsec + "www A 192.0.2.1\n"), None)
    (remark,) = plan.not_taken
    assert "made by signing" in remark.reason
    assert len(static(plan)) == 1


def test_a_part_of_a_generate_that_is_wrong_is_listed(tmp_path: Path) -> None:
    path = file_with(tmp_path, HEAD + "$GENERATE 254-256 h$ A 192.0.2.$\n")
    plan = bind_plan(path, None)
    assert len(static(plan)) == 2
    assert len(plan.not_taken) == 1


def test_records_of_a_signed_zone_that_are_kept_are_listed(tmp_path: Path) -> None:
    """Resolvers that find DS records at the parent refuse the answers of a server without keys."""
    signed = (
        "@ DNSKEY 257 3 13 AAAA\n@ DNSKEY 256 3 13 AAAB\n@ NSEC3PARAM 1 0 0 -\n@ CDS 0 0 0 00\n"
    )
    plan = bind_plan(file_with(tmp_path, HEAD + signed + "@ CDNSKEY 257 3 13 AAAA\n"), None)
    assert len(static(plan)) == 5
    notes = short(plan.notes)
    assert set(notes) == {
        "2 DNSKEY records",
        "NSEC3PARAM of shop.example",
        "CDS of shop.example",
        "CDNSKEY of shop.example",
    }
    assert "remove the DS records" in plan.notes[0].advice


def test_an_rrset_has_the_lowest_of_its_ttls(tmp_path: Path) -> None:
    plan = bind_plan(file_with(tmp_path, HEAD + "a 300 A 192.0.2.1\na 60 A 192.0.2.2\n"), None)
    assert {line.split()[1] for line in static(plan)} == {"60"}
    assert "the lowest, 60" in short(plan.notes)["a.shop.example A"]


def test_servers_that_cannot_be_are_listed(tmp_path: Path) -> None:
    """Without any other one, an example stands in their place."""
    text = HEAD.replace("ns.example.net.", "lost")
    plan = bind_plan(file_with(tmp_path, text), None)
    adopt(plan, tmp_path / "adopted")
    assert len(plan.not_taken) == 1
    assert 'ns1.shop.example: ["192.0.2.53"]' in configuration(plan)


def test_the_zone_is_named_if_the_file_does_not(tmp_path: Path) -> None:
    path = file_with(tmp_path, "@ SOA ns1.example.net. h 1 2 3 4 5\n@ NS ns1.example.net.\n")
    with pytest.raises(Malformed, match="add --zone NAME"):
        bind_plan(path, None)
    assert bind_plan(path, "b.example").zones[0].origin.to_text() == "b.example"
    with pytest.raises(Malformed, match=r"--zone: 'a\.\.b' is not a domain name"):
        bind_plan(path, "a..b")


@pytest.mark.parametrize(
    ("data", "message"),
    [
        (b"", "add --zone NAME|empty"),
        (b'{"a": 1}', "db.zone"),
        (b"\x00\x89PNG\xff", "db.zone"),
        (b"@ SOA (", "db.zone"),
    ],
)
def test_other_files_are_refused(tmp_path: Path, data: bytes, message: str) -> None:
    path = file_with(tmp_path, data)
    for zone in (None, "a.example"):
        with pytest.raises(Malformed, match=message):
            bind_plan(path, zone)


def test_a_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match=r"nothing: cannot be read: No such file"):
        bind_plan(tmp_path / "nothing", None)


NAMED = """\
// What Debian has.
include "named.conf.options";
/* zones
   of ours */
zone "shop.example" IN { type master; file "/etc/bind/db.zone"; allow-transfer { 192.0.2.1; }; };
zone "copy.example" { type slave; masters { 192.0.2.1; }; file "copy"; };   # a secondary
zone "." { type hint; file "/usr/share/dns/root.hints"; };
zone "localhost" { type primary; file "/etc/bind/db.local"; };
zone "lost.example" { type primary; file "nothing"; };
view "inside" { match-clients { any; }; zone "in.example" { type primary; file "x"; }; };
"""


def named_conf(folder: Path) -> Path:
    """Return a `named.conf` with one zone whose file is there."""
    file_with(folder, HEAD + "www 60 A 192.0.2.1\n")
    (folder / "named.conf.options").write_text('options { directory "/var/cache/bind"; };\n')
    path = folder / "named.conf"
    path.write_text(NAMED)
    return path


def test_zones_of_a_named_conf(tmp_path: Path) -> None:
    """A copy of its files is enough."""
    plan = bind_plan(named_conf(tmp_path), None)
    adopt(plan, tmp_path / "adopted")
    assert [zone.origin.to_text() for zone in plan.zones] == ["shop.example"]
    assert set(short(plan.not_taken)) == {
        "allow-transfer of shop.example",
        "the zone copy.example",
        "the zone lost.example",
        "the view inside",
    }
    assert set(short(plan.notes)) == {"the zone .", "the zone localhost"}


def test_who_may_transfer_and_update_is_listed(tmp_path: Path) -> None:
    """Otherwise the secondaries would stop to follow, and nobody would know."""
    path = named_conf(tmp_path)
    path.write_text(
        "options { allow-transfer { none; }; also-notify { 192.0.2.9; }; };\n"
        'zone "shop.example" { type primary; file "db.zone";\n'
        "  update-policy { grant acme name _acme-challenge.shop.example TXT; };\n"
        "  allow-update { none; }; allow-transfer port 53 { key xfr; }; };\n"
    )
    assert [
        (remark.place.rpartition(":")[2], remark.subject)
        for remark in bind_plan(path, None).not_taken
    ] == [
        ("1", "also-notify of options"),
        ("3", "update-policy of shop.example"),
        ("4", "allow-transfer of shop.example"),
    ]


def test_one_zone_of_a_named_conf(tmp_path: Path) -> None:
    plan = bind_plan(named_conf(tmp_path), "shop.example")
    assert len(plan.zones) == 1
    with pytest.raises(Malformed, match=r"the zone copy\.example"):
        bind_plan(named_conf(tmp_path), "other.example")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("options {\n", r"named.conf:1: the block that begins here is not closed by \}"),
        ("options { };\nzone x", "named.conf:2: the statement that begins here has no semicolon"),
        ("options { a b }", "named.conf:1: the statement that begins here has no semicolon"),
        ("options { }; }", r"named.conf:1: \} closes no block"),
        ('options { };\n"open', "named.conf:2: '\"' begins nothing that is closed"),
        ("options { };\n/* open", "named.conf:2: '/' begins nothing that is closed"),
        ("options " + "{" * 100, "nested more than 16 deep"),
        ('include "nothing";', "named.conf:1: .*nothing: cannot be read"),
        ('include "named.conf";', "include each other too deeply"),
    ],
)
def test_faults_of_a_named_conf_have_a_place(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "named.conf"
    path.write_text(text)
    with pytest.raises(Malformed, match=message):
        bind_plan(path, None)


@pytest.mark.parametrize(
    "record", ["zone IN A 192.0.2.1", "server A 192.0.2.1", 'key 60 TXT "{"', "options CNAME a"]
)
def test_a_zone_file_is_no_named_conf(tmp_path: Path, record: str) -> None:
    text = f"{record}\n@ SOA ns.example.net. h 1 2 3 4 5\n@ NS ns.example.net.\n"
    assert len(static(bind_plan(file_with(tmp_path, text), "a.example"))) == 1


def test_what_is_printed_is_no_command_for_a_terminal(tmp_path: Path) -> None:
    """Names of files need not be text, and lines of a source may have escape sequences."""
    path = tmp_path / "a\udc80.zone"
    path.write_text(HEAD + "a TXT x \x1b[2J (\nb A 192.0.2.1\n")
    plan = bind_plan(path, None)
    text = "".join((*remark_lines(plan.not_taken), *files_of(plan).values()))
    assert text.replace("\n", "").isprintable()


def test_what_was_not_taken_has_advice(tmp_path: Path) -> None:
    """Also if nothing was taken: a file that is missing, one that is not text, and views."""
    path = named_conf(tmp_path)
    plan = bind_plan(path, None)
    assert all(remark.advice for remark in plan.not_taken)
    path.write_text('view "all" { zone "shop.example" { type primary; file "shop.example"; }; };')
    with pytest.raises(Malformed, match="Import the zone files that all clients shall see"):
        bind_plan(path, None)
    raw = tmp_path / "raw"
    raw.write_bytes(b"\0\0\0\2\0\0\0\1")
    with pytest.raises(Malformed, match="named-compilezone -f raw"):
        bind_plan(raw, None)
