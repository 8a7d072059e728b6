"""The types and defaults of keys in the documentation are those of the code.

A row has the cells of docs/configuration.md as text, and the numbers in them written out again:
neither the document nor the code can change alone.  The range is tried with files, at both ends
and beyond them; the default is the value that a file without the key gives.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import Any, get_args, get_origin

import pytest
from config.test_sections import TABLE
from pydantic import BaseModel

from failoverdns.config.sections import ConfigFile
from failoverdns.model.health import Check, CheckKind
from failoverdns.model.limits import RateLimits
from failoverdns.model.policy import Policy
from failoverdns.model.settings import Config, TCPSettings

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]

LISTEN = 'listen: ["127.0.0.1:5300"]\n'
ZONES = "zones: {failover.test: {nameservers: {ns1: [192.0.2.53]}%s}}\n" + LISTEN
DEFAULTS = ZONES % "" + (
    "rate_limit: {}\nquerylog: {file: q.json}\nhooks: {h: {run: /bin/a, events: [role]}}\n"
    "checks: {http: {type: http}, https: {type: https}, tls: {type: tls}, push: {type: push}}\n"
    "policies: {p: {}}\nsafety_rules: {a: {assert: {groups: [shop]}}}\n"
)
"""A file with every section, and with no key that has a default."""

BESIDE = {
    # other keys that a file needs so that a key has only its own limits
    "tcp.max_connections": ", max_connections_per_prefix: 1",
    "tcp.max_connections_per_prefix": ", max_connections: 100000",
    "querylog.max_size": ", file: q.json",
    "checks.NAME.interval": ", type: tcp, port: 1, timeout: 0.1",
    "checks.NAME.fast_interval": ", type: tcp, port: 1, interval: 86400",
    "checks.NAME.timeout": ", type: tcp, port: 1, interval: 86400",
    "checks.NAME.days_left": ", type: tls",
    "checks.NAME.ttl": ", type: push",
    "checks.NAME": ", type: http",
    "hooks.NAME": ", run: /bin/a, events: [role]",
    "policies.NAME.max_switches": ", cooldown: 0",
    "policies.NAME.window": ", cooldown: 0",
    "safety_rules.NAME.assert.at_least": ", groups: [x, y, z]",
}

MIB = 1024 * 1024

NUMBERS = [
    # key, type, default, the smallest and the largest value, and the value without the key
    ("zones.ORIGIN.ttl", "seconds, 0 to 86400", "60", 0, 86400, 60),
    (
        "zones.ORIGIN.negative_ttl",
        "seconds, 0 to 86400",
        "60, or `ttl` if that is less",
        *(0, 86400, 60),
    ),
    (
        "zones.ORIGIN.soa.refresh",
        "seconds, 1 to 2147483647",
        "14400; with secondaries 300",
        *(1, 2**31 - 1, 14400),
    ),
    (
        "zones.ORIGIN.soa.retry",
        "seconds, 1 to 2147483647",
        "3600; with secondaries 60",
        *(1, 2**31 - 1, 3600),
    ),
    ("zones.ORIGIN.soa.expire", "seconds, 1 to 2147483647", "1209600", 1, 2**31 - 1, 1209600),
    ("workers", "`auto`, or a number from 0 to 256", "`auto`", 0, 256, None),
    ("hooks.NAME.timeout", "seconds, 1 to 3600", "60", 1, 3600, 60),
    ("hooks.NAME.attempts", "number from 1 to 20", "3", 1, 20, 3),
    ("tcp.initial_timeout", "seconds, 1 to 3600", "3", 1, 3600, 3),
    ("tcp.idle_timeout", "seconds, 1 to 3600", "10", 1, 3600, 10),
    ("tcp.max_connections", "number from 1 to 100000", "1000", 1, 100_000, 1000),
    (
        "tcp.max_connections_per_prefix",
        "number from 1 to `max_connections`",
        "200",
        *(1, 100_000, 200),
    ),
    ("tcp.max_buffered", "MiB, 1 to 4096", "16", 1, 4096, 16 * MIB),
    ("rate_limit.responses_per_second", "number from 0 to 1000000", "20", 0, 1_000_000, 20),
    ("rate_limit.nodata_per_second", "the same, or `null`", "`null`", 0, 1_000_000, 20),
    ("rate_limit.nxdomains_per_second", "the same, or `null`", "`null`", 0, 1_000_000, 20),
    ("rate_limit.referrals_per_second", "the same, or `null`", "`null`", 0, 1_000_000, 20),
    ("rate_limit.errors_per_second", "the same, or `null`", "`null`", 0, 1_000_000, 20),
    ("rate_limit.all_per_second", "the same, or `null`", "`null`", 0, 1_000_000, 200),
    ("rate_limit.window", "seconds, 1 to 3600", "15", 1, 3600, 15),
    ("rate_limit.slip", "number from 0 to 10", "2", 0, 10, 2),
    ("rate_limit.ipv4_prefix_length", "bits, 1 to 32", "24", 1, 32, 24),
    ("rate_limit.ipv6_prefix_length", "bits, 1 to 128", "56", 1, 128, 56),
    (
        "rate_limit.max_table_size",
        "number from 1000 to 10000000",
        "100000",
        *(1000, 10_000_000, 100_000),
    ),
    ("querylog.max_size", "MiB, 1 to 100000", "100", 1, 100_000, 100 * MIB),
    ("zone_files.max_size", "MiB, 1 to 1024", "16", 1, 1024, 16 * MIB),
    (
        "zone_files.max_records",
        "number from 1 to 5000000",
        "100000",
        *(1, 5_000_000, 100_000),
    ),
    (
        "checks.NAME.port",
        "number from 1 to 65535",
        "`http` 80, `https` and `tls` 443; `tcp` must have it",
        *(1, 65535, [80, 443, 443]),
    ),
    ("checks.NAME.interval", "seconds, 0.2 to 86400", "10", 0.2, 86400, 10),
    (
        "checks.NAME.fast_interval",
        "seconds, 0.2 to 86400 and at most `interval`",
        "1, or `interval` if that is less",
        *(0.2, 86400, 1),
    ),
    (
        "checks.NAME.timeout",
        "seconds, 0.05 to 3600 and at most `interval`",
        "3",
        *(0.05, 3600, 3),
    ),
    ("checks.NAME.jitter", "percent of the interval, 0 to 50", "10", 0, 50, 0.1),
    ("checks.NAME.up_after", "number from 1 to 100", "2; `push` 1", 1, 100, [2, 1]),
    ("checks.NAME.down_after", "number from 1 to 100", "4; `push` 1", 1, 100, [4, 1]),
    ("checks.NAME.status", "list of status codes and ranges", "`[200-299]`", 100, 599, (200, 299)),
    ("checks.NAME.redirects", "number from 0 to 10", "0", 0, 10, 0),
    ("checks.NAME.days_left", "days, 0 to 3650", "0", 0, 3650, 0),
    ("checks.NAME.ttl", "seconds, 1 to 86400", "60", 1, 86400, 60),
    ("policies.NAME.grace", "seconds, 0 to 86400", "12", 0, 86400, 12),
    ("policies.NAME.hold", "seconds, 0 to 604800", "300", 0, 604_800, 300),
    ("policies.NAME.cooldown", "seconds, 0 to 604800", "300", 0, 604_800, 300),
    ("policies.NAME.max_switches", "number from 1 to 100", "3", 1, 100, 3),
    ("policies.NAME.window", "seconds, 1 to 604800", "3600", 1, 604_800, 3600),
    ("policies.NAME.pre_ttl", "seconds, 0 to 86400", "10", 0, 86400, 10),
    (
        "safety_rules.NAME.assert.at_least",
        "number from 1 to the number of groups",
        "1",
        *(1, 3, 1),
    ),
    ("safety_rules.NAME.wait", "seconds, 1 to 604800", "", 1, 604_800, None),
]

LENGTHS = [
    # key, type, the largest number of characters; one is always enough
    ("identity.id", "text of 1 to 255 bytes, or `null`", 255),
    ("identity.version", "text of 1 to 255 bytes, or `null`", 255),
    ("identity.nsid", "text of 1 to 255 bytes, or `null`", 255),
    ("checks.NAME.body", "text of 1 to 500 characters, or `null`", 500),
]

ELSEWHERE = {
    *("control.mode", "acme.key_type", "checks.NAME.body_pattern", "history.keep"),
    "tsig_keys.NAME.algorithm",
}
"""Keys whose digits are part of a name or a mode, or of a range that another test has."""


def without(config: Config, path: str) -> object:
    """Return the values of a key where it was left out."""
    *section, key = path.split(".")
    checks = {one.name: one for one in config.automation.checks}
    match path:
        case "workers":
            return config.workers
        case "checks.NAME.port":
            return [checks[name].port for name in ("http", "https", "tls")]
        case "checks.NAME.up_after" | "checks.NAME.down_after":
            return [getattr(checks[name], key) for name in ("http", "push")]
        case "checks.NAME.status":
            (status,) = checks["http"].http.status
            return status
        case "checks.NAME.redirects":
            return checks["http"].http.redirects
        case "checks.NAME.days_left":
            return checks["tls"].tls.days_left
    values: dict[str, object] = {
        "zones": config.zones[0],
        "hooks": config.hooks[0],
        "tcp": config.tcp,
        "rate_limit": config.rate_limit,
        "querylog": config.querylog,
        "zone_files": config.zone_files,
        "checks": checks["push" if key == "ttl" else "http"],
        "policies": config.automation.policies[0],
        "safety_rules": config.automation.safety_rules[0],
    }
    holder = values[section[0]]
    return getattr(holder.soa if path.startswith("zones.ORIGIN.soa.") else holder, key, None)


def file_with(path: str, value: object) -> str:
    """Return a file in which a key has a value."""
    sections = path.split(".")
    beside = BESIDE.get(path) or BESIDE.get(".".join(sections[:2]), "")
    text = f"{sections[-1]}: {[value] if sections[-1] == 'status' else value}{beside}"
    if sections[0] == "zones":
        for section in reversed(sections[2:-1]):
            text = f"{section}: {{{text}}}"
        return ZONES % f", {text}"
    for section in reversed(sections[:-1]):
        text = f"{'n' if section == 'NAME' else section}: {{{text}}}"
    return ZONES % "" + text + "\n"


def rows() -> dict[str, tuple[str, str]]:
    """Return type and default of each key, as they are documented."""
    found = re.findall(r"^\| \[`(.*?)`\]\S* \| (.*?) \| ?(.*?) ?\|$", TABLE, re.MULTILINE)
    return {key: (kind, default) for key, kind, default in found}


@pytest.mark.parametrize(
    ("path", "kind", "default", "number"), [(*row[:3], row[5]) for row in NUMBERS]
)
def test_the_default_of_a_key_is_as_documented(
    load: Load, path: str, kind: str, default: str, number: object
) -> None:
    assert rows()[path] == (kind, default)
    assert without(load(DEFAULTS), path) == number


@pytest.mark.parametrize(
    ("path", "least", "most"), [(path, *row) for path, _, _, *row, _ in NUMBERS]
)
def test_the_range_of_a_key_is_as_documented(
    shown: Shown, path: str, least: float, most: float
) -> None:
    """Both ends are accepted, values just beyond are refused, and nothing else is refused."""
    for value in (least, most):
        assert shown(file_with(path, value)) == []
    step = 1 if least == int(least) else 0.01
    for value in (round(least - step, 2), most + 1):
        (found,) = shown(file_with(path, value))
        key = path.rpartition(".")[2]
        assert re.search(rf"\.{key}(\[0\])?: |^\S+ {key}: ", found)


@pytest.mark.parametrize(("path", "kind", "most"), LENGTHS)
def test_the_length_of_a_text_is_as_documented(
    shown: Shown, path: str, kind: str, most: int
) -> None:
    assert rows()[path] == (kind, "`null`")
    for size in (1, most):
        assert shown(file_with(path, "x" * size)) == []
    for text in ('""', "x" * (most + 1)):
        assert len(shown(file_with(path, text))) == 1


def test_the_mode_of_the_control_socket_is_as_documented(load: Load) -> None:
    assert rows()["control.mode"] == ("text of octal digits", '`"0660"`')
    assert load(DEFAULTS).control.mode == 0o660


def test_every_number_of_the_documented_table_is_tested() -> None:
    """A documented key with a number has a row in this file."""
    documented = {key for key, cells in rows().items() if re.search(r"\d", "".join(cells))}
    looked_at = {path for path, *_ in NUMBERS} | {path for path, *_ in LENGTHS}
    assert len(rows()) >= 90
    assert documented - looked_at == ELSEWHERE


def defaults(section: type[BaseModel], path: str = "") -> Iterator[tuple[str, Any]]:
    """Yield the paths of keys, as `keys_of` does, with their defaults."""
    for name, field in section.model_fields.items():
        name = field.alias or name
        yield f"{path}{name}", field.default
        below = "NAME." if get_origin(field.annotation) is dict else ""
        for kind in (field.annotation, *get_args(field.annotation)):
            if isinstance(kind, type) and issubclass(kind, BaseModel):
                yield from defaults(kind, f"{path}{name}.{below}")


def test_every_numeric_default_of_the_code_is_tested() -> None:
    found = {
        key
        for key, default in defaults(ConfigFile)
        if isinstance(default, int | float) and not isinstance(default, bool)
    }
    looked_at = {path.replace("ORIGIN", "NAME") for path, *_ in NUMBERS}
    assert len(found) >= 29
    assert found - looked_at == {"control.mode"}


def test_the_model_has_the_same_defaults_as_the_file(load: Load) -> None:
    """The model needs them too, for groups without a policy and the like."""
    config = load(DEFAULTS)
    checks: dict[str, Any] = {one.name: one for one in config.automation.checks}
    assert config.tcp == TCPSettings()
    assert config.rate_limit == RateLimits()
    assert config.automation.policies == (Policy("p"),)
    assert checks["http"] == Check("http", CheckKind.HTTP, port=80)
