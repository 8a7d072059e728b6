"""Hooks are read: what to run, when, for which applications."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

from failoverdns.config.hooks import hook_event, hook_name, required_word
from failoverdns.model.errors import Malformed
from failoverdns.model.settings import Config, HookSettings

Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]
EVENTS = (
    "name at least one of certificate, switch, role, health, refused, secondary-behind, "
    "secondary-in-step, or write before_switch: required for a hook that switches wait for"
)


def hook(body: str) -> str:
    """A section with one hook, whose keys begin at line 7, column 17."""
    return f"hooks: {{told: {{{body}}}}}\n"


def test_there_are_no_hooks_by_default(load: Load, right: str) -> None:
    assert load(right).hooks == ()
    assert load(right + "hooks:\n").hooks == ()


def test_a_hook_has_a_default_for_everything_but_program_and_events(load: Load, right: str) -> None:
    assert load(right + hook("run: [/bin/a], events: [role]")).hooks == (
        HookSettings(
            name="told",
            run=("/bin/a",),
            events=frozenset(["role"]),
            applications=None,
            timeout=60.0,
            attempts=3,
            before_switch=False,
        ),
    )


def test_hooks_are_read_in_the_order_of_the_file(load: Load, right: str, tmp_path: Path) -> None:
    text = """\
hooks:
  z.2:
    run: [hooks/../z, --a b, "", ../z]
    events: [certificate, switch, role]
    applications: [Shop-EU, shop-us]
    timeout: 3600
    attempts: 20
  A_1:
    run: two words
    before_switch: required
    timeout: 1
    attempts: 1
"""
    assert load(right + text).hooks == (
        HookSettings(
            name="z.2",
            run=(str(tmp_path / "z"), "--a b", "", "../z"),
            events=frozenset(["certificate", "switch", "role"]),
            applications=frozenset(["shop-eu", "shop-us"]),
            timeout=3600.0,
            attempts=20,
            before_switch=False,
        ),
        HookSettings(
            name="A_1",
            run=(str(tmp_path / "two words"),),
            events=frozenset(),
            applications=None,
            timeout=1.0,
            attempts=1,
            before_switch=True,
        ),
    )


def test_a_hook_may_have_both_events_and_before_switch(load: Load, right: str) -> None:
    [settings] = load(right + hook("run: /bin/a, events: [switch], before_switch: required")).hooks
    assert (settings.before_switch, settings.events) == (True, frozenset(["switch"]))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (hook("run: /bin/a"), [f"7:15 hooks.told.events: missing; {EVENTS}"]),
        (hook("run: /bin/a, events: []"), [f"7:37 hooks.told.events: empty; {EVENTS}"]),
        (hook("run: /bin/a, events: [], before_switch: required"), []),
        (
            hook("run: /bin/a, events: [role, switch, role]"),
            ["7:52 hooks.told.events[2]: the event role is given twice"],
        ),
        (
            hook("run: /bin/a, events: [role], applications: []"),
            [
                "7:59 hooks.told.applications: empty; "
                "name at least one application, or leave it out for all"
            ],
        ),
        (
            hook("run: /bin/a, events: [role], applications: [shop, x, Shop]"),
            ["7:69 hooks.told.applications[2]: the application shop is given twice"],
        ),
        (
            hook("run: ['', x], events: [role]"),
            ["7:22 hooks.told.run[0]: must be the path of a program"],
        ),
        (
            hook('run: [/bin/a, "a\\0b"], events: [role]'),
            ["7:30 hooks.told.run[1]: a program cannot be given a NUL"],
        ),
        (
            "hooks: {a b: {run: x, events: [role]}}\n",
            [
                '7:9 hooks."a b": "a b" cannot be the name of a hook: '
                "use 1 to 64 letters, digits, '-', '_' or '.'"
            ],
        ),
        (
            "hooks: {a: {run: x, events: [role]}, a: {run: x, events: [role]}}\n",
            ['7:38 hooks.a: the key "a" is given twice; the first time on line 7'],
        ),
    ],
)
def test_an_error_in_a_hook_is_reported(
    shown: Shown, right: str, text: str, expected: list[str]
) -> None:
    assert shown(right + text) == expected


@pytest.mark.parametrize(
    "body",
    [
        "run: [5, ''], events: [role]",
        "run: *x, events: [role]",
        "run: x, events: [roll]",
        "run: x, events: *x",
        "run: x, events: [role], applications: ['*']",
        "run: x, before_switch: yes",
    ],
)
def test_a_refused_value_causes_no_second_error(shown: Shown, right: str, body: str) -> None:
    assert len(shown(right + hook(body))) == 1


@pytest.mark.parametrize("text", ["x", "Reload-nginx_2.sh", "-", "x" * 64])
def test_a_hook_has_a_simple_name(text: str) -> None:
    assert hook_name(text) == text


@pytest.mark.parametrize("text", ["", "x" * 65, "a b", "a/b", "é", "a\n"])
def test_any_other_name_of_a_hook_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match=r"use 1 to 64 letters, digits, '-', '_' or '.'"):
        hook_name(text)


@pytest.mark.parametrize("value", [True, "Required", "", None, ["required"]])
def test_a_switch_waits_only_for_a_required_hook(value: object) -> None:
    assert required_word("required") is True
    with pytest.raises(Malformed, match=r"^must be required, not "):
        required_word(value)


def test_an_event_is_one_of_a_few() -> None:
    for event in ("certificate", "switch", "role"):
        assert hook_event(event) == event
    with pytest.raises(Malformed, match=r'^"roles" is not an event; did you mean "role"[?]$'):
        hook_event("roles")


def test_a_program_that_cannot_be_run_is_warned_of(load: Load, right: str, tmp_path: Path) -> None:
    """In a hook and in a check; with its place, and the mistake."""
    (tmp_path / "deploy").write_text("#!/bin/sh\r\nexit 0\r\n")
    (tmp_path / "deploy").chmod(0o755)
    text = (
        "checks: {lag: {type: exec, run: [missing, -v]}}\n"
        "hooks:\n"
        "  deploy: {run: deploy, events: [switch]}\n"
        "  well: {run: /bin/true, events: [switch]}\n"
    )
    check, hook = load(right + text).warnings
    assert ":7:34: warning: checks.lag.run[0]: " in check
    assert f"{tmp_path}/missing cannot be run: there is no such file" in check
    assert ":9:17: warning: hooks.deploy.run" in hook
    assert f"{tmp_path}/deploy cannot be run: its first line ends in CR" in hook


def test_a_ca_file_that_has_no_certificate_is_warned_of(
    load: Load, right: str, tmp_path: Path
) -> None:
    (tmp_path / "key.pem").write_text("-----BEGIN PRIVATE KEY-----\n")
    (tmp_path / "ca.pem").write_text("-----BEGIN CERTIFICATE-----\n")
    text = (
        "checks:\n"
        "  gone: {type: https, ca_file: gone.pem}\n"
        "  key: {type: tls, ca_file: key.pem}\n"
        "  folder: {type: tls, ca_file: .}\n"
        "  well: {type: https, ca_file: ca.pem}\n"
        "  blind: {type: https, verify: false, ca_file: gone.pem}\n"
    )
    gone, key, folder = load(right + text).warnings
    assert ":8:32: warning: checks.gone.ca_file: no CA can be read from " in gone
    assert gone.endswith("/gone.pem, so probes find nothing out: No such file or directory")
    assert key.endswith(
        "/key.pem, so probes find nothing out: it has no -----BEGIN CERTIFICATE-----"
    )
    assert folder.endswith(", so probes find nothing out: Is a directory")
