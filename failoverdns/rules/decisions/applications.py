"""Commands on applications and their heads.

Every function takes the state and a command and returns a Decision or raises Rejected.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from heapq import nsmallest
from ipaddress import IPv4Address, IPv6Address
from random import Random

from failoverdns.model.application import Application, Head, HeadRole
from failoverdns.model.change import Write
from failoverdns.model.commands.applications import (
    ActivateHead,
    AddApplication,
    AddHead,
    RemoveApplication,
    RemoveHead,
    RenameApplication,
    RenameHead,
    SetApplication,
    SetHead,
)
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Quorum
from failoverdns.model.moment import Moment
from failoverdns.model.rule_names import PreflightRule
from failoverdns.rules.decisions.certificates import certificate_removals
from failoverdns.rules.decisions.decision import Decision, row, tried, warned, warned_after
from failoverdns.rules.decisions.emptying import (
    Emptied,
    check_apexes,
    darkened_by,
    emptied_by,
    require_target,
    why_dark,
)
from failoverdns.rules.decisions.health_changes import unobserved
from failoverdns.rules.decisions.judging_targets import application_warnings, check_new_hostnames
from failoverdns.rules.decisions.new_names import name_writes, named
from failoverdns.rules.decisions.switching import check_override
from failoverdns.rules.decisions.tokens import removed_head, renamed_head
from failoverdns.rules.derived.client_names import require_name
from failoverdns.rules.derived.entity_lookup import find_application, find_head, not_found
from failoverdns.rules.derived.health import dated
from failoverdns.rules.derived.view import View
from failoverdns.rules.derived.web_heads import (
    check_template,
    checked,
    web_heads,
)
from failoverdns.rules.reports.reporting import application_report


def add_application(
    view: View, command: AddApplication, moment: Moment, _random: Random
) -> Decision:
    """Create an application without heads."""
    _check_name_free(view, command.name)
    template = command.hostname_template
    if template is not None:
        check_template(template)
    added = Application(f"app-{view.revision + 1}", command.name, template)
    return named(view, _written(view, None, added, moment), None, command.name)


def rename_application(
    view: View, command: RenameApplication, moment: Moment, _random: Random
) -> Decision:
    """Rename an application; hostnames from templates follow the new name in the same step."""
    application = find_application(view, command.old)
    if command.new != application.name:
        _check_name_free(view, command.new)
    renamed = _written(view, application, replace(application, name=command.new), moment)
    return named(view, renamed, application.name, command.new)


def set_application(
    view: View, command: SetApplication, moment: Moment, _random: Random
) -> Decision:
    """Set the checks and the hostname template of an application; None changes nothing.

    When the checks change, its observed health becomes unknown.
    """
    application = find_application(view, command.name)
    checks = application.checks if command.check is None else tuple(dict.fromkeys(command.check))
    added = []
    for name in checks:
        check = view.settings.check(name)
        if check is None:
            raise not_found("check", name, (check.name for check in view.settings.checks))
        if name not in application.checks:
            added.append(check)
    require_name(view, application, added)
    template = command.hostname_template
    if template:
        check_template(template)
    after = replace(
        application,
        checks=checks,
        hostname_template=application.hostname_template if template is None else template or None,
        require_checks=_given(command.require_checks, application.require_checks),
        require_heads=_given(command.require_heads, application.require_heads),
    )
    if (after.checks, after.require_checks) != (application.checks, application.require_checks):
        after = unobserved(after)
    return _written(view, application, after, moment)


def remove_application(
    view: View, command: RemoveApplication, _moment: Moment, _random: Random
) -> Decision:
    """Remove an application that is attached to no group, with its certificate and order."""
    application = find_application(view, command.name)
    attached, _ = view.attachments(application.id)
    if attached:
        some = ", ".join(map(repr, nsmallest(5, (g.name for g in view.following(application.id)))))
        raise Rejected(
            "in-use",
            f"application {application.name!r} is attached to {attached} group(s) ({some}): "
            'detach it first with `group set GROUP --primary ""` or `--backup ""`, where it is '
            "active with `--override active-side`",
        )
    writes = (
        *certificate_removals(view, application),
        Write(application, None),
        *name_writes(view, application.name, None),
    )
    return Decision(writes, lambda _: {"removed": application.name})


def add_head(view: View, command: AddHead, moment: Moment, _random: Random) -> Decision:
    """Add a head; a load balancer becomes the active one unless it is on standby."""
    application = find_application(view, command.application)
    if application.head(command.name) is not None:
        raise Rejected(
            "exists",
            f"application {application.name!r} has a head {command.name!r} already: "
            "change it with `head set`",
        )
    is_balancer = command.role is HeadRole.LOAD_BALANCER
    if command.standby and not is_balancer:
        raise Rejected("invalid", "--standby is for load balancers: web servers share the traffic")
    _check_one_kind(command.address, command.hostname)
    head = Head(command.name, command.role, command.address, command.hostname)
    active = head.name if is_balancer and not command.standby else application.active
    after = replace(application, heads=(*application.heads, head), active=active)
    written = _written(view, application, after, moment)
    if web_heads(after):
        return written
    text = (
        f"{head.name} is on standby, and {application.name} has no web head, so nothing answers "
        f"with it: `head activate {application.name} {head.name}`"
    )
    return warned(written, (text,))


def set_head(view: View, command: SetHead, moment: Moment, _random: Random) -> Decision:
    """Set the addresses or the hostname of a head, in place of those that it has."""
    application = find_application(view, command.application)
    head = find_head(application, command.name)
    _check_one_kind(command.address, command.hostname)
    if not command.address and command.hostname is None:
        raise Rejected("invalid", "nothing to set: give --address (repeatable) or --hostname")
    after = application.with_head(head, _pointing(head, command.address, command.hostname))
    return _written(view, application, after, moment)


def set_addresses(
    view: View,
    application: Application,
    addresses: Mapping[str, tuple[IPv4Address | IPv6Address, ...]],
    moment: Moment,
) -> Decision:
    """Set the addresses of heads (by name) of an application, in place of those that they have.

    Raises Rejected, also if it has no such head.
    """
    after = application
    for name, given in addresses.items():
        head = find_head(after, name)
        after = after.with_head(head, _pointing(head, given, None))
    return _written(view, application, after, moment)


def _pointing(
    head: Head, addresses: tuple[IPv4Address | IPv6Address, ...], hostname: str | None
) -> Head:
    """Return a head with other addresses, or another hostname, which no probe has tested yet."""
    changed = replace(head, addresses=addresses, hostname=hostname)
    return head if changed == head else replace(changed, observed=None)


def rename_head(view: View, command: RenameHead, moment: Moment, _random: Random) -> Decision:
    """Rename a head; it stays active, and hostnames from templates follow the new name."""
    application = find_application(view, command.application)
    head = find_head(application, command.old)
    if command.new != head.name and application.head(command.new) is not None:
        raise Rejected(
            "exists", f"application {application.name!r} has a head {command.new!r} already"
        )
    renamed = application.with_head(head, replace(head, name=command.new))
    if application.active == head.name:
        renamed = replace(renamed, active=command.new)
    written = _written(view, application, renamed, moment)
    tokens = renamed_head(view, application, head, command.new)
    return replace(written, writes=(*written.writes, *tokens))


def activate_head(view: View, command: ActivateHead, moment: Moment, _random: Random) -> Decision:
    """Make a load balancer the active one."""
    application = find_application(view, command.application)
    head = find_head(application, command.name)
    if head.role is not HeadRole.LOAD_BALANCER:
        raise Rejected(
            "invalid",
            f"head {head.name!r} is a web server: only a load balancer can be made active",
        )
    return _written(view, application, replace(application, active=head.name), moment)


def remove_head(view: View, command: RemoveHead, moment: Moment, _random: Random) -> Decision:
    """Remove a head; the active load balancer is replaced by the most recently added one.

    Raises Rejected `refused` if groups follow the application and it would have no web head, or no
    address for an apex, unless `target-empty` is overridden.
    """
    check_override(command.override, (PreflightRule.TARGET_EMPTY.value,))
    application = find_application(view, command.application)
    head = find_head(application, command.name)
    heads = tuple(other for other in application.heads if other is not head)
    active = application.active
    if active == head.name:
        balancers = [other for other in heads if other.role is HeadRole.LOAD_BALANCER]
        active = balancers[-1].name if balancers else None
    after = replace(application, heads=heads, active=active)
    emptied = emptied_by(view, application, after)
    require_target(
        emptied,
        command.override,
        f"without {head.name!r} application {application.name!r} has no web head",
        "activate a standby with `head activate`" if heads else "add another head first",
    )
    darkened = darkened_by(view, application, after)
    require_target(darkened, command.override, *why_dark(view, after))
    emptied = Emptied((*emptied.silent, *darkened.silent), emptied.sides)
    written = _written(view, application, after, moment, may_darken=True)
    return tried(
        replace(
            written,
            writes=(*written.writes, *removed_head(view, application, head)),
            report=lambda view: {**written.report(view), **emptied.report()},
        ),
        dry_run=command.dry_run,
    )


def _written(
    view: View,
    before: Application | None,
    after: Application,
    moment: Moment,
    *,
    may_darken: bool = False,
) -> Decision:
    """Return the decision to write `after`, if it is valid; without writes if nothing changes.

    `may_darken` is whether an apex may lose its addresses.
    """
    checked(after)
    check_new_hostnames(view, before, after)
    if before is not None and not may_darken:
        check_apexes(view, before, after)
    after = dated(before, after, moment.steady)
    writes = () if before == after else (Write(before, after),)
    written = Decision(writes, lambda view: application_report(view, after))
    if before is None or not writes:
        return written
    known = set(application_warnings(view, before))

    def warnings(changed: View) -> list[str]:
        now = changed.application(after.id)
        found = application_warnings(changed, now) if now is not None else []
        return [text for text in found if text not in known]

    return warned_after(written, warnings)


def _given(value: Quorum | None, before: Quorum) -> Quorum:
    return before if value is None else value


def _check_name_free(view: View, name: str) -> None:
    if view.application_named(name) is not None:
        raise Rejected("exists", f"there is an application {name!r} already")


def _check_one_kind(addresses: tuple[object, ...], hostname: str | None) -> None:
    if addresses and hostname is not None:
        raise Rejected("invalid", "a head has addresses or a hostname, not both")
    if hostname is not None:
        check_template(hostname)
    if len(set(addresses)) != len(addresses):
        raise Rejected("invalid", "an address is given twice")


DECISIONS = (
    row(AddApplication, add_application),
    row(SetApplication, set_application),
    row(RenameApplication, rename_application),
    row(RemoveApplication, remove_application),
    row(AddHead, add_head),
    row(SetHead, set_head),
    row(RenameHead, rename_head),
    row(ActivateHead, activate_head),
    row(RemoveHead, remove_head),
)
"""The commands that this module decides on."""
