"""The mode of the control socket and the roles of its users are read, or refused with a remedy."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path

import pytest

from failoverdns.config.control import socket_mode
from failoverdns.model.errors import Malformed
from failoverdns.model.roles import Grant, Role
from failoverdns.model.settings import Config

DOCS = Path(__file__).parents[2] / "docs"
Load = Callable[[str | bytes], Config]
Shown = Callable[[str | bytes], list[str]]


@pytest.mark.parametrize(
    ("text", "mode"), [("0660", 0o660), ("600", 0o600), ("0664", 0o664), ("0665", 0o665)]
)
def test_a_mode_is_octal(text: str, mode: int) -> None:
    assert socket_mode(text) == mode


@pytest.mark.parametrize("text", ["", "66", "0o660", "0680", "1660", "04660", "rw-rw----"])
def test_an_invalid_mode_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match='is not a mode; write octal digits such as "0660"'):
        socket_mode(text)


@pytest.mark.parametrize("text", ["0666", "662", "0777"])
def test_a_socket_that_every_user_may_write_to_is_refused(text: str) -> None:
    with pytest.raises(Malformed, match="lets every user of the machine switch traffic"):
        socket_mode(text)


ROLES = """
control:
  roles:
    root: admin
    "@dns-operators": operator
    1000: viewer
    "@monitoring": {role: reporter, applications: [Shop-*, blog]}
    "@shop-team": {role: operator, groups: ["Shop-*"], applications: ["shop-?"]}
  allow: [alice, "@77"]
"""


def test_roles_are_read_in_both_forms_and_allow_makes_admins(load: Load, right: str) -> None:
    """Names of applications are in lower case, those of groups are as they are written."""
    assert load(right + ROLES).control.roles == (
        ("alice", Grant(Role.ADMIN)),
        ("@77", Grant(Role.ADMIN)),
        ("root", Grant(Role.ADMIN)),
        ("@dns-operators", Grant(Role.OPERATOR)),
        ("1000", Grant(Role.VIEWER)),
        ("@monitoring", Grant(Role.REPORTER, applications=("shop-*", "blog"))),
        ("@shop-team", Grant(Role.OPERATOR, groups=("Shop-*",), applications=("shop-?",))),
    )


@pytest.mark.parametrize(
    ("text", "roles"),
    [
        ("{}", None),
        ("{roles: null, allow: null}", None),
        ("{roles: {}}", ()),
        ("{allow: []}", ()),
        ("{allow: [bob]}", (("bob", Grant(Role.ADMIN)),)),
    ],
)
def test_without_roles_the_socket_is_open_and_with_an_empty_list_it_is_closed(
    load: Load, right: str, text: str, roles: object
) -> None:
    assert load(f"{right}control: {text}\n").control.roles == roles


WRONG = [
    ("roles: [bob]", "control.roles: must be a mapping of keys to values, not a list"),
    (
        "roles: {a b: admin}",
        'control.roles."a b": "a b" cannot be a user or group; write one such as deploy, 1000 or, '
        "for a group, @operators",
    ),
    ("roles: {4294967295: admin}", "cannot be a user or group"),
    (
        "roles: {bob: boss}",
        'control.roles.bob: "boss" is not a role; write viewer or reporter or operator or admin',
    ),
    ("roles: {bob: adm}", '"adm" is not a role; did you mean "admin"?'),
    (
        "roles: {bob: 3}",
        "control.roles.bob: must be one of viewer, reporter, operator, admin, or a mapping with a "
        "role, not the number 3",
    ),
    ("roles: {bob: null}", "or a mapping with a role, not nothing"),
    ("roles: {bob: [admin]}", "or a mapping with a role, not a list"),
    (
        "roles: {bob: {groups: [a]}}",
        "control.roles.bob.role: missing; write viewer, reporter, operator, admin",
    ),
    (
        "roles: {bob: {role: admin, rol: x}}",
        'control.roles.bob.rol: unknown key; did you mean "role"?',
    ),
    (
        "roles: {bob: {role: operator, groups: []}}",
        "control.roles.bob.groups: empty; give at least one pattern, or leave it out",
    ),
    ("roles: {bob: {role: operator, groups: null}}", "control.roles.bob.groups: empty"),
    (
        "roles: {bob: {role: operator, groups: [x, x]}}",
        "control.roles.bob.groups[1]: the pattern x is given twice",
    ),
    (
        "roles: {bob: {role: operator, groups: [a b]}}",
        'control.roles.bob.groups[0]: "a b" cannot match a group; write one such as "shop-*"',
    ),
    (
        "roles: {bob: {role: reporter, applications: [a.b]}}",
        '"a.b" cannot match an application; write one such as "shop-*"',
    ),
    (
        "roles: {bob: {role: viewer, groups: [a]}}",
        "control.roles.bob.groups: only a reporter or an operator can be limited; a viewer changes "
        "nothing",
    ),
    (
        "roles: {bob: {role: admin, applications: [a]}}",
        "only a reporter or an operator can be limited; an admin cannot",
    ),
    (
        "roles: {bob: {role: reporter, groups: [a]}}",
        "control.roles.bob.groups: a reporter reports applications; write applications",
    ),
    (
        "{roles: {bob: viewer}, allow: [bob]}",
        "control.roles.bob: bob is in control.allow too, which makes it an admin",
    ),
    (
        "roles: {root: viewer}",
        "control.roles.root: root can do everything, whatever its role; write admin",
    ),
    (
        'group: "@operators"',
        'control.group: "@operators" cannot be a group; write one such as dns-operators or 1000, '
        "without an @",
    ),
    ("group: [a]", "control.group: a list cannot be a group"),
    ("group: 4294967295", "control.group: "),
]


@pytest.mark.parametrize(("text", "message"), WRONG)
def test_roles_and_groups_that_cannot_be_are_refused(
    shown: Shown, right: str, text: str, message: str
) -> None:
    text = text if text.startswith("{") else f"{{{text}}}"
    (error,) = shown(f"{right}control: {text}\n")
    assert message in error


def test_the_documented_examples_are_valid(load: Load, right: str) -> None:
    """Whether the groups exist on this machine is asked at a start only."""
    pages = ((DOCS / name).read_text("utf-8") for name in ("configuration.md", "systemd.md"))
    text = "".join(page.partition("## Keys")[2] or page for page in pages)
    blocks = re.findall(r"```yaml\n(control:\n.*?)```", text, re.DOTALL)
    assert len(blocks) == 3
    assert all(load(right + block).control.roles for block in blocks)


@pytest.mark.parametrize(("text", "group"), [("5", "5"), ("dns-operators", "dns-operators")])
def test_the_group_of_the_socket_is_a_name_or_a_number(
    load: Load, right: str, text: str, group: str
) -> None:
    assert load(f"{right}control: {{group: {text}}}\n").control.group == group
