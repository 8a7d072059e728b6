"""Whether the rights of a user are enough for a command.

    rights, the role that the command needs, what it touches  ->  nothing, or Rejected `forbidden`

A command that touches something outside the limits of the user is forbidden as a whole.  Reading is
never limited.  A limited grant allows only commands that name what they touch; a new command is
forbidden to such users until it stands in `touched_by`.  A token of a head may give the commands in
`is_for_head`, and no others.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from failoverdns.model.commands import Command
from failoverdns.model.commands.applications import SetHead
from failoverdns.model.commands.automation import CancelPlan, SetMaintenance
from failoverdns.model.commands.groups import Switch
from failoverdns.model.commands.health import ForceHealth, ReportHealth
from failoverdns.model.commands.server import WhoAmI
from failoverdns.model.errors import Rejected
from failoverdns.model.roles import Grant, HeadGrant, Rights, Role, matcher
from failoverdns.model.token import Token
from failoverdns.rules.derived.view import View


@dataclass(frozen=True, slots=True)
class Touched:
    """What a command touches: groups and applications, by names or patterns of names."""

    groups: tuple[str, ...] = ()
    applications: tuple[str, ...] = ()


def touched_by(command: Command) -> Touched | None:
    """Return what a command touches; None if that is not a matter of single groups."""
    match command:
        case Switch():
            return Touched(groups=command.groups)
        case SetMaintenance() | CancelPlan():
            return Touched(groups=(command.group,))
        case ForceHealth() | ReportHealth():
            return Touched(applications=(command.application,))
        case _:
            return None


def is_for_head(command: Command, head: HeadGrant) -> bool:
    """Return whether a token of a head may give a command: for this head, and nothing else."""
    match command:
        case SetHead(application, name, hostname=None):
            return HeadGrant(application, name) == head
        case ReportHealth(application, str(name)):
            return HeadGrant(application, name) == head
        case WhoAmI():
            return True
        case _:
            return False


def rights_of(view: View, token: Token, now: float) -> Rights:
    """Return what the owner of a token may do at `now`: nothing after it has expired."""
    if token.is_expired(now):
        return Rights()
    if token.role is not None:
        is_limited = token.groups is not None
        grant = Grant(token.role, token.groups, by_groups=is_limited)
        return Rights((grant,), until=token.expires)
    of = token.head
    application = view.application(of.application) if of is not None else None
    if of is None or application is None or of.is_removed or application.head(of.name) is None:
        return Rights()
    return Rights(head=HeadGrant(application.name, of.name), until=token.expires)


def permit(rights: Rights, needed: Role, words: str, command: Command, view: View) -> None:
    """Raise Rejected `forbidden` unless a user may give a command.

    `needed` is the role of the command's row in the command table, `words` is how it is written.
    `view` is the state, which says which groups an application is attached to.
    """
    if rights.head is not None:
        if not is_for_head(command, rights.head):
            name = f"{rights.head.application}/{rights.head.head}"
            text = f"`{words}`: this token is for the head {name} only: it may set the addresses"
            raise Rejected("forbidden", f"{text} of that head and report its health")
        return
    grants = tuple(grant for grant in rights.grants if grant.role.includes(needed))
    if not grants:
        held = f"the role {rights.role.value}" if rights.role is not None else "no role"
        text = f"`{words}` needs the role {needed.value}, and you have {held}"
        raise Rejected("forbidden", f"{text} (see `failoverdns whoami`)")
    if needed is Role.VIEWER or any(not grant.is_limited for grant in grants):
        return
    touched = touched_by(command)
    if touched is None:
        text = f"`{words}` is not limited to some groups or applications, and your role"
        raise Rejected("forbidden", f"{text} {role_in_words(grants)} is")
    outside = [
        *(f"group {name}" for name in touched.groups if not _covers_group(grants, name)),
        *(
            f"application {name}"
            for name in touched.applications
            if not _covers_application(view, grants, name)
        ),
    ]
    if outside:
        text = f"`{words}`: your role {role_in_words(grants)} does not cover"
        raise Rejected("forbidden", f"{text} {', '.join(outside)}; nothing was changed")


def role_in_words(grants: tuple[Grant, ...]) -> str:
    """Return the roles of grants, with what they are limited to."""
    return " and ".join(dict.fromkeys(_words(grant) for grant in grants))


def _words(grant: Grant) -> str:
    limits = "; ".join(_limits(grant))
    return f"{grant.role.value} ({limits})" if limits else grant.role.value


def _limits(grant: Grant) -> Iterator[str]:
    if grant.groups is not None:
        yield f"groups {', '.join(grant.groups)}"
    if grant.applications is not None:
        yield f"applications {', '.join(grant.applications)}"


def _covers_group(grants: tuple[Grant, ...], name: str) -> bool:
    return any(grant.covers_group(name) for grant in grants)


def _covers_application(view: View, grants: tuple[Grant, ...], name: str) -> bool:
    """Return whether an application, or every one that a pattern matches, is covered."""
    return any(
        grant.covers_application(name) or (grant.by_groups and _follow_only(view, grant, name))
        for grant in grants
    )


def _follow_only(view: View, grant: Grant, name: str) -> bool:
    """Return whether an application has groups, and a grant covers all of them.

    A pattern of names is not covered: what it matches may change before the command is decided.
    """
    application = view.application_named(name)
    if application is None or not any(view.attachments(application.id)):
        return False
    matches = matcher(grant.groups or ())
    return all(matches(group.name) for group in view.following(application.id))
