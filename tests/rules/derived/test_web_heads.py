"""The web head of an application: its active load balancer, or else all its web servers."""

from __future__ import annotations

import pytest
import samples
from samples import application, balancer, server

from failoverdns.model.application import Addresses, Application, Hostname, Nothing, Target
from failoverdns.model.errors import Rejected
from failoverdns.rules.derived.web_heads import (
    MAX_ADDRESSES,
    check_template,
    checked,
    web_head,
    web_heads,
)

TEMPLATE = "{head}.{application}.internal.example"
LB1, LB2 = balancer("lb1", "192.0.2.1"), balancer("lb2", "192.0.2.2")
WEB1, WEB2 = server("web1", "192.0.2.11"), server("web2", "192.0.2.12")


def to(*texts: str) -> Addresses:
    """A target with these addresses, IPv4 and IPv6 separated."""
    parsed = samples.addresses(*texts)
    return Addresses(
        tuple(a for a in parsed if a.version == 4), tuple(a for a in parsed if a.version == 6)
    )


@pytest.mark.parametrize(
    ("heads", "active", "names"),
    [
        pytest.param((), None, [], id="no heads: nothing"),
        pytest.param((LB1,), "lb1", ["lb1"], id="a load balancer: that one"),
        pytest.param((LB1, LB2), "lb2", ["lb2"], id="two load balancers: the active one"),
        pytest.param((LB1, LB2), "lb1", ["lb1"], id="the active one, not the newest"),
        pytest.param((WEB1, LB1, WEB2), "lb1", ["lb1"], id="not the web servers beside it"),
        pytest.param((WEB1, WEB2), None, ["web1", "web2"], id="web servers: all of them"),
        pytest.param((WEB1, LB1), None, ["web1"], id="a standby alone: the web servers"),
        pytest.param((LB1,), None, [], id="a standby and nothing else: nothing"),
    ],
)
def test_which_heads_are_web_heads(
    heads: tuple[samples.Head, ...], active: str | None, names: list[str]
) -> None:
    found = web_heads(application("eu", *heads, active=active))
    assert [head.name for head in found] == names


@pytest.mark.parametrize(
    ("subject", "target"),
    [
        pytest.param(application("eu"), Nothing(), id="no heads"),
        pytest.param(application("eu", LB1, active="lb1"), to("192.0.2.1"), id="one address"),
        pytest.param(
            application("eu", balancer("lb", "2001:db8::1", "192.0.2.1"), active="lb"),
            to("192.0.2.1", "2001:db8::1"),
            id="IPv4 and IPv6",
        ),
        pytest.param(
            application("eu", WEB1, server("web2", "2001:db8::2"), server("web3", "192.0.2.13")),
            to("192.0.2.11", "192.0.2.13", "2001:db8::2"),
            id="the addresses of all web servers",
        ),
        pytest.param(
            application("eu", WEB1, server("again", "192.0.2.11")),
            to("192.0.2.11"),
            id="an address that two web servers share appears once",
        ),
        pytest.param(
            application("eu", balancer("lb", hostname="LB.cloud.example"), active="lb"),
            Hostname(samples.name("lb.cloud.example")),
            id="a hostname",
        ),
        pytest.param(
            application("eu", balancer("lb", hostname=TEMPLATE), active="lb"),
            Hostname(samples.name("lb.eu.internal.example")),
            id="a template of the head",
        ),
        pytest.param(
            application("eu", balancer("lb"), active="lb", hostname_template=TEMPLATE),
            Hostname(samples.name("lb.eu.internal.example")),
            id="the template of the application",
        ),
        pytest.param(
            application(
                "eu",
                balancer("lb", hostname="a.example"),
                active="lb",
                hostname_template=TEMPLATE,
            ),
            Hostname(samples.name("a.example")),
            id="a head's own hostname goes before the template of the application",
        ),
        pytest.param(
            application("eu", LB1, active="lb1", hostname_template=TEMPLATE),
            to("192.0.2.1"),
            id="addresses go before the template of the application",
        ),
        pytest.param(
            application("eu", server("web", hostname="web.example")),
            Hostname(samples.name("web.example")),
            id="the hostname of a single web server",
        ),
    ],
)
def test_what_an_application_resolves_to(subject: Application, target: Target) -> None:
    assert web_head(subject) == target


@pytest.mark.parametrize(
    "template",
    [
        "lb.example",
        "lb.example.",
        TEMPLATE,
        "{head}.{application}",
        "x-{application}.example",
        "{head}{head}.a",
    ],
)
def test_a_hostname_may_be_a_template_of_head_and_application(template: str) -> None:
    assert check_template(template) == template


@pytest.mark.parametrize(
    ("template", "message"),
    [
        pytest.param("{region}.example", "only {head} and {application}", id="another field"),
        pytest.param("{}.example", "only {head} and {application}", id="a field without name"),
        pytest.param("{head.example", "only {head} and {application}", id="a brace too many"),
        pytest.param("{{head}}.example", "only {head} and {application}", id="braces in braces"),
        pytest.param("", "cannot be a hostname: it is empty", id="nothing"),
        pytest.param("a..example", "cannot be a hostname: it has an empty label", id="two dots"),
        pytest.param("lb example", "cannot be a hostname: it has white space", id="a space"),
        pytest.param("{head}", "it has only one part", id="one label"),
        pytest.param("192.0.2.{head}", "makes addresses, such as 192.0.2.1", id="an address"),
        pytest.param("192.0.2.{head}.", "makes addresses", id="an address with a dot"),
        pytest.param("2001:db8::{head}", "makes addresses, such as 2001:db8::1", id="IPv6"),
        pytest.param("{head}.example:443", "it has a port", id="a port"),
        pytest.param("https://{head}.example/", "a URL", id="a URL"),
        pytest.param("*.{application}.example", "a wildcard", id="a wildcard"),
    ],
)
def test_a_template_that_cannot_become_a_hostname_is_refused(template: str, message: str) -> None:
    with pytest.raises(Rejected) as caught:
        check_template(template)
    assert caught.value.code == "invalid"
    assert message in caught.value.message


@pytest.mark.parametrize(
    ("subject", "message"),
    [
        pytest.param(
            application("eu", balancer("lb")),
            "head 'lb' needs --address or --hostname: application 'eu' has no hostname template",
            id="a head without anything",
        ),
        pytest.param(
            application("eu", balancer("lb", hostname=".")),
            "the root name cannot be a hostname",
            id="the root",
        ),
        pytest.param(
            application("a" * 61, balancer("lb", hostname="lb-{application}.example")),
            "is not a domain name: a label is 64 bytes long",
            id="a template that is too long once it is filled in",
        ),
        pytest.param(
            application("eu", WEB1, server("web2", hostname="web2.example")),
            "web server 'web2' has a hostname, and a name can have only one CNAME",
            id="a web server with a hostname beside another",
        ),
        pytest.param(
            application("eu", LB1, WEB1, server("web2", hostname="web2.example"), active="lb1"),
            "web server 'web2' has a hostname, and a name can have only one CNAME",
            id="even while a load balancer stands before them",
        ),
    ],
)
def test_an_application_that_dns_cannot_answer_with_is_refused(
    subject: Application, message: str
) -> None:
    with pytest.raises(Rejected) as caught:
        checked(subject)
    assert caught.value.code == "invalid"
    assert message in caught.value.message


@pytest.mark.parametrize(
    "subject",
    [
        pytest.param(application("eu"), id="no heads"),
        pytest.param(samples.eu(), id="a load balancer"),
        pytest.param(application("eu", WEB1, WEB2), id="web servers with addresses"),
        pytest.param(
            application("eu", server("web", hostname="web.example"), LB1, active="lb1"),
            id="a load balancer and one web server with a hostname",
        ),
        pytest.param(
            application("a" * 60, balancer("lb", hostname="lb-{application}.example")),
            id="a template that becomes a label of 63 bytes",
        ),
    ],
)
def test_an_application_that_dns_can_answer_with_is_accepted(subject: Application) -> None:
    assert checked(subject) is subject


def test_an_application_has_no_more_addresses_than_an_answer_can_carry() -> None:
    """The limit is 1,000; one more is refused, with what to do instead."""
    many = [f"10.0.{n // 250}.{n % 250}" for n in range(MAX_ADDRESSES)]
    checked(application("wide", server("w", *many)))
    with pytest.raises(Rejected, match=r"more than 1000 addresses.*put load balancers before"):
        checked(application("wide", server("w", *many), server("x", "10.1.0.0")))
