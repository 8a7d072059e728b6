"""The names that probes ask for: one that clients use, and that the certificate covers."""

from __future__ import annotations

from dataclasses import replace
from ipaddress import ip_address

import pytest
import samples
from samples import HOSTNAME, name, state

from failoverdns.model.commands.applications import SetApplication
from failoverdns.model.errors import Rejected
from failoverdns.model.health import Check, CheckKind, HttpExpectation, ProbeTarget, TlsExpectation
from failoverdns.model.policy import AutomationSettings
from failoverdns.model.records import CNAME, NS, OwnedRRset
from failoverdns.model.zone import Zone
from failoverdns.rules.derived.client_names import ClientNames, client_names

HEAD = ip_address("192.0.2.10")


def cname(owner: str, target: str) -> OwnedRRset:
    """A static CNAME record."""
    return OwnedRRset(name(owner), CNAME, 60, (name(target),))


SHOP = samples.zone(
    "shop.example",
    records=(
        cname("other.shop.example", "elsewhere.example"),
        cname("www.shop.example", "chain.shop.example"),
        cname("chain.shop.example", HOSTNAME),
        cname("a.b.shop.example", HOSTNAME),
        OwnedRRset(name("cut.shop.example"), NS, 60, (name("ns.elsewhere.example"),)),
        cname("hidden.cut.shop.example", HOSTNAME),
    ),
)
"""A zone of ours whose names lead to the group."""

APEX = samples.zone("api.shop.example", alias=name(HOSTNAME))
"""A zone whose origin answers with the group."""


def names(*of_certificate: str, zones: tuple[Zone, ...] = ()) -> ClientNames:
    """The names of the application `eu`, which has a certificate for these names if any."""
    entities = [samples.certificate("eu", *of_certificate)] if of_certificate else []
    view = state(
        samples.eu(), samples.us(), samples.group(), *entities, zones=(samples.zone(), *zones)
    )
    return client_names(view, samples.eu())


@pytest.mark.parametrize(
    ("of_certificate", "expected"),
    [
        ((), (HOSTNAME,)),
        (("www.shop.example",), ("www.shop.example",)),
        (("*.shop.example", "shop.example"), ("shop.example",)),
        (("*.failover.test",), (HOSTNAME,)),
        (("*.other.example", "*.failover.test"), (HOSTNAME,)),
        (("*.shop.example",), ("www.shop.example", "chain.shop.example")),
        (("*.b.shop.example",), ("a.b.shop.example",)),
        (("192.0.2.10", "www.shop.example"), ("www.shop.example", "192.0.2.10")),
        (("192.0.2.10", "192.0.2.11"), ("192.0.2.10",)),
        (("192.0.2.11", "2001:db8::1"), ("192.0.2.11", "2001:db8::1")),
        (("*.failover.test", "192.0.2.10"), (HOSTNAME, "192.0.2.10")),
    ],
)
def test_the_names_are_ones_that_clients_use_and_that_the_certificate_covers(
    of_certificate: tuple[str, ...], expected: tuple[str, ...]
) -> None:
    """Those of the certificate, or, below a wildcard, those that lead to the group."""
    found = names(*of_certificate, zones=(SHOP,))
    assert (found.at(HEAD), found.advice) == (expected, "")


def test_the_origin_of_a_zone_is_a_name_that_clients_use() -> None:
    assert names("*.shop.example", zones=(APEX,)).names == ("api.shop.example",)


def test_no_name_below_a_wildcard_is_guessed() -> None:
    """The advice says what to set; names are those of the groups, as without a certificate."""
    found = names("*.shop.example")
    assert found.names == (HOSTNAME,)
    assert "the certificate is for *.shop.example only" in found.advice
    assert "set `server_name` in the check" in found.advice


def test_a_record_that_a_delegation_hides_is_no_name_that_clients_use() -> None:
    found = names("*.cut.shop.example", zones=(SHOP,))
    assert (found.names, bool(found.advice)) == ((HOSTNAME,), True)


def test_of_very_many_groups_a_hundred_names_are_used() -> None:
    groups = [samples.group(f"g{number}", label=f"g{number}") for number in range(200)]
    view = state(samples.eu(), samples.us(), *groups)
    assert len(client_names(view, samples.eu()).names) == 100


CHECKS = {kind: Check("web", kind) for kind in (CheckKind.HTTP, CheckKind.HTTPS, CheckKind.TLS)} | {
    CheckKind.TCP: Check("web", CheckKind.TCP)
}


@pytest.mark.parametrize(
    ("found", "check", "words"),
    [
        (ClientNames((HOSTNAME,), (), "set it"), CHECKS[CheckKind.TLS], "set it"),
        (ClientNames((), (), "set it"), CHECKS[CheckKind.HTTPS], "set it"),
        (ClientNames((HOSTNAME,), (), "set it"), CHECKS[CheckKind.HTTP], ""),
        (ClientNames((HOSTNAME,), (), "set it"), CHECKS[CheckKind.TCP], ""),
        (
            ClientNames((), (), "set it"),
            Check("web", CheckKind.TLS, tls=TlsExpectation(server_name="www.shop.example")),
            "",
        ),
        (ClientNames(()), CHECKS[CheckKind.HTTP], "no name that clients use is known"),
        (ClientNames((), ("192.0.2.10",)), CHECKS[CheckKind.HTTPS], ""),
        (ClientNames(()), CHECKS[CheckKind.TLS], "no name that clients use is known"),
        (ClientNames(()), CHECKS[CheckKind.TCP], ""),
        (ClientNames(()), Check("web", CheckKind.HTTP, http=HttpExpectation(host="x")), ""),
    ],
)
def test_advice_is_for_checks_that_ask_for_a_name_and_have_none(
    found: ClientNames, check: Check, words: str
) -> None:
    assert found.advice_for(check)[: len(words) or None] == words


@pytest.mark.parametrize(
    ("names", "server_name", "host", "expected"),
    [
        (("192.0.2.1", "*.shop.example", "www.shop.example"), None, None, "www.shop.example"),
        (("www.shop.example",), "x.example", None, "x.example"),
        (("www.shop.example",), None, "y.example:81", "www.shop.example"),
        ((), None, "y.example:81", "y.example"),
        ((), None, "y.example", "y.example"),
        ((), None, "[2001:db8::1]:81", None),
        ((), None, "192.0.2.1:81", None),
        (("192.0.2.1",), None, None, None),
        (("www.shop.example",), "192.0.2.1", None, None),
        ((), None, None, None),
    ],
)
def test_one_host_name_is_asked_for(
    names: tuple[str, ...], server_name: str | None, host: str | None, expected: str | None
) -> None:
    """The configured one first; a Host only where nothing else is known; never an address."""
    check = Check(
        "web",
        CheckKind.HTTPS,
        http=HttpExpectation(host=host),
        tls=TlsExpectation(server_name=server_name),
    )
    assert ProbeTarget(check, "eu", "lb", HEAD, names).server_name == expected


@pytest.mark.parametrize(
    ("check", "words"),
    [
        (Check("web", CheckKind.HTTPS), "check 'web' does not know which name to ask eu for"),
        (Check("web", CheckKind.TLS), "set `server_name` in the check"),
        (Check("web", CheckKind.TLS, tls=TlsExpectation(server_name="www.shop.example")), None),
        (Check("web", CheckKind.HTTP), None),
    ],
)
def test_a_check_that_cannot_know_its_name_is_refused(check: Check, words: str | None) -> None:
    """Where it is given to an application; one that has it already keeps it."""
    settings = AutomationSettings((check,))
    entities = (samples.eu(), samples.certificate("eu", "*.shop.example"))
    command = SetApplication("eu", check=("web",))
    if words is None:
        samples.carry_out(state(*entities, settings=settings), command)
    else:
        with pytest.raises(Rejected, match=words) as refused:
            samples.carry_out(state(*entities, settings=settings), command)
        assert refused.value.code == "invalid"
    kept = (replace(samples.eu(), checks=("web",)), entities[1])
    samples.carry_out(state(*kept, settings=settings), replace(command, require_checks="any"))
