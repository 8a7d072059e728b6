"""Flattened hostnames: which answers are served, with which TTL, and when they are resolved."""

from __future__ import annotations

from ipaddress import IPv4Address, IPv6Address

import pytest
import samples
from samples import answers, application, balancer, carried_out, group, name, refusal, state

from failoverdns.changes.state import State
from failoverdns.model.commands.groups import AddGroup, SetGroup
from failoverdns.model.commands.server import ForgetAnswers, LearnAnswer
from failoverdns.model.group import Side
from failoverdns.model.records import AAAA, A, Opaque, OwnedRRset
from failoverdns.model.resolution import Answer, Resolved
from failoverdns.rules.derived.resolving import RefreshTiming, timed, wanted
from failoverdns.rules.derived.targets import target_of
from failoverdns.rules.reports.reporting import group_report, zone_report

HOST = name("lb.cloud.example")
ONE, TWO, SIX = IPv4Address("192.0.2.7"), IPv4Address("192.0.2.8"), IPv6Address("2001:db8::7")
GOOD = Answer((ONE,), (SIX,), 60)
FAILED = Answer(None, None, 0, "SERVFAIL")


@pytest.mark.parametrize(
    ("answer", "before", "ttl", "timing"),
    [
        pytest.param(GOOD, None, 30, RefreshTiming(1030, 1060), id="half the TTL"),
        pytest.param(Answer((ONE,), (), 0), None, 10, RefreshTiming(1010, 1000), id="a TTL of 0"),
        pytest.param(
            Answer((ONE,), (), 2**31 - 1),
            None,
            3600,
            RefreshTiming(4600, 1000 + 2**31 - 1),
            id="huge",
        ),
        pytest.param(
            Answer((ONE,), None, 600, "AAAA: SERVFAIL"),
            None,
            10,
            RefreshTiming(1010, 1010),
            id="partly",
        ),
        pytest.param(FAILED, None, 10, RefreshTiming(1010, 1000, 1), id="never an answer"),
        pytest.param(
            FAILED,
            RefreshTiming(0, 1100),
            50,
            RefreshTiming(1010, 1100, 1),
            id="half of what is left",
        ),
        pytest.param(
            FAILED, RefreshTiming(0, 900, 2), 10, RefreshTiming(1040, 900, 3), id="the wait doubles"
        ),
        pytest.param(
            FAILED,
            RefreshTiming(0, 900, 99),
            10,
            RefreshTiming(1060, 900, 100),
            id="the wait is limited",
        ),
        pytest.param(
            Answer((), (), 0, "no addresses"),
            None,
            10,
            RefreshTiming(1010, 1000, 1),
            id="no address",
        ),
        pytest.param(
            GOOD, RefreshTiming(0, 0, 9), 30, RefreshTiming(1030, 1060), id="a good answer again"
        ),
    ],
)
def test_the_ttl_and_the_next_time_after_an_answer(
    answer: Answer, before: RefreshTiming | None, ttl: int, timing: RefreshTiming
) -> None:
    """Each case is a row of the table in `resolving`."""
    assert timed(answer, before, 1000) == (ttl, timing)


def cloud(**fields: object) -> State:
    """A group whose primary is a hostname, flattened by default."""
    head = balancer("lb", hostname="lb.cloud.example")
    shop = group(primary="cloud", **{"flatten": True, **fields})
    return state(application("cloud", head, active="lb"), samples.us(), shop)


def test_the_origin_of_a_zone_answers_with_the_addresses_of_its_alias() -> None:
    """They are served beside the configured records, and without a CNAME while unknown."""
    mail = OwnedRRset(name("failover.test"), 15, 300, (Opaque(b"\0\x0a\4mail\0"),))
    view = state(zones=[samples.zone(records=(mail,), alias=HOST)])
    assert wanted(view) == (HOST,)
    before = answers(view, "failover.test")
    assert before is not None
    assert not any(text.startswith(("A ", "AAAA ", "CNAME ")) for text in before)
    _, _, delta = carried_out(view, LearnAnswer(HOST, GOOD, 30), 5.0)
    assert [node.owner for node in delta.nodes] == [name("failover.test")]
    assert answers(view, "failover.test") == [*before, "A 192.0.2.7", "AAAA 2001:db8::7"]
    assert {r.ttl for r in delta.nodes[0].rrsets if r.rtype in (A, AAAA)} == {30}
    alias = zone_report(view, view.zones[0])["alias"]
    assert isinstance(alias, dict)
    assert (alias["hostname"], alias["problem"]) == ("lb.cloud.example", None)
    carried_out(view, ForgetAnswers((HOST,)))
    assert view.resolved(HOST) is not None, "it is still wanted"


def learn(view: State, answer: Answer, ttl: int = 30, now: float = 5.0) -> int:
    """Record an answer; return the number of stored writes."""
    writes = carried_out(view, LearnAnswer(HOST, answer, ttl), now)[1]
    return sum(not write.is_fleeting for write in writes)


def test_a_flattened_hostname_is_a_cname_until_its_addresses_are_known() -> None:
    """So flattening a group that is in use causes no outage."""
    view = cloud()
    assert answers(view) == ["CNAME lb.cloud.example"]
    learn(view, FAILED)
    assert answers(view) == ["CNAME lb.cloud.example"]
    learn(view, GOOD)
    assert answers(view) == ["A 192.0.2.7", "AAAA 2001:db8::7"]
    assert answers(view, f"primary.{samples.HOSTNAME}") == ["A 192.0.2.7", "AAAA 2001:db8::7"]


@pytest.mark.parametrize(
    ("answer", "served", "stored"),
    [
        pytest.param(FAILED, ["A 192.0.2.7", "AAAA 2001:db8::7"], 0, id="a failure"),
        pytest.param(
            Answer((), (), 0, "none"), ["A 192.0.2.7", "AAAA 2001:db8::7"], 0, id="no address"
        ),
        pytest.param(GOOD, ["A 192.0.2.7", "AAAA 2001:db8::7"], 0, id="the same"),
        pytest.param(Answer((TWO,), (), 60), ["A 192.0.2.8"], 1, id="another, and one family less"),
        pytest.param(
            Answer((ONE, TWO), None, 60, "AAAA: SERVFAIL"),
            ["A 192.0.2.7", "A 192.0.2.8", "AAAA 2001:db8::7"],
            1,
            id="one family uncertain",
        ),
    ],
)
def test_the_last_good_answer_stays_until_there_is_a_better_one(
    answer: Answer, served: list[str], stored: int
) -> None:
    """Only different addresses are stored."""
    view = cloud()
    assert learn(view, GOOD) == 1
    assert learn(view, answer) == stored
    assert answers(view) == served


def test_the_ttl_of_a_flattened_answer_is_at_most_that_of_the_group() -> None:
    view = cloud(ttl=20)
    learn(view, GOOD, ttl=30)
    (a, _) = samples.node_table(view)[name(samples.HOSTNAME)].rrsets
    assert a.ttl == 20
    learn(view, GOOD, ttl=12)
    (a, _) = samples.node_table(view)[name(samples.HOSTNAME)].rrsets
    assert a.ttl == 12


def test_after_a_restart_the_last_good_answer_is_served_for_a_short_time() -> None:
    """Its age is not known."""
    head = balancer("lb", hostname="lb.cloud.example")
    shop = group(primary="cloud", flatten=True)
    known = Resolved(HOST, (ONE,), (), 1.0)
    view = state(application("cloud", head, active="lb"), samples.us(), shop, known)
    (a,) = samples.node_table(view)[name(samples.HOSTNAME)].rrsets
    assert (a.data, a.ttl) == ((ONE,), 10)


def test_status_reports_the_last_answer_for_a_hostname_and_its_age() -> None:
    view = cloud()
    report = group_report(view, view.group("grp-shop"))
    assert report["primary"]["resolved"]["problem"] == "not resolved since the start"
    learn(view, GOOD)
    learn(view, FAILED, now=65.0)
    report = group_report(view, view.group("grp-shop"))
    assert report["answers"] == ["192.0.2.7", "2001:db8::7"]
    assert report["primary"]["resolved"] == {
        "hostname": "lb.cloud.example",
        "since": "1970-01-01T00:00:05.000Z",
        "checked_at": "1970-01-01T00:00:05.000Z",
        "ttl": 30,
        "problem": "SERVFAIL",
    }
    assert "resolved" not in report["backup"]


def test_an_answer_that_no_group_needs_is_deleted() -> None:
    view = cloud()
    learn(view, GOOD)
    carried_out(view, ForgetAnswers((HOST,)))
    assert view.resolved(HOST) is not None
    carried_out(view, SetGroup("shop", flatten=False))
    assert answers(view) == ["CNAME lb.cloud.example"]
    assert wanted(view) == ()
    carried_out(view, ForgetAnswers((HOST,)))
    assert (view.resolved(HOST), view.freshness(HOST)) == (None, None)


def test_a_hostname_in_a_zone_of_the_server_is_not_resolved() -> None:
    """The server would query itself, and a group that points at itself would never change."""
    head = balancer("lb", hostname=samples.HOSTNAME)
    view = state(application("cloud", head, active="lb"), group("x", "cloud", None, flatten=True))
    assert wanted(view) == ()
    assert str(target_of(view, view.group("grp-x"), Side.PRIMARY)).startswith("Hostname")


def test_a_group_can_be_added_with_flattening() -> None:
    view = state()
    carried_out(view, AddGroup("shop", flatten=True))
    assert [found.name for found in view.flattening()] == ["shop"]
    assert refusal(view, AddGroup("shop")).code == "exists"
