"""What a web process gets, and when it gets it again."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import Authority, make_authority
from twisted.internet.defer import Deferred
from web_processes import OF_SHOP, Site, check, given

from failoverdns.model.certificate import Bundle, Secret
from failoverdns.model.change import Write
from failoverdns.model.roles import Role
from failoverdns.model.token import Token
from failoverdns.web.calls import LANES, ServerState


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    made = Site(tmp_path)
    yield made
    made.stop()


@pytest.fixture(scope="module")
def authority() -> Authority:
    return make_authority()


def test_a_process_gets_what_it_needs_and_then_the_sockets(site: Site) -> None:
    """Clients connect when requests can be answered: the sockets come last."""
    site.start()
    assert site.process.names() == [
        "configure", "tokens", *["lanes"] * len(LANES), "state", "open",
    ]  # fmt: skip
    assert len(site.commands.open_lanes) == len(LANES)


def test_tokens_are_sent_before_a_command_that_changes_them_is_answered(site: Site) -> None:
    """A client may use its token as soon as it has it."""
    site.start()
    site.process.calls.clear()
    site.checks.append(check("b"))
    site.process.silent = True
    knowing = Deferred.fromCoroutine(site.web.tokens_known())
    site.machine.settle()
    assert site.process.names() == ["tokens", "applied"]
    assert not knowing.called
    site.machine.pass_time(1)
    assert knowing.called, "a process that is silent holds up the reply for a second only"


def test_tokens_are_sent_when_they_change_and_not_otherwise(site: Site) -> None:
    site.start()
    site.process.calls.clear()
    token = Token("b", "bot", Role.VIEWER, None, None, "00" * 32, 0.0)
    site.change(Write(None, token))
    assert site.process.names() == []
    site.checks.append(check("b"))
    site.change()
    assert site.process.names() == []
    site.change(Write(None, token))
    ((_, arguments),) = site.process.calls
    assert [id_ for id_, *_ in arguments["tokens"]] == ["a", "b"]


def test_a_change_of_readiness_is_sent_once(site: Site) -> None:
    """A new revision alone is not sent: each commit would wake the process."""
    site.start()
    site.process.calls.clear()
    site.state = ServerState(True, "", 8)
    site.machine.pass_time(1)
    assert given(site.process, "state") == []
    site.state = ServerState(False, "the disk is full", 8)
    site.machine.pass_time(1)
    (sent,) = given(site.process, "state")
    assert (sent["ready"], sent["why"]) == (False, "the disk is full")


def test_a_certificate_of_the_vault_is_sent_again_when_it_is_another_one(
    site: Site, authority: Authority
) -> None:
    site.start(OF_SHOP)
    (sent,) = given(site.process, "configure")
    assert sent["material"] is None
    for id_ in ("first", "second"):
        issued = authority.issue(f"{id_}.shop.example")
        site.bundle = Bundle(id_, issued.chain, Secret(issued.key))
        site.process.calls.clear()
        site.change()
        (sent,) = given(site.process, "configure")
        assert sent["material"]["certificate"] == issued.chain
        site.process.calls.clear()
        site.change()
        assert site.process.names() == []
