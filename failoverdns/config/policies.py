"""The section `policies`: when groups switch automatically."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field, PlainValidator

from failoverdns.config import numbers
from failoverdns.config.document import Node
from failoverdns.config.errors import FaultReport
from failoverdns.config.section import Section, word_of
from failoverdns.model.policy import AllDown, AnswerOf, Mode, Policy, Unchecked

ModeWord = Annotated[Mode, word_of(Mode, "a mode")]

_POLICY = Policy("")


class PolicySection(Section):
    """The keys of one policy; times in seconds."""

    mode: ModeWord = _POLICY.mode
    grace: Annotated[float, PlainValidator(numbers.seconds(0, 86400))] = _POLICY.grace
    fail_back: ModeWord = _POLICY.fail_back
    hold: Annotated[float, PlainValidator(numbers.seconds(0, 604800))] = _POLICY.hold
    cooldown: Annotated[float, PlainValidator(numbers.seconds(0, 604800))] = _POLICY.cooldown
    max_switches: Annotated[int, Field(ge=1, le=100)] = _POLICY.max_switches
    window: Annotated[float, PlainValidator(numbers.seconds(1, 604800))] = _POLICY.window
    all_down: Annotated[AllDown, word_of(AllDown, "an answer")] = _POLICY.all_down
    answer: Annotated[AnswerOf, word_of(AnswerOf, "an answer")] = _POLICY.answer
    pre_ttl: Annotated[int, Field(ge=0, le=86400)] = _POLICY.pre_ttl
    unchecked: Annotated[Unchecked, word_of(Unchecked, "a health")] = _POLICY.unchecked


def read_policy(
    name: str, section: PolicySection, usable: Node, written: Node, faults: FaultReport
) -> Policy:
    """Return the policy `name`; report a guard that never holds, and warn of one that never acts.

    `usable` is the policy in the document that the section was made of; `written` also has the
    values that were refused.
    """
    _warn_of_manual(section, usable, written, faults)
    refused = usable.lacks_any_of(written, ("max_switches", "cooldown", "window"))
    guard = usable.at("max_switches") or usable.at("window")
    futile = section.max_switches * section.cooldown >= section.window
    if futile and guard is not None and not refused:
        faults.add(
            guard.place,
            f"{section.max_switches} switches with {section.cooldown:g} s after each take the "
            f"whole window, {section.window:g} s: the guard would never hold anything back",
        )
    return section.into(Policy, name=name)


_AUTOMATIC_KEYS = ("grace", "fail_back", "hold", "cooldown", "max_switches", "window", "unchecked")
"""Keys that mean something for automatic switching only."""


def _warn_of_manual(
    section: PolicySection, usable: Node, written: Node, faults: FaultReport
) -> None:
    """Warn of keys that have no effect because the mode, which is not given, is manual."""
    found = [node for key in _AUTOMATIC_KEYS if (node := usable.at(key)) is not None]
    if section.mode is Mode.MANUAL and written.at("mode") is None and found:
        faults.warn(
            usable.place.of_key("mode"),
            "missing, and it is manual by default: groups with this policy never switch by "
            "themselves; write mode: automatic or mode: manual",
        )
