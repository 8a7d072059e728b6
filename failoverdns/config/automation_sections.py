"""The sections `checks`, `policies` and `safety_rules`: which keys, of which types.

As in `config.sections`, whose base they share.
"""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator, Field, PlainValidator

from failoverdns.config import automation_scalars as values
from failoverdns.config.section_types import (
    AddressText,
    FilePath,
    Line,
    Section,
    Switch,
    text,
    words,
)

Name = Annotated[str, text(values.group_name)]
Times = Annotated[int, Field(ge=1, le=100)]


def _one_of(what: str, *known: str) -> Any:
    return text(lambda value: values.one_of(value, known, what))


Kind = Annotated[str, _one_of("a type of checks", *values.KINDS)]
ModeWord = Annotated[str, _one_of("a mode", "manual", "automatic")]


class CheckSection(Section):
    """What stands below the name of a check; times in seconds."""

    type: Kind = "tcp"
    port: Annotated[int, Field(ge=1, le=65535)] | None = None
    interval: Annotated[float, PlainValidator(values.seconds(0.2, 86400))] = 10.0
    timeout: Annotated[float, PlainValidator(values.seconds(0.05, 3600))] = 3.0
    jitter: Annotated[int, PlainValidator(values.percent)] = 10
    up_after: Times = 2
    down_after: Times = 4
    source: list[AddressText] = []
    method: Annotated[str, text(values.http_method)] = "GET"
    path: Annotated[str, text(values.http_path)] = "/"
    host: Line | None = None
    status: Annotated[list[tuple[int, int]], PlainValidator(values.statuses)] = [(200, 299)]
    body: Annotated[str, text(values.body_text)] | None = None
    body_pattern: Annotated[str, text(values.pattern)] | None = None
    redirects: Annotated[int, Field(ge=0, le=10)] = 0
    verify: Switch = True
    server_name: Annotated[str, text(values.server_name)] | None = None
    ca_file: FilePath | None = None
    days_left: Annotated[int, Field(ge=0, le=3650)] = 0
    run: Annotated[list[Annotated[str, text(values.argument)]], BeforeValidator(words)] = []
    ttl: Annotated[float, PlainValidator(values.seconds(1, 86400))] = 60.0


class PolicySection(Section):
    """What stands below the name of a policy; times in seconds."""

    mode: ModeWord = "manual"
    grace: Annotated[float, PlainValidator(values.seconds(0, 86400))] = 25.0
    fail_back: ModeWord = "manual"
    hold: Annotated[float, PlainValidator(values.seconds(0, 604800))] = 300.0
    cooldown: Annotated[float, PlainValidator(values.seconds(0, 604800))] = 300.0
    max_switches: Times = 3
    window: Annotated[float, PlainValidator(values.seconds(1, 604800))] = 3600.0
    all_down: Annotated[str, _one_of("an answer", "stay", "primary", "backup", "empty")] = "stay"
    answer: Annotated[str, _one_of("an answer", "all", "healthy")] = "all"
    pre_ttl: Annotated[int, Field(ge=0, le=86400)] = 10


class AssertSection(Section):
    """`assert` of a safety rule."""

    groups: list[Name] = []
    at_least: Annotated[int, Field(ge=1, le=100_000)] = 1
    on: Annotated[str, _one_of("a side that can be asserted", "primary")] = "primary"


class GateSection(Section):
    """`gate` of a safety rule."""

    group: Name | None = None
    flag: Annotated[str, text(values.flag_name)] | None = None


class SafetyRuleSection(Section):
    """What stands below the name of a safety rule: exactly one of `assert`, `gate`, `wait`."""

    assert_: AssertSection | None = Field(default=None, alias="assert")
    gate: GateSection | None = None
    wait: Annotated[float, PlainValidator(values.seconds(1, 604800))] | None = None
    groups: list[Annotated[str, text(values.group_pattern)]] = []
