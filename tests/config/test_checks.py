"""Checks are read, and errors name the key and the check."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from ipaddress import ip_address
from pathlib import Path

import pytest

from failoverdns.model.health import Check, CheckKind, HttpExpectation, TlsExpectation
from failoverdns.model.policy import (
    AutomationSettings,
)
from failoverdns.model.settings import Config

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]


def check(body: str) -> str:
    """A section with one check, whose keys begin at line 7, column 16."""
    return f"checks: {{web: {{{body}}}}}\n"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("type: tcp, port: 25", Check("web", CheckKind.TCP, 25)),
        ("type: http", Check("web", CheckKind.HTTP, 80)),
        ("type: https", Check("web", CheckKind.HTTPS, 443)),
        ("type: tls", Check("web", CheckKind.TLS, 443)),
        ("type: exec, run: [/bin/a, b]", Check("web", CheckKind.EXEC, run=("/bin/a", "b"))),
        ("type: push", Check("web", CheckKind.PUSH, up_after=1, down_after=1)),
        (
            "type: push, up_after: 3, down_after: 2",
            Check("web", CheckKind.PUSH, up_after=3, down_after=2),
        ),
    ],
)
def test_every_key_of_a_check_has_a_default_unless_its_type_needs_it(
    load: Load, right: str, body: str, expected: Check
) -> None:
    assert load(right + check(body)).automation == AutomationSettings((expected,))


def test_checks_are_read_in_the_order_of_the_file(load: Load, right: str, tmp_path: Path) -> None:
    text = """\
checks:
  z.2:
    type: https
    port: 8443
    interval: 0.5
    timeout: 0.05
    jitter: 0
    up_after: 100
    down_after: 1
    source: [192.0.2.1, "2001:db8::1"]
    method: HEAD
    path: /health?deep=1
    host: www.shop.example
    status: [200-299, 401]
    body: 'fine & dandy'
    body_pattern: 'ready|warm\\s+up'
    redirects: 10
    verify: false
    server_name: Shop.Example.
    ca_file: ca/shop.pem
    days_left: 3650
  A_1:
    type: exec
    run: checks/../shop
    interval: 86400
    timeout: 3600
    jitter: 50
  beat: {type: push, ttl: 86400}
  plain: {type: http, status: 204}
"""
    assert load(right + text).automation.checks == (
        Check(
            "z.2",
            CheckKind.HTTPS,
            8443,
            interval=0.5,
            fast_interval=0.5,
            timeout=0.05,
            jitter=0.0,
            up_after=100,
            down_after=1,
            sources=(ip_address("192.0.2.1"), ip_address("2001:db8::1")),
            http=HttpExpectation(
                "HEAD",
                "/health?deep=1",
                "www.shop.example",
                ((200, 299), (401, 401)),
                "fine & dandy",
                r"ready|warm\s+up",
                10,
            ),
            tls=TlsExpectation(False, "shop.example", str(tmp_path / "ca/shop.pem"), 3650),
        ),
        Check(
            "A_1",
            CheckKind.EXEC,
            interval=86400.0,
            timeout=3600.0,
            jitter=0.5,
            run=(str(tmp_path / "shop"),),
        ),
        Check("beat", CheckKind.PUSH, up_after=1, down_after=1, ttl=86400.0),
        replace(Check("plain", CheckKind.HTTP, 80), http=HttpExpectation(status=((204, 204),))),
    )


STATUS = "write status codes and ranges, as in [200-299, 401]"
SECONDS = "must be a number of seconds, such as 30 or 0.5, not"
RE2 = "it is read by RE2, which has no look-around and no backreferences"


@pytest.mark.parametrize(
    ("body", "expected"),
    [
        ("", ["15 checks.web.type: missing; write tcp, http, https, tls, exec, push"]),
        ("port: 80", ["15 checks.web.type: missing; write tcp, http, https, tls, exec, push"]),
        (
            "type: tpc",
            ['22 checks.web.type: "tpc" is not a type of checks; did you mean "tcp"?'],
        ),
        (
            "type: icmp",
            [
                '22 checks.web.type: "icmp" is not a type of checks; write tcp or http or https or '
                "tls or exec or push"
            ],
        ),
        ("type: 5", [
                '22 checks.web.type: "5" is not a type of checks; write tcp or http or https or '
                "tls or exec or push"
            ]),
        ("type: tcp", ["15 checks.web.port: missing; give the port to connect to"]),
        ("type: http, port: 0", ["34 checks.web.port: must be at least 1, not 0"]),
        ("type: http, port: 65536", ["34 checks.web.port: must be at most 65535, not 65536"]),
        ("type: exec", ["15 checks.web.run: missing; give the path of a program"]),
        ("type: exec, run: []", ["15 checks.web.run: missing; give the path of a program"]),
        ("type: exec, run: ['']", ["34 checks.web.run[0]: must be the path of a program"]),
        (
            "type: push, interval: 3",
            ["28 checks.web.interval: is for checks of the type tcp, http, https, tls or exec, "
             "not push"],
        ),
        ("type: http, ttl: 5", ["28 checks.web.ttl: is for checks of the type push, not http"]),
        (
            "type: tls, method: GET, run: x",
            [
                "27 checks.web.method: is for checks of the type http or https, not tls",
                "40 checks.web.run: is for checks of the type exec, not tls",
            ],
        ),
        (
            "type: http, verify: true",
            ["28 checks.web.verify: is for checks of the type https or tls, not http"],
        ),
        (
            "type: http, interval: 1, timeout: 2",
            ["50 checks.web.timeout: the timeout, 2, must be at most the interval, 1: a probe ends "
             "before the next"],
        ),
        (
            "type: http, interval: 2.5",
            ["38 checks.web.interval: the timeout, 3, must be at most the interval, 2.5: a probe "
             "ends before the next"],
        ),
        ("type: http, interval: 3", []),
        ("type: http, interval: 3, fast_interval: 3", []),
        (
            "type: http, interval: 3, fast_interval: 3.5",
            ["56 checks.web.fast_interval: the fast interval, 3.5, must be at most the interval, "
             "3; equal ones mean no fast probes"],
        ),
        ("type: push, fast_interval: 1",
         ["28 checks.web.fast_interval: is for checks of the type tcp, http, https, tls or exec, "
          "not push"]),
        ("type: http, interval: x, fast_interval: 20",
         [f'38 checks.web.interval: {SECONDS} the text "x"']),
        ("type: http, interval: 0.1",
         ["38 checks.web.interval: must be from 0.2 to 86400 seconds, not 0.1"]),
        ("type: http, interval: 5m",
         [f'38 checks.web.interval: {SECONDS} the text "5m"; write 300']),
        ("type: http, interval: true", [f"38 checks.web.interval: {SECONDS} true"]),
        ("type: http, timeout: 0", ["37 checks.web.timeout: must be from 0.05 to 3600 seconds, "
                                    "not 0"]),
        ("type: push, ttl: 0", ["33 checks.web.ttl: must be from 1 to 86400 seconds, not 0"]),
        ("type: http, jitter: 51",
         ["36 checks.web.jitter: must be a whole number from 0 to 50 (percent), not the number "
          "51"]),
        ("type: http, up_after: 0", ["38 checks.web.up_after: must be at least 1, not 0"]),
        ("type: http, down_after: 101", ["40 checks.web.down_after: must be at most 100, not "
                                         "101"]),
        ("type: http, source: [192.0.2.1, 192.0.2.2]",
         ["36 checks.web.source: give one IPv4 and one IPv6 address at most"]),
        ("type: http, source: [eth0]",
         ['37 checks.web.source[0]: "eth0" is not an IP address; write one such as 192.0.2.53 or '
          "2001:db8::53"]),
        ("type: http, method: get",
         ['36 checks.web.method: "get" is not a method of HTTP; write GET or HEAD']),
        ("type: http, path: health",
         ['34 checks.web.path: "health" is not a path; write one such as /health?deep=1']),
        ("type: http, path: '/a b'",
         ['34 checks.web.path: "/a b" is not a path; write one such as /health?deep=1']),
        ("type: http, host: é",
         ['34 checks.web.host: "é" cannot be right; it must be one line of printable ASCII']),
        *(
            (
                f"type: http, host: '{host}'",
                [f'34 checks.web.host: "{host}" is not the name of a host; write a name such as '
                 "www.shop.example, or with a port, www.shop.example:8443"],
            )
            for host in ("a b", "https://x", "a/b", "x:y")
        ),
        ("type: http, status: []", [f"36 checks.web.status: empty; {STATUS}"]),
        ("type: http, status: [299-200]",
         [f"36 checks.web.status: the range 299-200 is empty; {STATUS}"]),
        ("type: http, status: [200, 600]",
         [f"36 checks.web.status: the number 600 is not a status of HTTP; {STATUS}"]),
        ("type: http, status: [true]",
         [f"36 checks.web.status: true is not a status of HTTP; {STATUS}"]),
        ("type: http, body: ''", ["34 checks.web.body: must be 1 to 500 characters long, not 0"]),
        ("type: http, body_pattern: '('",
         [f'42 checks.web.body_pattern: "(" is not a regular expression: missing ): (; {RE2}']),
        ("type: http, body_pattern: '(?=a)'",
         ['42 checks.web.body_pattern: "(?=a)" is not a regular expression: invalid perl operator: '
          f"(?=; {RE2}"]),
        ("type: http, redirects: 11", ["39 checks.web.redirects: must be at most 10, not 11"]),
        ("type: https, verify: 1",
         ["37 checks.web.verify: must be true or false, not the number 1; write true"]),
        ("type: https, server_name: 'a b'",
         ["42 checks.web.server_name: it has white space in it"]),
        ("type: https, ca_file: ''", ["38 checks.web.ca_file: must be the path of a file"]),
        ("type: https, days_left: -1", ["40 checks.web.days_left: must be at least 0, not -1"]),
        (
            "typ: http",
            [
                "15 checks.web.type: missing; write tcp, http, https, tls, exec, push",
                '16 checks.web.typ: unknown key; did you mean "type"?',
            ],
        ),
    ],
)  # fmt: skip
def test_an_error_in_a_check_is_reported(
    shown: Shown, right: str, body: str, expected: list[str]
) -> None:
    assert shown(right + check(body)) == [f"7:{line}" for line in expected]


@pytest.mark.parametrize("pattern", ["((a+))+b", "(a|a)*c", "a.*b", r"\s*x", "(?i)ready", "ö.*"])
def test_any_pattern_is_allowed_because_none_takes_long(
    load: Load, right: str, pattern: str
) -> None:
    """RE2 takes linear time for any pattern."""
    (web,) = load(right + check(f"type: http, body_pattern: '{pattern}'")).automation.checks
    assert web.http.body_pattern == pattern


def test_a_certificate_may_have_to_be_valid_for_an_address(load: Load, right: str) -> None:
    """Then no SNI is sent."""
    text = "checks: {web: {type: tls, server_name: '2001:DB8::1'}}\n"
    (check,) = load(right + text).automation.checks
    assert check.tls.server_name == "2001:db8::1"
