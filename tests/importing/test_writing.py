"""The texts of a plan mean what the plan has, whatever is in it."""

from __future__ import annotations

import shlex
from pathlib import Path

import pytest

from failoverdns.config import load_config
from failoverdns.importing.plan import (
    Plan,
    PlannedApplication,
    PlannedGroup,
    PlannedHead,
    PlannedZone,
)
from failoverdns.importing.writing import configuration, script
from failoverdns.model.names import DomainName

ZONE = PlannedZone(DomainName.from_text("1.example"), {"ns.example.net": ()})


def plan_with(body: str = "x", application: str = "a") -> Plan:
    """Return a plan with a check for this text, and an application with this name."""
    heads = (PlannedHead("lb", ("192.0.2.1",)),)
    return Plan(
        "test",
        "a source\nof two lines \x1b[0m",
        (ZONE,),
        {"web": {"type": "https", "body": body, "verify": False, "status": ["200", "300-399"]}},
        {"p": {"mode": "automatic"}},
        (PlannedApplication(application, heads, ("web",)),),
        (PlannedGroup("g", ZONE.origin, "@", 60, application, policy="p"),),
        ("[::1]:53",),
        needs_resolvers=True,
        not_taken=(),
        notes=(),
    )


@pytest.mark.parametrize(
    "text",
    ["no", "null", "true", "~", "1", "1e3", "- a", "a: b", "# c", "it's", '"\\', " x ", "&a *b !c",
     "\u00e9\u2028\x7f\x85\x07\n\t", "\U0001f600", "{a}", "[a]", "%", "@", "a,b"],
)  # fmt: skip
def test_any_text_is_read_back(tmp_path: Path, text: str) -> None:
    path = tmp_path / "failoverdns.yaml"
    path.write_text(configuration(plan_with(body=text)))
    (check,) = load_config(path).automation.checks
    assert check.http.body == text
    assert check.http.status == ((200, 200), (300, 399))


def test_any_word_is_one_word_for_the_shell() -> None:
    name = "it's a; $(name) & \\"
    line = next(line for line in script(plan_with(application=name)).splitlines() if "add" in line)
    assert shlex.split(line) == ["failoverdns", "application", "add", name]
