"""Compare what a server promised with what it has after a restart.

The history since the last comparison says which commands were carried out; the state that follows
from it must be the state that `status` reports and that DNS clients get.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from attacks.streams import CERTIFIED, CERTIFIED_APPLICATIONS, PAIR, Sent
from attacks.target import Target

OTHER = {"primary": "backup", "backup": "primary"}


@dataclass
class Known:
    """What the state was at a revision."""

    revision: int
    sides: dict[str, str]
    addresses: dict[str, str]
    """Of the head of each application."""
    certificates: dict[str, str | None]
    """The fingerprint of each application's certificate."""

    def follow(self, change: dict[str, Any]) -> str:
        """Follow a change of the history; return its token."""
        command = change["command"]
        self.revision = change["revision"]
        match command["command"]:
            case "switch":
                for group in command["groups"]:
                    self._switch(group)
                return str(command["reason"])
            case "head set":
                self.addresses[command["application"]] = command["address"][0]
                return str(command["address"][0])
            case "certificate install":
                (fingerprint,) = (
                    entry["fields"]["fingerprint"][1]
                    for entry in change["changed"]
                    if entry["kind"] == "certificate"
                )
                self.certificates[command["application"]] = fingerprint
                return str(fingerprint)
        return ""

    def _switch(self, group: str) -> None:
        before = self.sides[group]
        self.sides[group] = OTHER[before]
        if group == CERTIFIED:
            active = self.certificates[CERTIFIED_APPLICATIONS[before]]
            if active is not None:
                self.certificates[CERTIFIED_APPLICATIONS[OTHER[before]]] = active


@dataclass
class Tally:
    """Counts of commands by outcome, and every broken promise in words."""

    counts: Counter[str] = field(default_factory=Counter)
    broken: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Add the counts and the broken promises of another tally."""
        self.counts += other.counts
        self.broken += other.broken


def observe(server: Target) -> Known:
    """Return the state that the server reports."""
    status = server.ask(command="status")
    result = status["result"]
    applications = {one["name"]: one for one in result["applications"]}
    return Known(
        status["revision"],
        {group["name"]: group["active"] for group in result["groups"]},
        {name: one["heads"][0]["addresses"][0] for name, one in applications.items()},
        {
            name: one["certificate"] and one["certificate"]["fingerprint"]
            for name, one in applications.items()
        },
    )


def compare(server: Target, before: Known, sent: Sequence[Sent]) -> tuple[Known, Tally]:
    """Compare a server that was started again with the replies; return its state and a tally."""
    tally = Tally()
    found, known = _history(server, before)
    for command in sent:
        if command.token:
            _judge(command, found, tally)
        else:
            tally.counts["rotations " + _outcome(command)] += 1
    tokens = {command.token for command in sent}
    tally.broken += [f"nobody sent {token!r}" for token in found if token and token not in tokens]
    now = observe(server)
    if now != known:
        tally.broken.append(f"status differs from the history: {now} is not {known}")
    if len({now.sides[group] for group in PAIR}) != 1:
        tally.broken.append(f"a switch of two groups was half applied: {now.sides}")
    tally.broken += _differences(server)
    return now, tally


def retry(server: Target, sent: Sequence[Sent], known: Known) -> tuple[Known, list[str]]:
    """Repeat commands with an `op_id`, with their outcome; each may take effect once in all.

    A command that was acknowledged must get the same reply again.
    """
    broken = []
    for command in [one for one in sent if "op_id" in one.request][-5:]:
        reply = server.ask(**command.request)
        first = command.reply
        if command.acknowledged and reply != first:
            broken.append(f"a retry with op_id got {reply}, the first reply was {first}")
    found, now = _history(server, known)
    repeated = [token for token, revisions in found.items() if len(revisions) > 1]
    done = {one.token for one in sent if one.acknowledged}
    repeated += [token for token in found if token in done]
    return now, broken + [f"a retry with op_id took effect again: {token}" for token in repeated]


def _history(server: Target, before: Known) -> tuple[dict[str, list[int]], Known]:
    """Return the revisions of each token after a state, and the state that follows."""
    known = Known(
        before.revision, dict(before.sides), dict(before.addresses), dict(before.certificates)
    )
    found: dict[str, list[int]] = {}
    while changes := server.do(command="history", export=True, since=known.revision)["export"]:
        for change in changes:
            token = known.follow(change)
            found.setdefault(token, []).append(change["revision"])
    return found, known


def _judge(command: Sent, found: dict[str, list[int]], tally: Tally) -> None:
    revisions = found.get(command.token, [])
    tally.counts[_outcome(command)] += 1
    if len(revisions) > 1:
        tally.broken.append(f"done twice: {_short(command)}")
    if command.acknowledged:
        assert command.reply is not None
        if revisions != [command.reply["revision"]]:
            tally.counts["acknowledged, lost"] += 1
            tally.broken.append(f"acknowledged, in the history at {revisions}: {_short(command)}")
    elif command.refused:
        assert command.reply is not None
        tally.counts[f"refused: {command.reply['error']['code']}"] += 1
        if revisions:
            tally.counts["refused, done"] += 1
            tally.broken.append(f"refused, but done at {revisions}: {_short(command)}")
    elif revisions:
        tally.counts["unknown, done"] += 1


def _short(command: Sent) -> str:
    words = {name: value for name, value in command.request.items() if name not in ("chain", "key")}
    return f"{words}, reply {command.reply}"


def _outcome(command: Sent) -> str:
    if command.acknowledged:
        return "acknowledged"
    return "refused" if command.refused else "unknown"


def _differences(server: Target) -> list[str]:
    """Return what is wrong with the chain, the private keys, and the answers of DNS."""
    broken = []
    verified = server.ask(command="history", verify=True)
    if not verified["ok"]:
        broken.append(f"the chain of the history does not verify: {verified}")
    status = server.do(command="status")
    for group in status["groups"]:
        answers = server.resolve(group["hostname"])
        if answers != sorted(group["answers"]):
            broken.append(f"DNS answers {answers} for {group['name']}, status {group['answers']}")
    if any(one["certificate"] for one in status["applications"]):
        checks = server.do(command="preflight", group=CERTIFIED)["checks"]
        keys = [check for check in checks if check["check"] == "key"]
        if any(check["result"] != "ok" for check in keys):
            broken.append(f"the private key cannot be used: {keys}")
    return broken
