"""Tokens: who gets one, with which rights, and what becomes of them and of their secrets."""

from __future__ import annotations

from dataclasses import replace
from random import Random
from typing import Any

import pytest
from corridors import WHO, ZONE, Corridor, build_shop
from driving import run

from failoverdns.changes.batch import Batch, Done, Submission
from failoverdns.changes.draft import Draft
from failoverdns.model.application import HeadRole
from failoverdns.model.change import Json
from failoverdns.model.commands.applications import (
    AddHead,
    RemoveApplication,
    RemoveHead,
    RenameApplication,
    RenameHead,
)
from failoverdns.model.commands.groups import SetGroup
from failoverdns.model.commands.server import Configure
from failoverdns.model.commands.tokens import AddToken, Lifetime, RemoveToken
from failoverdns.model.moment import Moment
from failoverdns.model.roles import HeadGrant, Rights, Role
from failoverdns.model.token import MAX_TOKENS, Token, TokenHead, check_of, read_token
from failoverdns.rules.decisions.permission import rights_of
from failoverdns.rules.decisions.tokens import MAX_PATTERNS
from failoverdns.rules.reports.token_reports import token_report

BOT = AddToken("bot", Role.OPERATOR, groups=("shop-*", "blog"))
AGENT = AddToken("agent", head=("eu", "lb"))


@pytest.fixture
def shop() -> Corridor:
    """Return a corridor with the group `shop`, whose applications `eu` and `us` have a head."""
    corridor = Corridor()
    corridor.do(Configure((ZONE,)))
    build_shop(corridor)
    return corridor


def token(corridor: Corridor, name: str) -> Token:
    """Return the token with this name."""
    tokens = corridor.ledger.state.entities(Token)
    return next(each for each in tokens if each.name == name)


def add(corridor: Corridor, command: AddToken) -> dict[str, Any]:
    """Add a token; return the reply."""
    return dict(corridor.do(command).result)


def test_the_first_reply_has_the_secret_and_the_state_has_its_check_value(shop: Corridor) -> None:
    """What is sent later is recognized by it."""
    result = add(shop, BOT)
    made = read_token(result.pop("token"))
    assert result == {
        "name": "bot",
        "id": made.id,
        "role": "operator",
        "groups": ["shop-*", "blog"],
        "head": None,
        "created": "1970-01-01T00:16:40.000Z",
        "expires": None,
        "expired": False,
        "problem": None,
    }
    stored = token(shop, "bot")
    assert stored == Token(
        made.id, "bot", Role.OPERATOR, ("shop-*", "blog"), None, check_of(made.digest).hex(), 1000.0
    )
    assert stored.token_check.accepts(made, 1e12)


def test_no_two_tokens_have_the_same_secret(shop: Corridor) -> None:
    secrets = {add(shop, AddToken(f"bot-{n}", Role.VIEWER))["token"] for n in range(20)}
    assert len(secrets) == len({read_token(each).id for each in secrets}) == 20


def test_a_retry_gets_the_reply_without_the_secret_and_what_to_do(shop: Corridor) -> None:
    """The reply that is kept for a retry is in the state file, where no secret may be."""
    first = shop.do(BOT, op_id="a-1", request="x")
    again = shop.do(BOT, op_id="a-1", request="x")
    secret = first.result["token"]
    assert again.revision == first.revision
    assert str(secret) not in repr(again)
    assert again.result == {
        **{key: value for key, value in first.result.items() if key != "token"},
        "warnings": [
            "the secret of this token was in the first reply, and is not kept: if that reply was "
            "lost, `token remove bot`, and add it again with another op_id"
        ],
    }
    assert "warnings" not in first.result
    assert len(list(shop.ledger.state.entities(Token))) == 1


def test_a_retry_in_the_same_batch_has_no_secret_either(shop: Corridor) -> None:
    """Both are decided before the first of them is stored."""
    batch = Batch(Draft(shop.ledger.state))
    for _ in range(2):
        given: dict[str, Json] = {"command": "token add", "name": "bot"}
        submission = Submission(BOT, WHO, given, lambda _: None, op_id="a-1", request="x")
        batch.add(submission, Moment(1000.0, 1000.0), Random(0))
    first, again = batch.outcomes
    assert isinstance(first, Done)
    assert isinstance(again, Done)
    assert "token" in first.result
    assert "token" not in again.result
    assert str(first.result["token"]) not in repr(batch.operations) + repr(batch.changes)


@pytest.mark.parametrize(
    ("command", "code", "message"),
    [
        (AddToken("old", Role.ADMIN), "exists", "there is a token 'old' already"),
        (AddToken("x"), "invalid", "give either --role ROLE or --head APPLICATION/HEAD"),
        (AddToken("x", Role.VIEWER, ("eu", "lb")), "invalid", "not both"),
        (AddToken("x", head=("eu", "lbx")), "not-found", "did you mean 'lb'"),
        (AddToken("x", head=("gb", "lb")), "not-found", "no application 'gb'"),
        (AddToken("x", Role.VIEWER, groups=("a",)), "invalid", "a viewer changes nothing"),
        (AddToken("x", Role.ADMIN, groups=("a",)), "invalid", "an admin cannot be limited"),
        (AddToken("x", head=("eu", "lb"), groups=("a",)), "invalid", "is limited already"),
        (AddToken("x", Role.OPERATOR, groups=()), "invalid", "groups is empty"),
        (
            AddToken("x", Role.OPERATOR, groups=tuple(map(str, range(MAX_PATTERNS + 1)))),
            "invalid",
            "101 patterns: at most 100 are allowed",
        ),
        (
            AddToken("x", Role.VIEWER, expires=1000.0),
            "invalid",
            "would have expired at 1970-01-01T00:16:40.000Z, and it is 1970-01-01T00:16:40.000Z",
        ),
        (AddToken("x", Role.VIEWER, expires=Lifetime(0)), "invalid", "would have expired at"),
        (AddToken("x", Role.VIEWER, expires=Lifetime(1e12)), "invalid", "leave it out for never"),
        (
            AddToken("x", Role.VIEWER, at_most=2000.0),
            "forbidden",
            "one that you add has to expire by then: add --expires 1970-01-01T00:33:20.000Z",
        ),
        (AddToken("x", Role.VIEWER, expires=2001.0, at_most=2000.0), "forbidden", "your own token"),
        (RemoveToken("odl"), "not-found", "no token 'odl'; did you mean 'old'?"),
    ],
)
def test_what_no_token_may_be_is_refused_and_says_what_would_be_right(
    shop: Corridor, command: Any, code: str, message: str
) -> None:
    """Nothing is changed."""
    shop.do(AddToken("old", Role.VIEWER))
    before = shop.ledger.state.revision
    refusal = shop.refuse(command)
    assert (refusal.code, shop.ledger.state.revision) == (code, before)
    assert message in refusal.message


def test_who_has_a_token_that_expires_makes_tokens_that_expire_no_later(shop: Corridor) -> None:
    """Nobody gives away more than he or she has."""
    add(shop, AddToken("a", Role.ADMIN, expires=2000.0, at_most=2000.0))
    add(shop, AddToken("b", Role.ADMIN, expires=Lifetime(999), at_most=2000.0))
    assert (token(shop, "a").expires, token(shop, "b").expires) == (2000.0, 1999.0)


def test_there_are_at_most_a_thousand_tokens(shop: Corridor) -> None:
    """The refusal says how to make room."""
    for number in range(MAX_TOKENS):
        shop.do(AddToken(f"bot-{number}", Role.VIEWER))
    refusal = shop.refuse(AddToken("more", Role.VIEWER))
    assert refusal.code == "invalid"
    assert "there are 1000 tokens, and no more are allowed: remove" in refusal.message
    shop.do(RemoveToken("bot-500"))
    shop.do(AddToken("more", Role.VIEWER))


def test_a_removed_token_is_gone_and_its_name_is_free(shop: Corridor) -> None:
    """The token that gets the name then is another one."""
    first = add(shop, BOT)
    assert shop.do(RemoveToken("bot")).result == {"removed": "bot", "id": first["id"]}
    assert list(shop.ledger.state.entities(Token)) == []
    assert add(shop, BOT)["id"] != first["id"]


def rights(corridor: Corridor, name: str) -> Rights:
    """Return what the token with this name may do now."""
    return rights_of(corridor.ledger.state, token(corridor, name), corridor.now)


def problem(corridor: Corridor, name: str) -> object:
    """Return why nobody can use the token with this name."""
    return token_report(corridor.ledger.state, token(corridor, name), corridor.now)["problem"]


def test_a_token_of_a_head_follows_its_new_names(shop: Corridor) -> None:
    """Of the head and of its application."""
    add(shop, AGENT)
    shop.do(RenameHead("eu", "lb", "lb-old"))
    shop.do(RenameApplication("eu", "sky"))
    shop.do(AddHead("sky", "lb", HeadRole.WEB_SERVER, hostname="lb.example"))
    assert rights(shop, "agent").head == HeadGrant("sky", "lb-old")
    assert problem(shop, "agent") is None


def test_a_token_of_a_removed_head_is_useless_for_ever(shop: Corridor) -> None:
    """Another head with the same name is another machine."""
    add(shop, AGENT)
    shop.do(RemoveHead("eu", "lb", override=("target-empty",)))
    assert rights(shop, "agent") == Rights()
    assert problem(shop, "agent") == "the head eu/lb was removed"
    shop.do(AddHead("eu", "lb", HeadRole.WEB_SERVER, hostname="lb.example"))
    assert rights(shop, "agent") == Rights()
    assert problem(shop, "agent") == "the head eu/lb was removed"


def test_a_removal_that_is_only_tried_leaves_the_token(shop: Corridor) -> None:
    add(shop, AGENT)
    shop.do(RemoveHead("eu", "lb", override=("target-empty",), dry_run=True))
    assert token(shop, "agent").head == TokenHead("app-2", "lb")


def test_a_token_of_a_removed_application_is_useless(shop: Corridor) -> None:
    add(shop, AddToken("agent", head=("us", "lb")))
    shop.do(SetGroup("shop", backup=""))
    shop.do(RemoveApplication("us"))
    assert rights(shop, "agent") == Rights()
    assert problem(shop, "agent") == "the application of its head was removed"


def test_an_expired_token_has_no_rights(shop: Corridor) -> None:
    """From the moment on that was given."""
    add(shop, replace(BOT, expires=Lifetime(60)))
    shop.now += 59.9
    assert rights(shop, "bot").role is Role.OPERATOR
    assert rights(shop, "bot").until == 1060.0
    shop.now = 1060.0
    assert rights(shop, "bot") == Rights()
    assert problem(shop, "bot") == "it has expired"


def test_the_history_has_what_a_token_may_do(shop: Corridor) -> None:
    """Also when its head is renamed or removed."""
    result = add(shop, BOT)
    check = token(shop, "bot").check
    add(shop, AGENT)
    shop.do(RenameHead("eu", "lb", "lb2"))
    shop.do(RemoveHead("eu", "lb2", override=("target-empty",)))
    entries = run(shop.store.history(None, 4))[::-1]
    parts = [[part for part in entry.changed if part["kind"] == "token"] for entry in entries]
    fields = [part["fields"] for found in parts for part in found]
    assert fields == [
        {"role": [None, "operator"], "groups": [None, ["shop-*", "blog"]]},
        {"head": [None, "eu/lb"]},
        {"head": ["eu/lb", "eu/lb2"]},
        {"usable": [None, False]},
    ]
    assert entries[0].subjects == (result["id"],)
    assert check not in repr(entries)
