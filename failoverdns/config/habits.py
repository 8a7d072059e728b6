"""What people write out of habit from other programs, and what to write here instead.

Each function returns the end of an error message, or nothing where no habit is known: the value
that is meant is named only if it is the same value in our form.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Final

_UNITS: Final[Mapping[str, int]] = {
    **dict.fromkeys(("ms", "msec"), 1),
    **dict.fromkeys(("s", "sec", "secs", "second", "seconds"), 1000),
    **dict.fromkeys(("m", "min", "mins", "minute", "minutes"), 60_000),
    **dict.fromkeys(("h", "hr", "hour", "hours"), 3_600_000),
    **dict.fromkeys(("d", "day", "days"), 86_400_000),
    **dict.fromkeys(("w", "week", "weeks"), 604_800_000),
    **dict.fromkeys(("y", "year", "years"), 31_536_000_000),
}
"""Milliseconds of each unit."""

_SIZES: Final[Mapping[str, int]] = {
    **dict.fromkeys(("m", "mb", "mib"), 1),
    **dict.fromkeys(("g", "gb", "gib"), 1024),
}
"""MiB of each unit."""

_QUANTITY = re.compile(r"(\d{1,12})(?:\.(\d{1,3}))?\s*([a-z]+)", re.ASCII | re.IGNORECASE)
_GROUPED = re.compile(r"\d{1,3}(?:[_,' ]\d{3})+", re.ASCII)
_ON: Final = frozenset(("true", "yes", "on", "y", "1", "enable", "enabled"))
_OFF: Final = frozenset(("false", "no", "off", "n", "0", "disable", "disabled", "none"))

_UNIT_OF: Final[Mapping[str, str]] = {
    **dict.fromkeys(("max_size", "max_buffered"), "MiB"),
    "days_left": "days",
    **dict.fromkeys(("ttl", "negative_ttl", "pre_ttl", "refresh", "retry", "expire"), "seconds"),
    **dict.fromkeys(("timeout", "idle_timeout", "window", "wait"), "seconds"),
}
"""The units of whole numbers, by key; keys that are not here only count."""

_COMMANDS: Final = "over the control socket, with `failoverdns {} add`, and are stored in the state"

_STAND: Final = "stand in `secondaries`, with their address and key"

_KEYS: Final = "TSIG keys stand in `tsig_keys`, each with its algorithm and secret_file"

_TRANSFERS: Final = (
    "whoever has the key of one of a zone's `secondaries` may transfer the zone, and their "
    "addresses are notified; nobody else may, and nobody else is"
)

_PRIMARY: Final = "this server is always the primary of its zones; leave it out"

_METRICS: Final = "the section `http` turns metrics on, and says who may read them"

_ELSEWHERE: Final[Mapping[str, str]] = {
    **dict.fromkeys(("group", "groups"), f"groups come {_COMMANDS.format('group')}"),
    **dict.fromkeys(
        ("application", "applications", "apps", "stacks"),
        f"applications come {_COMMANDS.format('application')}",
    ),
    **dict.fromkeys(
        ("head", "heads", "load_balancers", "web_servers", "backends", "pools", "targets"),
        f"load balancers and web servers come {_COMMANDS.format('head')}",
    ),
    **dict.fromkeys(
        ("primary", "backup", "secondary", "failover"),
        "primary and backup are those of a group: `failoverdns group add NAME --primary A "
        "--backup B`",
    ),
    "port": "a port stands beside its address, in `listen`",
    **dict.fromkeys(("bind", "address", "addresses", "interfaces"), "addresses stand in `listen`"),
    **dict.fromkeys(
        ("log", "logging", "log_level", "loglevel", "syslog"),
        "the server logs to standard error; `querylog` is for queries",
    ),
    **dict.fromkeys(("include", "includes"), "the configuration is one file; leave it out"),
    **dict.fromkeys(
        ("metrics", "prometheus", "statistics"),
        _METRICS,
    ),
    **dict.fromkeys(("keys", "tsig", "key_file", "keyfile", "tsig_key"), _KEYS),
    **dict.fromkeys(
        ("remote", "remotes", "slave", "slaves", "master", "masters", "primaries", "peers"),
        f"name servers that transfer zones from this one {_STAND}; this server is always the "
        "primary, so it transfers none itself",
    ),
    **dict.fromkeys(
        (
            *("acl", "acls", "allow_transfer", "provide_xfr", "outgoing_interface", "axfr"),
            *("also_notify", "notify", "notify_source", "transfer_source", "transfers"),
        ),
        _TRANSFERS,
    ),
    **dict.fromkeys(("allow_notify", "request_xfr", "allow_axfr_fallback"), _PRIMARY),
    **dict.fromkeys(
        (
            *("allow_update", "update_policy", "allow_update_forwarding", "ddns", "update"),
            *("dynamic_update", "dnsupdate", "allow_dnsupdate_from"),
        ),
        "who may update a zone stands in `updates` of the zone",
    ),
    **dict.fromkeys(
        ("catalog_zone", "catalog_zones", "catalog_role", "catalogs"),
        "the name of the catalog zone stands in `catalog`",
    ),
    **dict.fromkeys(
        ("tls_port", "tls_service_pem", "tls_service_key", "dot", "listen_tls", "cert_file"),
        "DNS over TLS has listen, certificate and key, in `tls`",
    ),
}
"""Keys that belong nowhere in the file, in any section that does not have them."""

_IN_ZONES: Final[Mapping[str, str]] = {
    **dict.fromkeys(("file", "zonefile", "zone_file"), "zone files stand in `records_files`"),
    **dict.fromkeys(
        ("type", "masters", "primaries"), "every zone is served from here; leave it out"
    ),
    **dict.fromkeys(("ns", "name_servers"), "name servers stand in `nameservers`"),
    **dict.fromkeys(("serial", "serial_number"), "the server makes serial numbers itself"),
    **dict.fromkeys(("minimum", "minimum_ttl", "negative"), "write `negative_ttl` of the zone"),
    **dict.fromkeys(("mname", "primary"), "it is the first of `nameservers`"),
    **dict.fromkeys(("rname", "mailbox", "hostmaster", "email"), "write `contact` of the zone"),
    **dict.fromkeys(("refresh", "retry", "expire"), "write it in `soa`"),
}
"""Keys of zones in other servers, and of their SOA records."""

_SECRET: Final = (
    "write it into a file with mode 0600, and the path of that file as `secret_file`, so that this "
    "file can be shown to others"
)


def of_key(section: tuple[str, ...], key: str) -> str:
    """Return what to do instead of an unknown key in a section, which is given as its path."""
    word = key.lower().replace("-", "_")
    if section[:1] == ("zones",) and word in _IN_ZONES:
        return _IN_ZONES[word]
    if section[:1] == ("tsig_keys",) and word == "secret":
        return _SECRET
    if section[:1] == ("secondaries",) and word in ("port", "ip", "host", "addresses"):
        return 'write one address, such as `address: "198.51.100.53:53"`'
    return _ELSEWHERE.get(word, "")


def boolean(value: object) -> str:
    """Return which boolean a value stands for elsewhere."""
    word = str(value).lower()
    if isinstance(value, int | str) and word in _ON | _OFF:
        return f"; write {'true' if word in _ON else 'false'}"
    return ""


def is_on(text: str) -> bool:
    """Return whether a text stands for something that is turned on."""
    return text.lower() in _ON


def whole_number(key: str, value: object) -> str:
    """Return the number that a text stands for, as the key named `key` has it."""
    if not isinstance(value, str):
        return ""
    if value.isdecimal() and value.isascii():
        return "; leave the quotes out"
    if _GROUPED.fullmatch(value):
        return f"; write {re.sub('[^0-9]', '', value)}"
    unit = _UNIT_OF.get(key)
    match unit:
        case "MiB":
            number = _in(_SIZES, value)
        case "seconds" | "days":
            number = _in(_UNITS, value)
            scale = 1000 if unit == "seconds" else 86_400_000
            number = number / scale if number is not None else None
        case _:
            number = None
    if number is None or number != int(number):
        return ""
    return f"; write {int(number)}, in {unit}"


def seconds(value: object) -> str:
    """Return the number of seconds that a text stands for."""
    if isinstance(value, str):
        found = _in(_UNITS, value)
        if found is not None:
            return f"; write {found / 1000:g}"
        if re.fullmatch(r"\.\d{1,6}", value, re.ASCII):
            return f"; write 0{value}"
    return ""


def duration(value: object) -> str:
    """Return the duration that a text stands for, with s or d."""
    found = _in(_UNITS, value) if isinstance(value, str) else None
    if found is None:
        return ""
    days = found / 86_400_000
    return f"; write {int(days)}d" if days == int(days) else f"; write {found / 1000:g}"


def percent(value: object) -> str:
    """Return the percentage that a text stands for."""
    if isinstance(value, str):
        if found := re.fullmatch(r"(\d{1,2})\s*%", value, re.ASCII):
            return f"; write {found[1]}"
        if re.fullmatch(r"\d{1,2}", value, re.ASCII):
            return "; leave the quotes out"
        if found := re.fullmatch(r"0?\.(\d{1,2})", value, re.ASCII):
            return f"; write {int(found[1].ljust(2, '0'))}"
    return ""


def other_format(text: str) -> str:
    """Return what a text is that is not YAML with keys, as a sentence; nothing if it is unknown."""
    lines = [line.strip() for line in text.split("\n", 50)[:50]]
    lines = [line for line in lines if line and line[0] not in "#;"]
    if not lines:
        return ""
    if re.match(r"[^\s{\[]*:(\s|$)", lines[0]):
        return ""
    yaml = "write YAML: keys with a colon, and what belongs to them indented below"
    if any(re.match(r"\$(?:ORIGIN|TTL)\b|\S*\s.*\bSOA\b", line) for line in lines[:5]):
        return "this is a zone file; name it in `records_files` of a zone"
    if lines[0][0] == "<":
        return f"this is XML or HTML; {yaml}"
    if re.match(r"\[[^\]]+\]$", lines[0]) or re.match(r"[\w.-]+\s*=", lines[0]):
        return f"this is INI or TOML; {yaml}"
    if re.match(r"[\w\" .-]+\{", lines[0]):
        return f"this has blocks in braces, as named.conf has; {yaml}"
    return ""


def _in(units: Mapping[str, int], text: str) -> float | None:
    found = _QUANTITY.fullmatch(text.strip())
    if found is None or found[3].lower() not in units:
        return None
    return float(f"{found[1]}.{found[2] or 0}") * units[found[3].lower()]
