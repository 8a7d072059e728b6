"""Values of command parameters are checked once, with a message that states valid values."""

from __future__ import annotations

from contextlib import suppress
from datetime import UTC, datetime
from ipaddress import ip_address
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from tables import name

from failoverdns.control.language import values as v
from failoverdns.model.application import HeadRole
from failoverdns.model.change import Json
from failoverdns.model.errors import Malformed
from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.model.timestamps import timestamp

ttl = v.number(0, 86400, " seconds")
RIGHT: list[tuple[v.Parse, Json, Any]] = [
    (v.text, "", ""),
    (v.text, "zürich 日本", "zürich 日本"),
    (v.text, "x" * 1000, "x" * 1000),
    (v.application, "Shop-EU_1", "shop-eu_1"),
    (v.application, "a" * 63, "a" * 63),
    (v.application_or_nothing, "", ""),
    (v.application_or_nothing, "Shop", "shop"),
    (v.head, "LB1", "lb1"),
    (v.label, "414-262-781", "414-262-781"),
    (v.label, "@", "@"),
    (v.group, "Shop.v2_a-b", "Shop.v2_a-b"),
    (v.group, "g" * 128, "g" * 128),
    (v.zone, "Failover.TEST.", name("failover.test")),
    (v.address, "192.0.2.1", ip_address("192.0.2.1")),
    (v.address, "2001:DB8::1", ip_address("2001:db8::1")),
    (v.flag, True, True),
    (v.flag, False, False),
    (ttl, 0, 0),
    (ttl, 86400, 86400),
    (v.role, "web-server", HeadRole.WEB_SERVER),
    (v.role, "load-balancer", HeadRole.LOAD_BALANCER),
    (v.side, "primary", Side.PRIMARY),
    (v.time, "2027-01-15T08:00:00Z", 1_800_000_000.0),
    (v.time, "2027-01-15T09:00:00.25+01:00", 1_800_000_000.25),
    (v.time, "2027-01-15t08:00:00z", 1_800_000_000.0),
    (v.configured_name, "Web.2_a-b", "Web.2_a-b"),
    (v.configured_name, "n" * 64, "n" * 64),
    (v.configured_name_or_nothing, "", ""),
    (v.configured_name_or_nothing, "auto", "auto"),
    (v.flag_name, "office-hours", "office-hours"),
    (v.quorum, "any", "any"),
    (v.quorum, "all", "all"),
    (v.quorum, 1, 1),
    (v.quorum, 1000, 1000),
    (v.quorum, "2", 2),
    (v.on_or_off, "on", True),
    (v.on_or_off, "off", False),
    (v.forced_health, "up", Health.UP),
    (v.forced_health, "down", Health.DOWN),
    (v.forced_health, "none", Health.UNKNOWN),
    (v.reported_health, "up", Health.UP),
    (v.reported_health, "down", Health.DOWN),
    (v.exact_target, "Shop-EU", ("shop-eu", None)),
    (v.exact_target, "shop-eu/Web1", ("shop-eu", "web1")),
    (v.health_target, "Shop-EU", ("shop-eu", None)),
    (v.health_target, "shop-*/WEB?", ("shop-*", "web?")),
    (v.health_target, "*/*", ("*", "*")),
]
LABEL = (
    "cannot be a DNS label: use 1 to 63 letters, digits, '-' or '_', "
    "not beginning or ending with '-'"
)
GROUP = (
    "must be 1 to 128 letters, digits, '.', '_' or '-', beginning and ending with a letter or digit"
)
TIME = (
    "is not a time with its zone; write one such as 2026-03-01T02:00:00Z or "
    "2026-03-01T03:00:00+01:00"
)
CONFIGURED = "must be 1 to 64 letters, digits, '-', '_' or '.'"
QUORUM = "must be any, all or a number from 1 to 1000"
PATTERN = (
    "must be a name, or a pattern of names with * and ?: write APPLICATION or APPLICATION/HEAD"
)
WRONG: list[tuple[v.Parse, Json, str]] = [
    (v.text, 1, "must be a string, not a number"),
    (v.text, 1.5, "must be a string, not a fraction"),
    (v.text, True, "must be a string, not a boolean"),
    (v.text, [], "must be a string, not a list"),
    (v.text, {}, "must be a string, not an object"),
    (v.text, "x" * 1001, "is 1001 characters long; at most 1000 are allowed"),
    (v.text, "a\nb", "has characters that cannot be printed"),
    (v.text, "\x1b[2J", "has characters that cannot be printed"),
    (v.text, "\ud800", "has characters that cannot be printed"),
    (v.application, "", f"application '' {LABEL}"),
    (v.application, "a.b", f"application 'a.b' {LABEL}"),
    (v.application, "a" * 64, f"application {'a' * 64!r} {LABEL}"),
    (v.application_or_nothing, " ", f"application ' ' {LABEL}"),
    (v.head, "-lb", f"head '-lb' {LABEL}"),
    (
        v.label,
        "shop.example",
        "label 'shop.example' has a dot: give one label, which the name of the zone follows, or "
        "'@' for the zone itself",
    ),
    (v.label, "zürich", f"label 'zürich' {LABEL}"),
    (v.label, "\u212a", f"label '\u212a' {LABEL}"),
    (v.group, "", f"group '' {GROUP}"),
    (v.group, "a b", f"group 'a b' {GROUP}"),
    (v.group, "-a", f"group '-a' {GROUP}"),
    (v.group, "g" * 129, f"group {'g' * 129!r} {GROUP}"),
    (v.zone, "a..b", "'a..b' is not a domain name: it has an empty label"),
    (
        v.zone,
        "é",
        "'é' is not a domain name: it has letters outside ASCII; "
        "write them in A-label form (xn--...)",
    ),
    (v.address, "192.0.2.256", "'192.0.2.256' is not an IPv4 or IPv6 address"),
    (v.address, "192.0.2.0/24", "'192.0.2.0/24' is not an IPv4 or IPv6 address"),
    (v.address, "fe80::1%eth0", "'fe80::1%eth0' has a zone index, which DNS cannot carry"),
    (v.address, "0.0.0.0", "'0.0.0.0' is not the address of a host"),
    (v.address, "::", "'::' is not the address of a host"),
    (v.address, "224.0.0.1", "'224.0.0.1' is not the address of a host"),
    (v.address, "255.255.255.255", "'255.255.255.255' is not the address of a host"),
    (v.address, "0.0.0.1", "'0.0.0.1' is not the address of a host"),
    (
        v.address,
        "::ffff:192.0.2.1",
        "'::ffff:192.0.2.1' is an IPv4 address in the form of an IPv6 one: write 192.0.2.1",
    ),
    (
        v.address,
        "fe80::1",
        "'fe80::1' is of one link only: clients would have to know which, and DNS cannot say it",
    ),
    (v.address, 3221225985, "must be a string, not a number"),
    (v.flag, "true", "must be true or false, not a string"),
    (v.flag, 1, "must be true or false, not a number"),
    (ttl, -1, "-1: must be from 0 to 86400 seconds"),
    (ttl, 86401, "86401: must be from 0 to 86400 seconds"),
    (ttl, "60", "must be a whole number of seconds, not a string"),
    (ttl, 60.0, "must be a whole number of seconds, not a fraction"),
    (ttl, False, "must be a whole number of seconds, not a boolean"),
    (v.role, "balancer", "must be 'load-balancer' or 'web-server', not 'balancer'"),
    (v.side, "Primary", "must be 'primary' or 'backup', not 'Primary'"),
    (v.side, {"a": 1}, "must be 'primary' or 'backup', not an object"),
    (v.time, "2027-01-15T08:00:00", f"'2027-01-15T08:00:00' {TIME}"),
    (v.time, "2027-01-15", f"'2027-01-15' {TIME}"),
    (v.time, "2027-01-15 08:00:00Z", f"'2027-01-15 08:00:00Z' {TIME}"),
    (v.time, "tomorrow", f"'tomorrow' {TIME}"),
    (v.time, "2027-02-30T08:00:00Z", f"'2027-02-30T08:00:00Z' {TIME}"),
    (v.time, "0001-01-01T00:00:00+14:00", f"'0001-01-01T00:00:00+14:00' {TIME}"),
    (v.time, "9999-12-31T23:59:59-14:00", f"'9999-12-31T23:59:59-14:00' {TIME}"),
    (v.time, 1_800_000_000, "must be a string, not a number"),
    (v.configured_name, "", f"'' {CONFIGURED}"),
    (v.configured_name, "a b", f"'a b' {CONFIGURED}"),
    (v.configured_name, "n" * 65, f"{'n' * 65!r} {CONFIGURED}"),
    (v.configured_name_or_nothing, " ", f"' ' {CONFIGURED}"),
    (
        v.flag_name,
        "automation",
        "this flag has its own commands: `automation freeze` and `automation thaw`",
    ),
    (v.flag_name, "a/b", f"'a/b' {CONFIGURED}"),
    (v.quorum, 0, QUORUM),
    (v.quorum, 1001, QUORUM),
    (v.quorum, "most", QUORUM),
    (v.quorum, True, QUORUM),
    (v.quorum, 1.0, QUORUM),
    (v.quorum, "٣", QUORUM),
    (v.quorum, [], QUORUM),
    (v.on_or_off, "yes", "must be 'on' or 'off', not 'yes'"),
    (v.on_or_off, True, "must be 'on' or 'off', not a boolean"),
    (v.forced_health, "unknown", "must be 'up' or 'down' or 'none', not 'unknown'"),
    (v.reported_health, "none", "must be 'up' or 'down', not 'none'"),
    (v.exact_target, "shop-*", f"application 'shop-*' {LABEL}"),
    (v.exact_target, "shop/", f"head '' {LABEL}"),
    (v.exact_target, "shop/a/b", f"head 'a/b' {LABEL}"),
    (v.health_target, "shop/", f"'' {PATTERN}"),
    (v.health_target, "shop/a/b", f"'a/b' {PATTERN}"),
    (v.health_target, "shop[ab]", f"'shop[ab]' {PATTERN}"),
    (v.health_target, "", f"'' {PATTERN}"),
]


@pytest.mark.parametrize(("parse", "given_value", "value"), RIGHT)
def test_a_valid_value_is_accepted(parse: v.Parse, given_value: Json, value: Any) -> None:
    """Names are lowercased; addresses and sides become typed values."""
    assert parse(given_value) == value


@pytest.mark.parametrize(("parse", "given_value", "message"), WRONG)
def test_an_invalid_value_is_refused_with_a_message_that_states_valid_values(
    parse: v.Parse, given_value: Json, message: str
) -> None:
    """The message names the fault and the remedy."""
    with pytest.raises(Malformed) as refusal:
        parse(given_value)
    assert str(refusal.value) == message


@given(
    st.datetimes(timezones=st.timezones() | st.sampled_from([UTC])),
    st.sampled_from(["auto", "seconds", "microseconds"]),
)
def test_an_accepted_time_can_be_written_in_a_reply(at: datetime, precision: str) -> None:
    """This holds for any year."""
    with suppress(Malformed):
        assert timestamp(v.time(at.isoformat(timespec=precision))) is not None


json_values: st.SearchStrategy[Json] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)
PARSERS = [
    v.text,
    v.application,
    v.group,
    v.zone,
    v.address,
    v.flag,
    ttl,
    v.role,
    v.side,
    v.time,
    v.configured_name_or_nothing,
    v.flag_name,
    v.quorum,
    v.on_or_off,
    v.forced_health,
    v.exact_target,
    v.health_target,
]


@given(st.sampled_from(PARSERS), json_values)
def test_any_json_value_is_accepted_or_refused(parse: v.Parse, value: Json) -> None:
    """No other exception than Malformed is raised."""
    with suppress(Malformed):
        parse(value)
