"""What people write out of habit gets an error with what to write here."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from failoverdns.config import habits

Shown = Callable[[str | bytes], list[str]]


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("groups: {shop: {}}", "groups come over the control socket, with `failoverdns group add`"),
        ("applications: []", "applications come over the control socket, with `failoverdns appl"),
        ("heads: []", "load balancers and web servers come over the control socket, with `failov"),
        ("port: 53", "a port stands beside its address, in `listen`"),
        ("log: debug", "the server logs to standard error; `querylog` is for queries"),
        ("records: []", "it is a key of zones.ORIGIN"),
        ("interval: 10", "it is a key of checks.NAME"),
        ("nameservers: {}", "it is a key of zones.ORIGIN"),
        ("Zone: {}", 'did you mean "zones"?'),
        ("keys: {}", "TSIG keys stand in `tsig_keys`, each with its algorithm and secret_file"),
        ("key-file: a", "TSIG keys stand in `tsig_keys`"),
        ("remote: []", "stand in `secondaries`, with their address and key; this server is always"),
        ("slave: a", "name servers that transfer zones from this one stand in `secondaries`"),
        ("acl: {}", "whoever has the key of one of a zone's `secondaries` may transfer the zone"),
        ("also-notify: []", "and their addresses are notified; nobody else may, and nobody else"),
        ("provide-xfr: []", "whoever has the key of one of a zone's `secondaries` may transfer"),
        ("catalog-zones: []", "the name of the catalog zone stands in `catalog`"),
        ("tls-port: 853", "DNS over TLS has listen, certificate and key, in `tls`"),
        ("policies: {p: {fail_back: true}}", '"true" is not a mode; write automatic or manual'),
        ('policies: {p: {fail_back: "true"}}', '"true" is not a mode; write automatic or manual'),
        ("policies: {p: {fail_back: off}}", '"off" is not a mode; write manual or automatic'),
        ("policies: {p: {all_down: true}}", "write stay or primary or backup or empty"),
        ("checks: {c: {type: TCP, port: 1}}", 'did you mean "tcp"?'),
        ("checks: {c: {type: 1, port: 1}}", '"1" is not a type of checks; write tcp or http'),
        ("cookies: {answer: yes}", 'must be true or false, not the text "yes"; write true'),
        ("cookies: {answer: Off}", 'must be true or false, not the text "Off"; write false'),
        ("cookies: {answer: 0}", "must be true or false, not the number 0; write false"),
        ("tcp: {idle_timeout: 1m}", 'not the text "1m"; write 60, in seconds'),
        ("tcp: {max_buffered: 1G}", 'not the text "1G"; write 1024, in MiB'),
        ("tcp: {max_connections: 1_000}", 'not the text "1_000"; write 1000'),
        ("checks: {c: {type: tls, days_left: 2 weeks}}", "write 14, in days"),
        ("checks: {c: {type: tcp, port: 1, interval: 10s}}", 'not the text "10s"; write 10'),
        ("checks: {c: {type: tcp, port: 1, timeout: 500ms}}", "write 0.5"),
        ("checks: {c: {type: tcp, port: 1, jitter: 10%}}", "write 10"),
        ("checks: {c: {type: tcp, port: 1, jitter: 0.2}}", "write 20"),
        ("history: {keep: 1y}", "write 365d"),
        ("history: {keep: forever}", "leave it out to keep all"),
        ('workers: "2"', "leave the quotes out"),
        ("resolvers: 192.0.2.1:53", 'write ["192.0.2.1:53"]'),
        ("control: {mode: true}", '"true" is not a mode; write octal digits such as "0660"'),
        ("control: {mode: 660}", "must be text, not the number 660; put it in quotes"),
    ],
)
def test_an_error_says_what_to_write(shown: Shown, right: str, line: str, message: str) -> None:
    """In one error, at the value."""
    (error,) = shown(f"{right}{line}\n")
    assert message in error


@pytest.mark.parametrize(
    ("key", "message"),
    [
        ("groups: []", "groups come over the control socket, with `failoverdns group add`"),
        ("file: a.zone", "zone files stand in `records_files`"),
        ("minimum: 60", "write `negative_ttl` of the zone"),
        ("refresh: 60", "write it in `soa`"),
        ("soa: {serial: 1}", "the server makes serial numbers itself"),
        ("soa: {rname: a}", "write `contact` of the zone"),
        ("contact: 5", '"5" is not a mail address; write one such as'),
        ("contact: dns.shop.example.", "write it with an @: dns@shop.example"),
        ("contact: shop.example", "is not a mail address; write one such as"),
        ("allow-transfer: [key]", "may transfer the zone, and their addresses are notified"),
        ("allow-update: [key]", "who may update a zone stands in `updates` of the zone"),
        ("update-policy: []", "who may update a zone stands in `updates` of the zone"),
        ("allow-notify: []", "this server is always the primary of its zones; leave it out"),
        ("masters: []", "every zone is served from here; leave it out"),
        ("alias: 192.0.2.1", "an address; write A or AAAA records at the origin instead"),
        ("alias: www.127.1", "if it is one, write A or AAAA records at the origin instead"),
        ("ttl: 1h", "write 3600, in seconds"),
        ("ttl: 1.5h", "write 5400, in seconds"),
        ("ttl: 1ms", 'must be a whole number, not the text "1ms"'),
    ],
)
def test_a_key_of_zones_in_other_servers_is_known(shown: Shown, key: str, message: str) -> None:
    """And a list of names in place of a mapping, as other servers have it."""
    zone = f'zones: {{a.test: {{nameservers: {{ns.b.test: []}}, {key}}}}}\nlisten: ["[::]:53"]\n'
    (error,) = shown(zone)
    assert message in error


def test_a_list_of_name_servers_becomes_a_mapping(shown: Shown) -> None:
    """The addresses belong to the names."""
    (error,) = shown('zones: {a.test: {nameservers: [ns1, ns2]}}\nlisten: ["[::]:53"]\n')
    assert "write each as NAME: [ADDRESS], without -, such as ns1: [192.0.2.53]" in error


@pytest.mark.parametrize(
    ("text", "format_"),
    [
        ("[zones]\na = b\n", "this is INI or TOML; write YAML"),
        ("; comment\n\n[zones]\nfailover.test = 1\n", "this is INI or TOML; write YAML"),
        ("listen = 0.0.0.0\n", "this is INI or TOML; write YAML"),
        ("<config>\n</config>\n", "this is XML or HTML; write YAML"),
        ('zone "a.test" {\n  type master;\n};\n', "this has blocks in braces, as named.conf has"),
        ("$TTL 1h\n@ SOA a b 1 2 3 4 5\n", "this is a zone file; name it in `records_files`"),
        ("zones:\n\ta.test: {}\n", "indent with blanks, not with tabs"),
        ("groups: {}\n", "groups come over the control socket, with `failoverdns group add`"),
        ("hello\n", "must be a mapping of keys to values, not a single value"),
    ],
)
def test_a_file_of_another_format_is_named(shown: Shown, text: str, format_: str) -> None:
    """In one error; its content is not quoted."""
    (error,) = shown(text)
    assert format_ in error
    assert "failover.test" not in error


def test_a_quantity_is_converted_only_if_nothing_is_lost() -> None:
    """Whole numbers are whole numbers of the unit of their key."""
    assert habits.whole_number("ttl", "90m") == "; write 5400, in seconds"
    assert habits.whole_number("ttl", "1500ms") == ""
    assert habits.whole_number("port", "80m") == ""
    assert habits.seconds("1500ms") == "; write 1.5"
    assert habits.seconds("1 fortnight") == ""
    assert habits.percent("150%") == ""
    assert habits.duration("90 minutes") == "; write 5400"
    assert habits.boolean("maybe") == ""
    assert habits.boolean([]) == ""
