"""A whole master file: its SOA, NS and glue records are taken, or named once with what to write."""

from __future__ import annotations

from pathlib import Path

import pytest

from failoverdns.config import ConfigErrors, load_config

WHOLE = """$TTL 1h
@       IN SOA ns1 hostmaster (
            2026010101 ; serial
            {timers} ; refresh, retry, expire
            {minimum} )
        IN NS  ns1
        IN NS  ns2.example.net.
        IN A   192.0.2.1
ns1     IN A   192.0.2.53
www     IN A   192.0.2.2
"""
SAME = WHOLE.format(timers="4h 1h 2w", minimum="1m")
CONFIG = """zones:
  shop.example:
    nameservers: {ns1: [192.0.2.53, "2001:db8::53"], ns2.example.net: []}
    records_files: [it.zone]
listen: ["127.0.0.1:5391"]
"""


def loaded(folder: Path, zone: str, config: str = CONFIG) -> tuple[list[str], list[str]]:
    """Return the owners of the static records; or, if there are any, errors and warnings."""
    folder.joinpath("it.zone").write_text(zone)
    file = folder / "failoverdns.yaml"
    file.write_text(config)
    try:
        found = load_config(file)
    except ConfigErrors as faults:
        return [], [line.replace(f"{folder}/", "") for line in faults.lines]
    (zone_found,) = found.zones
    owners = [str(rrset.owner) for rrset in zone_found.records]
    return owners, [line.replace(f"{folder}/", "") for line in found.warnings]


def test_a_whole_file_that_says_what_the_configuration_says_is_taken(tmp_path: Path) -> None:
    """Without a word; the serial number and the TTLs of these records are the server's own."""
    owners, said = loaded(tmp_path, SAME)
    assert said == []
    assert sorted(owners) == ["shop.example", "www.shop.example"]


def test_another_soa_record_is_one_warning_with_what_to_write(tmp_path: Path) -> None:
    """Nothing that is answered depends on it, so the file is taken."""
    zone = WHOLE.format(timers="6h 1h 1w", minimum="1d").replace("SOA ns1 h", "SOA ns9 d.n.h")
    owners, said = loaded(tmp_path, zone)
    assert sorted(owners) == ["shop.example", "www.shop.example"]
    assert said == [
        "it.zone:2:1: warning: zones.shop.example.records_files[0]: the SOA record is that of the "
        "configuration; this one has primary name server ns9.shop.example, here ns1.shop.example; "
        "mailbox d@n.hostmaster.shop.example, here hostmaster@shop.example; "
        "refresh 21600, here 14400; expire 604800, here 1209600; negative TTL 3600, here 60; "
        "to keep the file's, write contact: d@n.hostmaster.shop.example, negative_ttl: 3600, "
        "soa: {refresh: 21600, expire: 604800}"
    ]


def test_what_the_warning_says_to_write_makes_the_warning_go(tmp_path: Path) -> None:
    """Word for word, in the zone of the configuration."""
    zone = WHOLE.format(timers="6h 30m 1w", minimum="5m").replace("hostmaster", "dns\\.team.x.")
    said = loaded(tmp_path, zone)[1]
    words = said[0].partition("to keep the file's, write ")[2]
    timers = words[words.index("soa: {") :]
    others = words[: words.index("soa: {")].rstrip(", ").split(", ")
    keys = "".join(f"    {line}\n" for line in (*others, timers))
    assert "contact: dns.team@x" in keys
    config = CONFIG.replace("    records_files", f"{keys}    records_files")
    assert loaded(tmp_path, zone, config)[1] == []


def test_timers_that_cannot_be_configured_are_compared_with_those_that_can(tmp_path: Path) -> None:
    """What the warning says to write is a configuration; then nothing is left to say."""
    zone = WHOLE.format(timers="4h 0 4294967295", minimum="1m")
    said = loaded(tmp_path, zone)[1]
    assert said[0].endswith("to keep the file's, write soa: {retry: 1, expire: 2147483647}")
    key = "soa: {retry: 1, expire: 2147483647}\n    records_files"
    assert loaded(tmp_path, zone, CONFIG.replace("records_files", key))[1] == []


def test_a_file_that_is_given_twice_is_one_error(tmp_path: Path) -> None:
    said = loaded(tmp_path, SAME, CONFIG.replace("[it.zone]", "[it.zone, it.zone]"))[1]
    assert [line.partition(" error: ")[2] for line in said] == [
        "zones.shop.example.records_files[1]: the file it.zone is given twice"
    ]


def test_other_name_servers_are_one_error(tmp_path: Path) -> None:
    """They decide who serves the zone, so nobody should find out later."""
    zone = SAME.replace("ns2.example.net", "ns3.example.net")
    assert loaded(tmp_path, zone)[1] == [
        "it.zone:6:1: error: zones.shop.example.records_files[0]: the zone's own NS records come "
        "from `nameservers`, and these differ: ns3.example.net only here (write ns3.example.net: "
        "[] there), ns2.example.net only there; make both the same, or remove these NS records"
    ]


def test_soa_and_name_servers_are_each_named_once(tmp_path: Path) -> None:
    """Also where one is a warning and the other an error."""
    zone = WHOLE.format(timers="6h 1h 1w", minimum="1d").replace("ns2.example.net.", "ns3")
    said = loaded(tmp_path, zone)[1]
    assert [line.split(": ")[1] for line in said] == ["warning", "error"]
    assert "contact" not in said[0]
    assert "soa: {refresh: 21600, expire: 604800}" in said[0]
    assert "ns3.shop.example only here (write ns3.shop.example: [ADDRESS] there)" in said[1]


def test_other_addresses_of_a_name_server_are_one_error(tmp_path: Path) -> None:
    """However many there are; an address that the configuration has, too, is taken."""
    zone = SAME + "ns1 A 192.0.2.54\n   A 192.0.2.55\n"
    assert loaded(tmp_path, zone)[1] == [
        "it.zone:11:1: error: zones.shop.example.records_files[0]: ns1.shop.example has its "
        "addresses from `nameservers`, and not 192.0.2.54, 192.0.2.55; add what is missing there, "
        "or remove it here"
    ]


def test_a_second_soa_record_is_an_error(tmp_path: Path) -> None:
    """As with BIND and NSD; so is one of another name."""
    said = loaded(tmp_path, SAME + "@ SOA a b 1 2 3 4 5\n")[1]
    assert [line.partition(" error: ")[0] for line in said] == ["it.zone:11:1:"]
    assert "the first is on line 2 of" in said[0]
    said = loaded(tmp_path, SAME + "www SOA a b 1 2 3 4 5\n")[1]
    assert "at the zone's own name only, shop.example" in said[0]


@pytest.mark.parametrize("where", ["records", "records_files"])
def test_both_readers_judge_alike(tmp_path: Path, where: str) -> None:
    """An SOA record in `records` is compared in the same way."""
    lines = ["@ SOA ns1 hostmaster 1 4h 1h 2w 1m", "@ NS ns1", "@ NS ns2.example.net."]
    config = CONFIG
    if where == "records":
        config = CONFIG.replace("records_files: [it.zone]", f"records: {lines!r}")
    assert loaded(tmp_path, "\n".join(lines), config) == ([], [])
    lines[0] = lines[0].replace("1m", "2m")
    config = config.replace("1m", "2m")
    (said,) = loaded(tmp_path, "\n".join(lines), config)[1]
    assert "negative TTL 120, here 60" in said


def test_a_zone_whose_name_servers_are_wrong_is_not_compared(tmp_path: Path) -> None:
    """One fault, one error."""
    said = loaded(tmp_path, SAME, CONFIG.replace("ns2.example.net", "ns2..example.net"))[1]
    assert len(said) == 1


@pytest.mark.parametrize("mailbox", ["host@x.test.", ".", "test."])
def test_a_mailbox_that_is_no_mail_address_is_shown_as_it_is(tmp_path: Path, mailbox: str) -> None:
    """Nobody can write it as `contact`."""
    (said,) = loaded(tmp_path, SAME.replace("hostmaster", mailbox))[1]
    assert f"mailbox {mailbox.rstrip('.') or '.'}" in said.replace("\\", "")
    assert "contact" not in said
