"""The sections `checks`, `policies` and `safety_rules`, which become `AutomationSettings`."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from failoverdns.config.checks import read_check
from failoverdns.config.document import Node
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.policies import read_policy
from failoverdns.config.safety_rules import read_safety_rule
from failoverdns.config.sections import ConfigFile
from failoverdns.model.health import Check
from failoverdns.model.names import CONFIGURED_NAME_FORM, is_configured_name
from failoverdns.model.policy import HASTY, AutomationSettings, Policy, is_hasty


def read_automation(
    sections: ConfigFile, folder: Path, usable: Node, written: Node, faults: FaultReport
) -> AutomationSettings:
    """Return the settings of automation; report all their errors in `faults`.

    `folder` completes the paths of programs and files.
    `usable` is the document that the sections were made of; `written` also has the values that were
    refused.
    """
    for key in ("checks", "policies", "safety_rules"):
        _check_names(usable.at(key), faults)
    checks = [
        read_check(name, section, folder, found, written.get("checks", name), faults)
        for name, section in sections.checks.items()
        if (found := usable.get("checks", name)).at("type") is not None  # else it was reported
    ]
    policies = [
        read_policy(
            name, section, usable.get("policies", name), written.get("policies", name), faults
        )
        for name, section in sections.policies.items()
    ]
    rules = [
        read_safety_rule(name, section, written.get("safety_rules", name), faults)
        for name, section in sections.safety_rules.items()
    ]
    for policy in policies:
        _warn_of_haste(policy, checks, usable.at("policies", policy.name), faults)
    return AutomationSettings(
        tuple(checks), tuple(policies), tuple(rule for rule in rules if rule is not None)
    )


def _warn_of_haste(
    policy: Policy, checks: Iterable[Check], node: Node | None, faults: FaultReport
) -> None:
    """Warn of an automatic policy whose grace is not above the interval of a check."""
    slow = [check for check in checks if is_hasty(policy, check)]
    if not slow or node is None:
        return
    longest = max(slow, key=lambda check: check.interval)
    faults.warn(
        (node.at("grace") or node).place,
        f"the grace, {policy.grace:g} s, is not above the interval of check {longest.name}, "
        f"{longest.interval:g} s: {HASTY}",
    )


def _check_names(node: Node | None, faults: FaultReport) -> None:
    if node is None or not isinstance(node.value, dict):
        return
    for name, entry in node.value.items():
        if not is_configured_name(name):
            faults.add(entry.key, f"{quoted(name)} cannot be a name: use {CONFIGURED_NAME_FORM}")
