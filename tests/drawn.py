"""Random commands for hypothesis to draw, and a state to begin with.

There are few names, so that the commands of a sequence often concern the same entities.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import watched
from hypothesis import strategies as st
from samples import (
    HOSTNAME,
    addresses,
    application,
    balancer,
    facts,
    group,
    name,
    order,
    state,
    zone,
)
from updates import KEY

from failoverdns.changes.state import State
from failoverdns.model.application import HeadRole
from failoverdns.model.certificate import Account, Bundle, Challenge, Facts, Secret
from failoverdns.model.commands import Mutation
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
from failoverdns.model.commands.automation import (
    AdvancePlan,
    Automate,
    CancelPlan,
    SetFlag,
    SetMaintenance,
)
from failoverdns.model.commands.certificates import (
    FailOrder,
    InstallCertificate,
    IssueCertificate,
    OpenAccount,
    PlaceOrder,
    RemoveCertificate,
    RequestCertificate,
    SetChallenges,
)
from failoverdns.model.commands.groups import AddGroup, RemoveGroup, RenameGroup, SetGroup, Switch
from failoverdns.model.commands.health import ForceHealth, ForgetHealth, LearnHealth
from failoverdns.model.commands.records import NewRecord, RemoveRecords, StoreRecords
from failoverdns.model.commands.server import Configure, ForgetAnswers, LearnAnswer
from failoverdns.model.commands.tokens import AddToken, RemoveToken
from failoverdns.model.commands.updates import UpdateZone
from failoverdns.model.errors import RuleFailure
from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.model.names import DomainName
from failoverdns.model.policy import (
    AllDown,
    AnswerOf,
    Assertion,
    Automation,
    AutomationSettings,
    Gate,
    Wait,
)
from failoverdns.model.records import CNAME, NS, TXT, A
from failoverdns.model.resolution import Answer
from failoverdns.model.roles import Role
from failoverdns.model.zone import Zone
from failoverdns.model.zone_update import Action, Condition, Instruction, Prerequisite, ZoneUpdate

APPLICATIONS = st.sampled_from(["eu", "us", "asia"])
HEADS = st.sampled_from(["lb1", "lb2", "web1"])
TOKENS = st.sampled_from(["bot", "agent", "pager"])
GROUPS = st.sampled_from(["shop", "blog"])
LABELS = st.none() | st.sampled_from(["shop", "www", "ns1", "@", "@", "backup"])
ADDRESSES = st.sampled_from([(), addresses("192.0.2.1"), addresses("2001:db8::1", "192.0.2.2")])
HOSTNAMES = st.sampled_from(
    [None, None, "lb.example", "{head}.{application}.example", "www.failover.test"]
)
TEMPLATES = st.sampled_from([None, "{head}.{application}.internal.example"])
ATTACHED = st.none() | st.just("") | APPLICATIONS
TTLS = st.sampled_from([None, 0, 60, 86400, 86401])


QUICK = replace(watched.AUTO, grace=1.0, hold=2.0, cooldown=1.0, window=9.0)
"""A policy with times so short that a story of about 30 seconds exercises them."""

TERMS = [
    AutomationSettings(
        (watched.WEB, replace(watched.WEB, name="deep")),
        (
            QUICK,
            replace(QUICK, name="careful", all_down=AllDown.EMPTY, answer=AnswerOf.HEALTHY),
            replace(QUICK, name="odd", all_down=AllDown.BACKUP),
        ),
    ),
    AutomationSettings(
        (watched.WEB,),
        (QUICK, replace(QUICK, name="careful", all_down=AllDown.PRIMARY)),
        (
            Assertion("at-home", ("shop", "blog"), 1),
            Gate("office-hours", ("*",), flag="office"),
            Wait("calm", ("b*",), 5.0),
        ),
    ),
]
POLICIES = st.sampled_from([None, None, "auto", "careful", "odd", ""])
IDS = st.sampled_from(["app-eu", "app-us", *(f"app-{revision}" for revision in range(11, 15))])
GROUP_IDS = st.sampled_from(["grp-shop", "grp-shop", "grp-blog", "grp-12"])
REASONS = st.sampled_from([None, "works"])
QUORUMS = st.sampled_from([None, "any", "all", 2])
OBJECTIONS = st.sampled_from([(), (), (RuleFailure("before-switch", "not now", "shop"),)])

FACTS = [
    facts("www.shop.example", called="a"),
    facts("www.shop.example", called="b"),
    facts("www.shop.example", called="old", not_after=3.0),
    facts("docs.shop.example", called="docs"),
    facts(HOSTNAME, called="issued"),
]
HOSTS = (name("lb.example"), name("lb2.eu.example"))
ALIASED = (
    zone("alias.example", alias=name(HOSTNAME)),
    zone("apex.example", alias=name("failover.test"), negative_ttl=5),
    zone("static.example", alias=name("www.failover.test")),
    zone("cloud.example", alias=HOSTS[0]),
)
"""Zones whose origin answers as names of the zone `failover.test` do, and as a hostname."""

FLATTEN = st.sampled_from([None, None, True, False])
ANSWERS = st.builds(
    Answer,
    st.sampled_from([None, (), addresses("192.0.2.3"), addresses("192.0.2.4", "192.0.2.5")]),
    st.sampled_from([None, (), addresses("2001:db8::3")]),
    st.integers(0, 60),
    st.sampled_from([None, "SERVFAIL"]),
)
ORDERS = st.sampled_from(["ord-eu", *(f"ord-{revision}" for revision in range(11, 19))])
CHALLENGES = st.lists(
    st.builds(
        Challenge,
        st.sampled_from(
            [
                name(f"_acme-challenge.{HOSTNAME}"),
                name("www.shop.example._acme-challenge.failover.test"),
                name("_acme-challenge.elsewhere.example"),
            ]
        ),
        st.sampled_from(["one", "two"]),
    ),
    max_size=3,
).map(tuple)


def bundled(facts: Facts) -> Bundle:
    """Return the bundle that the vault stores for a certificate."""
    return Bundle(facts.bundle, "chain", Secret("key"))


def start(*zones: Zone) -> State:
    """Return a state in which many of the commands below can be carried out."""
    eu = application(
        "eu",
        balancer("lb1", "192.0.2.1"),
        balancer("lb2", hostname="{head}.{application}.example"),
        active="lb2",
        checks=("web",),
    )
    us = application("us", balancer("lb1", "198.51.100.1"), active="lb1", checks=("web",))
    shop, blog = group(automation=Automation("auto")), group("blog", None, None)
    return state(eu, us, shop, blog, order("eu"), zones=zones, settings=TERMS[0])


def commands(zones: tuple[Zone, ...]) -> st.SearchStrategy[list[Mutation]]:
    """Draw lists of mutations; Configure draws from `zones`."""
    return st.lists(_command(zones), min_size=8, max_size=30)


def _command(zones: tuple[Zone, ...]) -> st.SearchStrategy[Mutation]:
    origins = st.none() | st.sampled_from([*(zone.origin for zone in zones), name("x.example")])
    configured = st.lists(st.sampled_from(zones), min_size=1, unique_by=lambda zone: zone.origin)
    groups = st.lists(GROUPS, min_size=1, max_size=3).map(tuple)
    rules = st.just(()) | st.just(("target-empty", "no-application", "certificate-names"))
    return st.one_of(
        st.builds(AddApplication, APPLICATIONS, TEMPLATES),
        st.builds(RenameApplication, APPLICATIONS, APPLICATIONS),
        st.builds(RemoveApplication, APPLICATIONS),
        st.builds(
            AddHead,
            APPLICATIONS,
            HEADS,
            st.sampled_from(HeadRole),
            ADDRESSES,
            HOSTNAMES,
            st.booleans(),
        ),
        st.builds(SetHead, APPLICATIONS, HEADS, ADDRESSES, HOSTNAMES),
        st.builds(AddToken, TOKENS, st.just(Role.OPERATOR), groups=st.just(("s*",))),
        st.builds(AddToken, TOKENS, head=st.tuples(APPLICATIONS, HEADS)),
        st.builds(RemoveToken, TOKENS),
        st.builds(RenameHead, APPLICATIONS, HEADS, HEADS),
        st.builds(ActivateHead, APPLICATIONS, HEADS),
        st.builds(RemoveHead, APPLICATIONS, HEADS),
        st.builds(AddGroup, GROUPS, origins, LABELS, ATTACHED, ATTACHED, TTLS, FLATTEN, POLICIES),
        st.builds(
            SetGroup,
            GROUPS,
            ATTACHED,
            ATTACHED,
            TTLS,
            st.just(()) | st.just(("active-side",)),
            FLATTEN,
            POLICIES,
        ),
        st.builds(LearnAnswer, st.sampled_from(HOSTS), ANSWERS, st.sampled_from([10, 30])),
        st.builds(ForgetAnswers, st.just(HOSTS)),
        st.builds(RenameGroup, GROUPS, GROUPS),
        st.builds(RemoveGroup, GROUPS),
        st.builds(
            Switch, groups, st.none() | st.sampled_from(Side), override=rules, dry_run=st.booleans()
        ),
        st.builds(Configure, configured.map(tuple), st.sampled_from(TERMS)),
        about_records(tuple(zone.origin for zone in zones)),
        _about_health(),
        _about_automation(),
        _about_plans(groups),
        st.builds(
            lambda of, facts: InstallCertificate(of, bundled(facts), facts),
            APPLICATIONS,
            st.sampled_from(FACTS),
        ),
        st.builds(RequestCertificate, APPLICATIONS, again=st.booleans()),
        st.builds(RemoveCertificate, APPLICATIONS),
        st.builds(
            lambda of: PlaceOrder(
                of, f"https://ca/{of}", Bundle(f"{of}/key", "", Secret("key")), "https://ca/me"
            ),
            ORDERS,
        ),
        st.builds(SetChallenges, ORDERS, CHALLENGES),
        st.builds(FailOrder, ORDERS, st.just("because"), st.just(99.0), st.booleans()),
        st.builds(
            lambda of: IssueCertificate(of, bundled(FACTS[-1]), FACTS[-1]),
            ORDERS,
        ),
        st.just(
            OpenAccount(
                Account("https://ca", "https://ca/me", "account"),
                Bundle("account", "", Secret("key")),
            )
        ),
    )


STORED = (
    *("@", "www", "a.b", "b", "shop", "eu", "ns1", "deep.er.www", "below.www", "_status.eu"),
    *("*", "*.shop", "*.eu", "_acme-challenge.www", f"_acme-challenge.{HOSTNAME}.", "backup"),
)
"""Names at which records are stored; some of them belong to groups, or to the server."""

_DATA = {
    A: (b"\xc0\0\2\x35", b"\xc0\0\2\x36"),
    TXT: (b"\1x", b"\1y"),
    CNAME: (name("www.failover.test").wire, name(HOSTNAME).wire, name("lb.example").wire),
    NS: (name("ns.www.failover.test").wire, name("ns.other.example").wire),
}


def about_records(origins: tuple[DomainName, ...]) -> st.SearchStrategy[Mutation]:
    """Draw commands and updates that store records in zones (by origin), or remove them."""
    rtypes = st.sampled_from([A, A, TXT, TXT, CNAME, NS])
    data = rtypes.flatmap(lambda rtype: st.tuples(st.just(rtype), st.sampled_from(_DATA[rtype])))
    records = st.tuples(st.sampled_from(STORED), data, st.sampled_from([None, 60, 300]))

    def store(origin: DomainName, drawn: list[Any], dry_run: bool) -> Mutation:
        found = (
            NewRecord(DomainName.from_text(owner, origin), rtype, ttl, data)
            for owner, (rtype, data), ttl in drawn
        )
        return StoreRecords(origin, tuple(found), dry_run=dry_run)

    def update(
        origin: DomainName,
        drawn: list[tuple[Condition, str, int]],
        edits: list[tuple[Action, str, tuple[int, bytes], int]],
    ) -> Mutation:
        prerequisites = [
            Prerequisite(condition, DomainName.from_text(owner, origin), rtype, _DATA[rtype][0])
            for condition, owner, rtype in drawn
        ]
        instructions = [
            Instruction(action, DomainName.from_text(owner, origin), rtype, ttl, data)
            for action, owner, (rtype, data), ttl in edits
        ]
        return UpdateZone(KEY, ZoneUpdate(origin, tuple(prerequisites), tuple(instructions)))

    def remove(origin: DomainName, owner: str, rtype: int | None) -> Mutation:
        return RemoveRecords(origin, DomainName.from_text(owner, origin), rtype)

    return st.one_of(
        st.builds(
            store,
            st.sampled_from(origins),
            st.lists(records, min_size=1, max_size=3),
            st.sampled_from([False, False, True]),
        ),
        st.builds(
            update,
            st.sampled_from(origins),
            st.lists(
                st.tuples(st.sampled_from(Condition), st.sampled_from(STORED), rtypes), max_size=1
            ),
            st.lists(
                st.tuples(
                    st.sampled_from([Action.ADD, *Action]),
                    st.sampled_from((*STORED, "lb1._heads.eu", "lb2._heads.us")),
                    data,
                    st.sampled_from([60, 300]),
                ),
                min_size=1,
                max_size=4,
            ),
        ),
        st.builds(
            remove,
            st.sampled_from(origins),
            st.sampled_from(STORED),
            st.sampled_from([None, A, TXT]),
        ),
    )


def _about_health() -> st.SearchStrategy[Mutation]:
    observed = st.builds(watched.said, st.sampled_from(Health), st.integers(0, 30).map(float))
    heads = st.none() | HEADS | st.just("lb*")
    checks = st.sampled_from([None, (), ("web",), ("web", "deep")])
    return st.one_of(
        st.builds(LearnHealth, IDS, st.lists(st.tuples(HEADS, observed), max_size=3).map(tuple)),
        st.builds(
            ForceHealth, APPLICATIONS | st.just("*"), heads, st.sampled_from(Health), REASONS
        ),
        st.builds(SetApplication, APPLICATIONS, checks, QUORUMS, QUORUMS),
        st.just(ForgetHealth()),
    )


def _about_automation() -> st.SearchStrategy[Mutation]:
    return st.one_of(
        st.builds(Automate, GROUP_IDS, OBJECTIONS),
        st.builds(SetMaintenance, GROUPS, st.booleans(), REASONS),
        st.builds(SetFlag, st.sampled_from(["automation", "office"]), st.booleans(), REASONS),
    )


def _about_plans(groups: st.SearchStrategy[tuple[str, ...]]) -> st.SearchStrategy[Mutation]:
    return st.one_of(
        st.builds(
            Switch,
            groups,
            st.none() | st.sampled_from(Side),
            override=st.sampled_from([(), ("target-down", "before-switch")]),
            reason=REASONS,
            at=st.integers(1, 40).map(float),
            pre_ttl=st.sampled_from([None, 0, 5, 100]),
        ),
        st.builds(AdvancePlan, GROUP_IDS, OBJECTIONS),
        st.builds(CancelPlan, GROUPS),
    )
