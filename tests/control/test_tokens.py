"""Tokens as callers: what they may do over the command corridor, and that no secret is kept."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from control_effects import ADMIN, quiet_effects
from corridors import ZONE, Corridor, build_shop
from driving import at_once, run
from hypothesis import given, settings
from hypothesis import strategies as st
from vaults import vault_beside

from failoverdns.changes.state import State
from failoverdns.control.caller import Caller
from failoverdns.control.commanding import CommandCorridor, event_line
from failoverdns.control.language.requests import Unreadable, read_request, write_refusal
from failoverdns.control.tokens import MAX_ADDRESS, TokenCallers, changes_tokens
from failoverdns.model.change import Change, Json
from failoverdns.model.commands import Action, Mutation
from failoverdns.model.commands.health import ReportHealth
from failoverdns.model.commands.server import Configure
from failoverdns.model.errors import Rejected
from failoverdns.model.token import TokenUse, check_of, read_token
from failoverdns.store.memory import MemoryStore
from failoverdns.store.sqlite import SQLiteStore

ADDRESS = "198.51.100.7"


class Accepting:
    """Probing that takes every health report."""

    def last_seen(self, application: object) -> list[Json]:
        """Return no results."""
        return []

    async def take_report(self, report: ReportHealth) -> dict[str, Json]:
        """Take the report."""
        return {"application": report.application, "heads": [report.head]}


@dataclass
class Site:
    """A server with the group `shop`, its administrator, and clients with tokens."""

    store: Any = field(default_factory=MemoryStore)
    uses: list[TokenUse] = field(default_factory=list)
    logged: list[str] = field(default_factory=list)
    events: list[bytes] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    saved: int = 0
    """How often the uses of tokens were saved."""

    def __post_init__(self) -> None:
        """Build the server."""
        self.corridor = Corridor(self.store)
        self.corridor.listeners += [
            lambda change: self.events.append(event_line(change)),
            self.changes.append,
        ]
        self.corridor.do(Configure((ZONE,)))
        build_shop(self.corridor)
        effects = quiet_effects(
            self.corridor, log=self.logged.append, probing=Accepting(), token_uses=self
        )
        self.commands = CommandCorridor(self.corridor.ledger, self.store, effects)
        self.callers = TokenCallers(
            lambda: self.corridor.ledger.state, lambda: self.corridor.now, self.uses.append
        )

    def last(self, token: str) -> TokenUse | None:
        """Return the last use of a token."""
        return next((use for use in reversed(self.uses) if use.token == token), None)

    async def save(self) -> None:
        """Count that the uses were saved."""
        self.saved += 1

    def ask(self, request: str | dict[str, Json], caller: Caller = ADMIN) -> dict[str, Any]:
        """Return the reply to a command line, or to named values."""
        text = request if isinstance(request, str) else json.dumps(request)
        try:
            read = read_request(text.encode())
        except Unreadable as fault:
            found: dict[str, Any] = json.loads(write_refusal(fault.id, fault.refusal))
            return found
        lines: Iterable[bytes]
        if isinstance(read.command, Mutation):
            replies: list[Iterable[bytes]] = []
            self.commands.change(read, caller, replies.append)
            (lines,) = replies
        elif isinstance(read.command, Action):
            lines = run(self.commands.act(read, caller))
        else:
            lines = run(self.commands.read(read, caller))
        return dict(json.loads(b"".join(lines)))

    def done(self, request: str | dict[str, Json], caller: Caller = ADMIN) -> Any:
        """Return the result of a command, which must succeed."""
        reply = self.ask(request, caller)
        assert reply["ok"], reply
        return reply["result"]

    def refused(self, request: str, caller: Caller) -> str:
        """Return the message of a command, which must be forbidden."""
        before = self.corridor.ledger.state.revision
        reply = self.ask(request, caller)
        assert not reply["ok"], reply
        assert reply["error"]["code"] == "forbidden"
        assert self.corridor.ledger.state.revision == before
        return str(reply["error"]["message"])

    def add(self, line: str) -> str:
        """Add a token; return its text."""
        return str(self.done(f"token add {line}")["token"])

    def caller(self, text: str, address: str = ADDRESS) -> Caller:
        """Return the caller with a token."""
        token = read_token(text)
        return self.callers.caller(token.id, token.digest, address)


@pytest.fixture
def site() -> Site:
    return Site()


def test_a_command_of_a_token_is_in_the_history_with_its_name_and_address(site: Site) -> None:
    """Its changes are found by who made them, also after the token is gone."""
    text = site.add("bot --role operator")
    site.done("switch shop --reason works", site.caller(text))
    change = site.done("history --limit 1")["history"][0]
    id_ = read_token(text).id
    assert change["who"] == {"address": ADDRESS, "principal": "token:bot", "token": id_}
    assert change["command"] == {"command": "switch", "groups": ["shop"], "reason": "works"}
    site.done("token remove bot")
    assert site.done("history --limit 2")["history"][1]["who"]["principal"] == "token:bot"


@pytest.mark.parametrize("change", ["another secret", "the check", "nothing", "unknown id"])
def test_only_the_digest_of_the_token_makes_a_caller(site: Site, change: str) -> None:
    """Whoever knows ids and check values only, as the process that speaks HTTP, has no rights."""
    text = site.add("bot --role admin")
    token, other = read_token(text), read_token(site.add("other --role admin"))
    given = {
        "another secret": (token.id, other.digest),
        "the check": (token.id, check_of(token.digest)),
        "nothing": (token.id, b""),
        "unknown id": ("aaaaaaaaaa", token.digest),
    }[change]
    with pytest.raises(Rejected, match="this token is wrong, or was removed") as refusal:
        site.callers.caller(*given, ADDRESS)
    assert refusal.value.code == "forbidden"
    assert site.uses == []


def test_a_removed_token_counts_at_once(site: Site) -> None:
    """Also for a client that was let in before, and is in the middle of something."""
    text = site.add("bot --role admin")
    caller = site.caller(text)
    site.done("token remove bot")
    assert "you have no role" in site.refused("switch shop", caller)
    with pytest.raises(Rejected, match="wrong, or was removed"):
        site.caller(text)


def test_a_new_token_with_the_name_of_a_removed_one_is_another(site: Site) -> None:
    """The old secret stays useless, and so do the retries of the old token."""
    old = site.add("bot --role operator")
    caller = site.caller(old)
    request: dict[str, Json] = {"command": "switch", "groups": ["shop"], "op_id": "a-1"}
    first = site.ask(request, caller)
    site.done("token remove bot")
    new = site.add("bot --role operator")
    with pytest.raises(Rejected):
        site.caller(old)
    again = site.ask(request, site.caller(new))
    assert (first["ok"], again["ok"]) == (True, True)
    assert again["revision"] > first["revision"], "its op_id was not used before"
    assert site.ask(request, site.caller(new))["revision"] == again["revision"]


def test_an_expired_token_says_when_and_whom_to_ask(site: Site) -> None:
    """Its owner learns that, and nobody who guesses: the secret is compared before."""
    text = site.add("bot --role viewer --expires 60s")
    caller = site.caller(text)
    site.corridor.now += 60
    with pytest.raises(Rejected, match=r"the token bot expired at 1970.*: ask an admin") as refusal:
        site.caller(text)
    assert refusal.value.code == "forbidden"
    with pytest.raises(Rejected, match="wrong, or was removed"):
        site.callers.caller(read_token(text).id, bytes(32), ADDRESS)
    assert "you have no role" in site.refused("status", caller)


def test_a_token_of_a_removed_head_says_why_it_cannot_be_used(site: Site) -> None:
    """Also to a client that was let in before."""
    text = site.add("agent --head eu/lb")
    caller = site.caller(text)
    site.done("head remove eu lb --override target-empty")
    with pytest.raises(Rejected, match="agent cannot be used: the head eu/lb was removed"):
        site.caller(text)
    site.refused("health report eu/lb up", caller)
    assert len(site.uses) == 1


def test_the_checks_are_what_the_process_that_speaks_http_may_know(site: Site) -> None:
    """It recognizes tokens by them, and a change says when there are other ones."""
    texts = [site.add("a --role viewer"), site.add("b --role viewer --expires 60s")]
    checks = site.callers.checks()
    assert [
        each.accepts(read_token(text), 1000.0) for each, text in zip(checks, texts, strict=True)
    ]
    assert [each.expires for each in checks] == [None, 1060.0]
    assert not checks[0].accepts(read_token(texts[1]), 1000.0)
    site.done("switch shop")
    site.done("token remove a")
    assert [changes_tokens(change) for change in site.changes[-4:]] == [True, True, False, True]
    assert len(site.callers.checks()) == 1


def test_each_use_is_noted_with_its_address(site: Site) -> None:
    """A text that is no address cannot fill the memory or reach a terminal."""
    text = site.add("bot --role viewer")
    site.caller(text)
    site.caller(text, "x\x1b[2J" + "y" * 1000)
    id_ = read_token(text).id
    assert site.uses[0] == TokenUse(id_, 1000.0, ADDRESS)
    assert len(site.uses[1].address) <= MAX_ADDRESS + 3, "and three dots"
    assert site.uses[1].address.isprintable()


def test_the_list_has_everything_but_secrets(site: Site) -> None:
    """A token that cannot be used any more says why."""
    bot = site.add("bot --role operator --groups shop* --expires 1h")
    site.add("agent --head eu/lb")
    site.caller(bot)
    first, second = site.done("token list")["tokens"]
    assert first == {
        "name": "bot",
        "id": read_token(bot).id,
        "role": "operator",
        "groups": ["shop*"],
        "head": None,
        "created": "1970-01-01T00:16:40.000Z",
        "expires": "1970-01-01T01:16:40.000Z",
        "expired": False,
        "problem": None,
        "last_used": {"time": "1970-01-01T00:16:40.000Z", "address": ADDRESS},
    }
    assert (second["head"], second["last_used"]) == ({"application": "eu", "head": "lb"}, None)
    site.corridor.now += 3600
    site.done("head remove eu lb --override target-empty")
    first, second = site.done("token list")["tokens"]
    assert (first["expired"], first["problem"]) == (True, "it has expired")
    assert (second["expired"], second["problem"]) == (False, "the head eu/lb was removed")


def test_whoami_shows_a_token_its_rights_and_its_end(site: Site) -> None:
    text = site.add("bot --role operator --groups shop* --expires 1h")
    result = site.done("whoami", site.caller(text))
    assert result["principal"] == "token:bot"
    assert result["role"] == "operator"
    assert result["grants"] == [{"role": "operator", "groups": ["shop*"], "applications": None}]
    assert result["token"]["expires"] == "1970-01-01T01:16:40.000Z"
    agent = site.done("whoami", site.caller(site.add("agent --head eu/lb")))
    assert (agent["role"], agent["grants"]) == (None, [])
    assert agent["token"]["head"] == {"application": "eu", "head": "lb"}
    assert "token" not in site.done("whoami")


@pytest.mark.parametrize("role", ["viewer", "reporter", "operator"])
def test_only_an_admin_makes_lists_and_removes_tokens(site: Site, role: str) -> None:
    """With a token too: one of an admin may make tokens, and others may not."""
    text = site.add(f"bot --role {role}")
    for line in ("token add x --role viewer", "token list", "token remove bot"):
        assert "needs the role admin" in site.refused(line, site.caller(text))
    admin = site.caller(site.add("root --role admin"))
    assert read_token(site.done("token add x --role admin", admin)["token"])
    assert len(site.done("token list", admin)["tokens"]) == 3


def test_a_token_that_expires_cannot_make_one_that_does_not(site: Site) -> None:
    """Otherwise it would never expire."""
    admin = site.caller(site.add("root --role admin --expires 60s"))
    assert "your own token expires at" in site.refused("token add x --role viewer", admin)
    assert "your own token expires at" in site.refused(
        "token add x --role viewer --expires 61s", admin
    )
    site.done("token add x --role viewer --expires 60s", admin)


GROUPS = ("group add blog --primary us", "group add shop-2 --primary eu --backup us")


def test_a_token_for_some_groups_touches_no_other_group(site: Site) -> None:
    """A command that touches another group is forbidden as a whole; it reads everything."""
    site.done(GROUPS[0])
    caller = site.caller(site.add("bot --role operator --groups shop*"))
    site.done("switch shop", caller)
    text = site.refused("switch shop blog", caller)
    assert "does not cover group blog; nothing was changed" in text
    site.refused("maintenance blog on", caller)
    site.refused("automation freeze", caller)
    site.done("status blog", caller)
    site.done("maintenance shop on", caller)


def test_a_token_for_some_groups_reports_the_applications_of_these_groups(site: Site) -> None:
    """An application touches every group that it is attached to: all have to be covered."""
    reporter = site.caller(site.add("mon --role reporter --groups shop*"))
    operator = site.caller(site.add("ops --role operator --groups shop*"))
    site.done("health report eu/lb up", reporter)
    site.done("health force us down", operator)
    assert "application e*" in site.refused("health force e* none", operator)
    site.done(GROUPS[0])
    site.done(GROUPS[1])
    site.done("health report eu/lb up", reporter)
    assert "application us" in site.refused("health report us/lb up", reporter)
    assert "application us" in site.refused("health force us down", operator)
    site.done("application add alone")
    assert "application alone" in site.refused("health report alone up", reporter)
    assert "application ghost" in site.refused("health report ghost up", reporter)
    assert "needs the role operator" in site.refused("switch shop", reporter)


def test_a_token_of_a_head_sets_its_addresses_and_reports_its_health_and_nothing_else(
    site: Site,
) -> None:
    site.done("head add eu web --role web-server --address 192.0.2.9")
    caller = site.caller(site.add("agent --head eu/lb"))
    site.done("head set eu lb --address 192.0.2.77", caller)
    site.done("head set EU LB --address 192.0.2.78", caller)
    site.done("health report eu/lb up", caller)
    for line in (
        "head set eu lb --hostname lb.example",
        "head set eu web --address 192.0.2.77",
        "head set us lb --address 192.0.2.77",
        "health report eu up",
        "health report eu/web up",
        "health report us/lb up",
        "health force eu/lb up",
        "head remove eu lb",
        "status",
        "token list",
        "switch shop",
        "watch",
    ):
        text = site.refused(line, caller)
        assert "this token is for the head eu/lb only" in text
    site.done("head rename eu lb lb2")
    site.done("head set eu lb2 --address 192.0.2.80", caller)
    assert "eu/lb2 only" in site.refused("head set eu lb --address 192.0.2.80", caller)


def test_a_refusal_in_the_log_names_the_token_and_its_address(site: Site) -> None:
    caller = site.caller(site.add("bot --role viewer"))
    site.refused("switch shop", caller)
    assert site.logged == [
        f"forbidden to token:bot from {ADDRESS}: `switch` needs the role operator, and you have "
        "the role viewer (see `failoverdns whoami`)"
    ]


def test_a_secret_in_place_of_a_name_is_not_repeated(site: Site) -> None:
    """An error may be logged, or be on the screen of a call."""
    text = site.add("bot --role viewer")
    for line in (f"token remove {text}", f"token add {text} --role viewer"):
        error = site.ask(line)["error"]
        assert error["code"] == "invalid"
        assert "remove its token, because others may have seen it" in error["message"]
        assert text not in error["message"]
        assert text[-20:] not in error["message"]


def test_a_backup_has_the_last_uses(site: Site) -> None:
    """They are stored first, though the last minute is in memory only."""
    site.ask("backup")
    assert site.saved == 1


def test_no_secret_is_in_the_state_the_history_events_or_logs(tmp_path: Path) -> None:
    """Nor is it in the reply that is kept for a retry, or its digest, which a command needs."""
    path = tmp_path / "state.db"
    store = SQLiteStore(path, at_once, vault_beside(path))
    run(store.load())
    site = Site(store)
    request: dict[str, Json] = {
        "command": "token add",
        "name": "bot",
        "role": "operator",
        "op_id": "a-1",
    }
    texts = [site.done(request)["token"], site.add("agent --head eu/lb --expires 1h")]
    again = site.done(request)
    site.done("switch shop", site.caller(texts[0]))
    site.refused("token list", site.caller(texts[0]))
    shown = [
        json.dumps([again, *map(site.done, READING)]),
        b"".join(site.events).decode(),
        "".join(site.logged),
        repr(site.uses),
    ]
    run(store.save_uses(site.uses))
    with (tmp_path / "copy.db").open("xb") as file:
        run(store.copy(file.fileno(), lambda: True))
    files = [each for each in tmp_path.iterdir() if not each.name.endswith(".reserve")]
    stored = b"".join(each.read_bytes() for each in files)
    assert len(files) >= 3
    for text in texts:
        secret = text.rpartition("_")[2]
        digest = sha256(text.encode())
        assert secret.encode() not in stored
        assert digest.hexdigest().encode() not in stored
        check = sha256(digest.digest()).hexdigest()
        assert check.encode() in stored, "the search finds what is there"
        for each in shown:
            assert secret not in each
            assert digest.hexdigest() not in each
    run(store.close())
    assert all(text.rpartition("_")[2].encode() not in path.read_bytes() for text in texts)


READING = ("token list", "history --limit 100", "history --export", "status", "whoami")


NAMES = st.sampled_from(["shop", "shop-2", "blog", "x"])
PATTERNS = st.lists(st.sampled_from(["shop*", "blog", "?", "shop-?", "*", "sh*p"]), min_size=1)


def fits(pattern: str, name: str) -> bool:
    """Return whether a pattern matches a name, by the plainest rules there are."""
    if not pattern:
        return not name
    if pattern[0] == "*":
        return any(fits(pattern[1:], name[at:]) for at in range(len(name) + 1))
    return bool(name) and pattern[0] in ("?", name[0]) and fits(pattern[1:], name[1:])


SHOWN = Site()
for _line in ("group add blog --primary us", "group add x", "group add shop-2 --primary eu"):
    SHOWN.done(_line)


@given(PATTERNS, st.lists(NAMES, min_size=1, max_size=4, unique=True))
@settings(max_examples=60, deadline=None)
def test_a_limited_token_switches_exactly_the_groups_that_its_patterns_match(
    patterns: list[str], names: list[str]
) -> None:
    """Whatever the patterns and the groups of the command are."""
    request: dict[str, Json] = {"command": "token add", "name": "bot", "role": "operator"}
    text = SHOWN.done({**request, "groups": list[Json](patterns)})["token"]
    try:
        switch: dict[str, Json] = {"command": "switch", "groups": list[Json](names)}
        reply = SHOWN.ask({**switch, "dry_run": True}, SHOWN.caller(text))
        is_forbidden = reply.get("error", {}).get("code") == "forbidden"
        covered = all(any(fits(each, name) for each in patterns) for name in names)
        assert is_forbidden == (not covered)
    finally:
        SHOWN.done("token remove bot")


def test_an_empty_state_has_no_checks() -> None:
    assert TokenCallers(State, lambda: 0.0, lambda _: None).checks() == []
