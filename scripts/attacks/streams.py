"""Pipelined streams of changes, and a record of each command with the reply that it got.

Every command has a token that is found in the history if the command was carried out: the reason of
a switch, the address of a head, the fingerprint of a certificate.  A record ends in one of three
ways: acknowledged, refused ("nothing was changed"), or unknown, which a lost connection means too.
"""

from __future__ import annotations

import random
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

from authority import make_authority
from system.server import Client, Server

PAIR = ["pair-a", "pair-b"]
SINGLES = ["one", "two", "three"]
CERTIFIED = "shop"
APPLICATIONS = {"primary": "web-eu", "backup": "web-us"}
CERTIFIED_APPLICATIONS = {"primary": "shop-eu", "backup": "shop-us"}
NAMES = ("shop.failover.test", "www.shop.example")
AUTHORITY = make_authority()


@dataclass
class Sent:
    """A command that was sent, with its reply, if one came."""

    token: str
    request: dict[str, Any]
    reply: dict[str, Any] | None = None
    sent_at: float = 0.0
    replied_at: float = 0.0
    """Times of a steady clock."""

    @property
    def acknowledged(self) -> bool:
        """Whether the server replied that it was done."""
        return self.reply is not None and self.reply["ok"]

    @property
    def refused(self) -> bool:
        """Whether the server replied that nothing was changed."""
        return not self.acknowledged and not self.unknown

    @property
    def unknown(self) -> bool:
        """Whether the command may or may not have been carried out."""
        if self.reply is None:
            return True
        return not self.reply["ok"] and self.reply["error"]["code"] == "unknown-outcome"


Commands = Iterator[Sent]
Kind = Callable[[random.Random], Commands]


def switches(dice: random.Random) -> Commands:
    """Switch single groups to the other side."""
    while True:
        token = _token(dice)
        yield Sent(token, {"command": "switch", "groups": [dice.choice(SINGLES)], "reason": token})


def pairs(dice: random.Random) -> Commands:
    """Switch two groups in one command."""
    while True:
        token = _token(dice)
        yield Sent(token, {"command": "switch", "groups": PAIR, "reason": token})


def heads(dice: random.Random) -> Commands:
    """Give a head another address."""
    while True:
        address = f"10.{dice.randrange(256)}.{dice.randrange(256)}.{dice.randrange(1, 255)}"
        application = dice.choice([*APPLICATIONS.values()])
        head = {"application": application, "name": "lb1", "address": [address]}
        yield Sent(address, {"command": "head set", **head})


def certificates(dice: random.Random) -> Commands:
    """Install a certificate on either side, then switch, which transfers the active one."""
    while True:
        issued = AUTHORITY.issue(*NAMES)
        install = {"command": "certificate install", "chain": issued.chain, "key": issued.key}
        application = dice.choice([*CERTIFIED_APPLICATIONS.values()])
        yield Sent(issued.fingerprint, {**install, "application": application})
        token = _token(dice)
        yield Sent(token, {"command": "switch", "groups": [CERTIFIED], "reason": token})


def rotations(_dice: random.Random) -> Commands:
    """Encrypt the private keys with a new key file; this leaves nothing in the history."""
    while True:
        yield Sent("", {"command": "certificate rotate-key"})


CHANGES: tuple[Kind, ...] = (switches, pairs, heads, certificates)


class Stream(threading.Thread):
    """Sends commands of one kind over one connection until the connection breaks or `stop`."""

    def __init__(self, server: Server, kind: Kind, seed: str, depth: int = 7) -> None:
        """Send up to `depth` commands before the replies are read."""
        super().__init__(daemon=True)
        self.sent: list[Sent] = []
        self._server = server
        self._dice = random.Random(seed)
        self._commands = kind(self._dice)
        self._depth = depth
        self._stopped = threading.Event()

    def run(self) -> None:
        """Send and receive."""
        try:
            with self._server.connect() as client:
                while not self._stopped.is_set():
                    self._exchange(client)
        except (OSError, ValueError):  # killed; the last reply may be cut
            pass

    def stop(self) -> list[Sent]:
        """Stop after the replies that are due; return everything that was sent."""
        self._stopped.set()
        self.join()
        return self.sent

    def _exchange(self, client: Client) -> None:
        due = []
        for _ in range(self._dice.randint(1, self._depth)):
            command = next(self._commands)
            if command.token and self._dice.random() < 0.3:
                command.request["op_id"] = command.token
            self.sent.append(command)
            due.append(command)
            command.sent_at = time.monotonic()
            client.send(command.request)
        for command in due:
            reply = client.receive()
            command.replied_at = time.monotonic()
            command.reply = reply


def load(server: Server) -> None:
    """Add the applications and groups that the streams change."""
    for name, address in (
        ("web-eu", "192.0.2.1"),
        ("web-us", "192.0.2.2"),
        ("shop-eu", "192.0.2.3"),
        ("shop-us", "192.0.2.4"),
    ):
        server.do(command="application add", name=name)
        head = {"application": name, "name": "lb1", "role": "load-balancer", "address": [address]}
        server.do(command="head add", **head)
    for name in (*PAIR, *SINGLES):
        server.do(command="group add", name=name, label=name, **APPLICATIONS)
    server.do(command="group add", name=CERTIFIED, label=CERTIFIED, **CERTIFIED_APPLICATIONS)


def _token(dice: random.Random) -> str:
    return f"{dice.getrandbits(64):016x}"
