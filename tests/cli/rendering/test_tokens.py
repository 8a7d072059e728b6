"""Tokens as printed for people."""

from __future__ import annotations

from typing import Any

import pytest
from console import Console

from failoverdns.cli import rendering

BOT: dict[str, Any] = {
    "name": "bot",
    "id": "abcdefghi2",
    "role": "operator",
    "groups": ["shop-*", "blog"],
    "head": None,
    "created": "2027-01-15T08:00:00.000Z",
    "expires": None,
    "expired": False,
    "problem": None,
    "last_used": {"time": "2027-01-15T08:01:00.000Z", "address": "192.0.2.7"},
}


def shown(capsys: pytest.CaptureFixture[str], command: str, result: dict[str, Any]) -> str:
    """Return the text printed for a result."""
    rendering.show(command, {"ok": True, "revision": 1, "result": result})
    return capsys.readouterr().out


def test_a_new_token_is_shown_with_its_use(console: Console) -> None:
    """The secret, that it is shown only now, and a line to try it."""
    lines = console.shown("token add bot --role operator --groups sh* --expires 1h").splitlines()
    assert lines[0] == "token bot: operator, groups sh*; until 2027-01-15T09:00:00.000Z"
    secret = lines[2].strip()
    assert secret.startswith("fdns_")
    assert "It is shown only now" in lines[4]
    assert lines[7] == (
        f"  curl -H 'Authorization: Bearer {secret}' http://127.0.0.1:8053/api/v1/whoami"
    )


def test_a_repeated_reply_says_what_to_do(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "token add", {**BOT, "warnings": ["the secret is gone"]})
    assert text == (
        "token bot: operator, groups shop-* blog; never expires\n  warning: the secret is gone\n"
    )


def test_the_list_is_a_table(capsys: pytest.CaptureFixture[str]) -> None:
    """With what each token may do, its last use, and why it cannot be used."""
    agent = {
        **BOT,
        "name": "agent",
        "role": None,
        "groups": None,
        "head": {"application": None, "head": "lb1"},
        "last_used": None,
        "expires": "2027-02-01T00:00:00.000Z",
        "problem": "the application of its head was removed",
    }
    lines = shown(capsys, "token list", {"tokens": [BOT, agent]}).splitlines()
    columns = [" ".join(line.split()) for line in lines if line.strip()]
    assert columns[0] == "token id may created expires last used problem"
    first, second = columns[2].split(" 2027-")[0], columns[4].split(" 2027-")[0]
    assert first == "bot abcdefghi2 operator, groups shop-*"
    assert second == "agent abcdefghi2 head (removed)/lb1"
    assert columns[3] == "blog from 192.0.2.7"
    assert columns[4].endswith("never the application of its")
    assert columns[5] == "head was removed"
    assert "no tokens yet: make one" in shown(capsys, "token list", {"tokens": []})


def test_a_removed_token_is_named(capsys: pytest.CaptureFixture[str]) -> None:
    text = shown(capsys, "token remove", {"removed": "bot", "id": "abcdefghi2"})
    assert text == "token bot removed: it can do nothing more\n"


def test_whoami_shows_a_token(capsys: pytest.CaptureFixture[str]) -> None:
    """Of a role with its limits and its end, and of a head."""
    grant = {"role": "operator", "groups": ["shop-*"], "applications": None}
    token = {**BOT, "expires": "2027-02-01T00:00:00.000Z"}
    of_role = {"principal": "token:bot", "role": "operator", "grants": [grant], "token": token}
    assert shown(capsys, "whoami", of_role).splitlines() == [
        "token:bot: operator",
        "  operator for groups shop-*",
        "  until 2027-02-01T00:00:00.000Z",
    ]
    agent = {**BOT, "role": None, "head": {"application": "eu", "head": "lb1"}}
    of_head = {"principal": "token:agent", "role": None, "grants": [], "token": agent}
    assert shown(capsys, "whoami", of_head) == "token:agent: head eu/lb1\n"
