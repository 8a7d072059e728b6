"""Which head traffic must reach, and what its name or addresses are.

| load balancers            | web head                                       |
|---------------------------|------------------------------------------------|
| one is active             | that one                                       |
| none, or none made active | all web servers, as one RRset (or one hostname)|
| neither heads             | nothing                                        |
"""

from __future__ import annotations

import re
from ipaddress import IPv4Address, IPv6Address

from failoverdns.model.application import (
    Addresses,
    Application,
    Head,
    HeadRole,
    Hostname,
    Nothing,
    Target,
)
from failoverdns.model.errors import Malformed, Rejected
from failoverdns.model.names import DomainName

MAX_ADDRESSES = 1000
"""Addresses of all heads of an application: as an RRset they fit into a message over TCP."""

_FIELD = re.compile(r"\{([^{}]*)\}")


def web_heads(application: Application) -> tuple[Head, ...]:
    """Return the heads that traffic must reach: the active load balancer or all web servers."""
    if application.active is not None:
        active = application.head(application.active)
        return (active,) if active is not None else ()
    return tuple(head for head in application.heads if head.role is HeadRole.WEB_SERVER)


def web_head(application: Application) -> Target:
    """Return what `application` resolves to."""
    return target_of_heads(application, web_heads(application))


def target_of_heads(application: Application, heads: tuple[Head, ...]) -> Target:
    """Return what `application` would resolve to, if `heads` were its web heads."""
    addresses = {address: None for head in heads for address in head.addresses}
    if addresses:
        return Addresses(
            tuple([a for a in addresses if isinstance(a, IPv4Address)]),
            tuple([a for a in addresses if isinstance(a, IPv6Address)]),
        )
    return Hostname(hostname(application, heads[0])) if heads else Nothing()


def pointed_at(application: Application) -> DomainName | None:
    """Return the hostname that `application` resolves to, or None if it is none."""
    heads = web_heads(application)
    if not heads or any(head.addresses for head in heads):
        return None
    return hostname(application, heads[0])


def hostname(application: Application, head: Head) -> DomainName:
    """Return the hostname of a head without addresses, its template filled in.

    Raises Rejected `invalid` if the result is not a domain name.
    """
    template = head.hostname if head.hostname is not None else application.hostname_template
    if template is None:
        raise Rejected(
            "invalid",
            f"head {head.name!r} needs --address or --hostname: "
            f"application {application.name!r} has no hostname template",
        )
    text = template.replace("{head}", head.name).replace("{application}", application.name)
    try:
        name = DomainName.from_text(text)
    except Malformed as fault:
        raise Rejected("invalid", f"hostname {text!r} is not a domain name: {fault}") from None
    if name.is_root:
        raise Rejected("invalid", "the root name cannot be a hostname")
    return name


def check_template(template: str) -> str:
    """Return a hostname or template unchanged; Rejected `invalid` for fields nobody fills in."""
    fields = set(_FIELD.findall(template)) - {"head", "application"}
    rest = _FIELD.sub("", template)
    if fields or "{" in rest or "}" in rest:
        raise Rejected(
            "invalid",
            f"template {template!r}: only {{head}} and {{application}} can stand in braces",
        )
    sample = _FIELD.sub("x", template)
    try:
        DomainName.from_text(sample)
    except Malformed as fault:
        raise Rejected("invalid", f"hostname {template!r} is not a domain name: {fault}") from None
    return template


def checked(application: Application) -> Application:
    """Return `application` unchanged if every head of it can be answered for.

    Raises Rejected `invalid` if a hostname is none, if there are too many addresses, or if web
    servers have hostnames that no single CNAME could answer (RFC 2181 section 10.1).
    """
    for head in application.heads:
        if not head.addresses:
            hostname(application, head)
    if sum(len(head.addresses) or 1 for head in application.heads) > MAX_ADDRESSES:
        raise Rejected(
            "invalid",
            f"application {application.name!r} would have more than {MAX_ADDRESSES} addresses, "
            "which no answer could carry: put load balancers before them",
        )
    servers = [head for head in application.heads if head.role is HeadRole.WEB_SERVER]
    named = [head for head in servers if not head.addresses]
    if named and len(servers) > 1:
        raise Rejected(
            "invalid",
            f"web server {named[0].name!r} has a hostname, and a name can have only one CNAME: "
            "give every web server its addresses, or put a load balancer before them",
        )
    return application
