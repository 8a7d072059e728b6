"""The web head of an application: the head, or heads, that its traffic must reach.

| load balancers            | web head                                       |
|---------------------------|------------------------------------------------|
| one is active             | that one                                       |
| none, or none made active | all web servers, as one RRset (or one hostname)|
| none, and no web servers  | nothing                                        |
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
from failoverdns.model.hostnames import target_hostname
from failoverdns.model.names import DomainName, is_address

MAX_ADDRESSES = 1000
"""The most addresses of an application's heads: their RRset must fit into a message over TCP."""

_FIELD = re.compile(r"\{([^{}]*)\}")


def web_heads(application: Application) -> tuple[Head, ...]:
    """Return the active load balancer of an application, or else all its web servers."""
    if application.active is not None:
        active = application.head(application.active)
        return (active,) if active is not None else ()
    return tuple(head for head in application.heads if head.role is HeadRole.WEB_SERVER)


def web_head(application: Application) -> Target:
    """Return the target of an application: the addresses or hostname of its web head."""
    return target_of_heads(application, web_heads(application))


def target_of_heads(application: Application, heads: tuple[Head, ...]) -> Target:
    """Return the target that an application would have if `heads` were its web heads."""
    addresses = {address: None for head in heads for address in head.addresses}
    if addresses:
        return Addresses(
            tuple([a for a in addresses if isinstance(a, IPv4Address)]),
            tuple([a for a in addresses if isinstance(a, IPv6Address)]),
        )
    return Hostname(hostname(application, heads[0])) if heads else Nothing()


def pointed_at(application: Application) -> DomainName | None:
    """Return the hostname that is the target of an application, None if that is not a hostname."""
    heads = web_heads(application)
    if not heads or any(head.addresses for head in heads):
        return None
    return hostname(application, heads[0])


def hostname(application: Application, head: Head) -> DomainName:
    """Return the hostname of a head without addresses, with its template filled in.

    Raises Rejected `invalid` if the result is not a domain name.
    """
    text = hostname_text(application, head)
    try:
        name = DomainName.from_text(text)
    except Malformed as fault:
        raise Rejected("invalid", f"hostname {text!r} is not a domain name: {fault}") from None
    if name.is_root:
        raise Rejected("invalid", "the root name cannot be a hostname")
    return name


def hostname_text(application: Application, head: Head) -> str:
    """Return the hostname of a head without addresses as it is written, its template filled in.

    Raises Rejected `invalid` if neither the head nor the application has one.
    """
    template = head.hostname if head.hostname is not None else application.hostname_template
    if template is None:
        raise Rejected(
            "invalid",
            f"head {head.name!r} needs --address or --hostname: "
            f"application {application.name!r} has no hostname template",
        )
    return template.replace("{head}", head.name).replace("{application}", application.name)


def check_template(template: str) -> str:
    """Return a hostname or template unchanged if hosts can be called so.

    Raises Rejected `invalid` for an unknown field in braces, for a template that is an address for
    a head called `1`, and for what `target_hostname` refuses.
    """
    fields = set(_FIELD.findall(template)) - {"head", "application"}
    rest = _FIELD.sub("", template)
    if fields or "{" in rest or "}" in rest:
        raise Rejected(
            "invalid",
            f"template {template!r}: only {{head}} and {{application}} can stand in braces",
        )
    numbered = _FIELD.sub("1", template)
    if numbered != template and is_address(numbered.rstrip(".")):
        raise Rejected(
            "invalid",
            f"template {template!r} makes addresses, such as {numbered}, not the names of hosts: "
            "give each head its address with --address",
        )
    check_hostname(_FIELD.sub("x", template), template)
    return template


def check_hostname(text: str, shown: str | None = None) -> None:
    """Raise Rejected `invalid` if no host can be called `text`; `shown` is what the user wrote."""
    try:
        target_hostname(text)
    except Malformed as fault:
        name = shown if shown is not None else text
        raise Rejected("invalid", f"{name!r} cannot be a hostname: {fault}") from None


def checked(application: Application) -> Application:
    """Return `application` unchanged if DNS can answer with each of its heads.

    Raises Rejected `invalid` for an invalid hostname, for too many addresses, and for a web server
    with a hostname that is not the only one: a name has at most one CNAME (RFC 2181 section 10.1).
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
