"""Hooks over a real ledger and real programs: order, failures that stay, what is caught up with."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import drawn
import pytest
from corridors import ZONE, Corridor, build_shop
from driving import Gate, run
from samples import facts

from failoverdns.config import HookSettings
from failoverdns.delivery.hook import MAX_BEHIND, Means
from failoverdns.delivery.hooks import Hooks
from failoverdns.model import commands
from failoverdns.model.change import Change
from failoverdns.model.commands import Mutation
from failoverdns.model.delivery import HookProgress
from failoverdns.store.memory import MemoryStore

FOUND = facts("www.shop.example", not_after=2e9)
INSTALL = commands.InstallCertificate("eu", drawn.bundled(FOUND), FOUND)
SWITCH = commands.Switch(("shop",))


class SlowStore(MemoryStore):
    """A store in memory whose changes can be held back while they are read."""

    gate: Gate | None = None

    async def changes_after(self, revision: int) -> tuple[Change, ...]:
        """Return the changes as they are, when the gate is open."""
        found = await super().changes_after(revision)
        if self.gate is not None:
            await self.gate()
        return found


class Told:
    """A corridor with the group `shop`, hooks, and a program that writes down what it is told."""

    def __init__(self, folder: Path, **settings: Any) -> None:
        self.folder = folder
        self.program = folder / "tell"
        self.succeed()
        self.store = SlowStore()
        self.corridor = Corridor(self.store)
        self.corridor.do(commands.Configure((ZONE,)))
        build_shop(self.corridor)
        given: dict[str, Any] = {
            "name": "tell",
            "run": (str(self.program),),
            "events": frozenset(("certificate", "switch", "role")),
            "applications": None,
            "timeout": 20.0,
            "attempts": 2,
            "before_switch": False,
        }
        self.settings = HookSettings(**{**given, **settings})
        self.log: list[str] = []
        self.naps: list[float] = []
        self.hooks = self.make()
        self.configure()

    def make(self) -> Hooks:
        """Make hooks, as a start does."""
        return Hooks(
            Means(
                state=lambda: self.corridor.ledger.state,
                store=self.corridor.store,
                folder=self.folder,
                in_thread=self._at_once,
                ask_in_thread=self._at_once,
                sleep=self._nap,
                spawn=self.corridor.gate.spawn,
                now=lambda: self.corridor.now,
                log=self.log.append,
            )
        )

    def configure(self, *settings: HookSettings) -> None:
        """Use a configuration."""
        revision = self.corridor.ledger.state.revision
        self.corridor.gate.spawn(self.hooks.configure(settings or (self.settings,), revision))

    def fail(self) -> None:
        """Let the program fail from now on."""
        self.program.write_text("#!/bin/sh\necho sorry\nexit 1\n")

    def succeed(self) -> None:
        """Let it succeed, and write down what it was told."""
        self.program.write_text(
            '#!/bin/sh\necho "$FAILOVERDNS_EVENT ${FAILOVERDNS_TO:-$FAILOVERDNS_APPLICATION}"'
            f" >>{self.folder}/told\necho thanks\n"
        )
        self.program.chmod(0o755)

    def do(self, command: Mutation) -> Change:
        """Carry out a command, and announce it."""
        self.corridor.do(command)
        self.hooks.announce(self.last)
        return self.last

    @property
    def last(self) -> Change:
        """The last change."""
        (found,) = run(self.store.history(None, 1))
        return found

    @property
    def told(self) -> list[str]:
        """What the program was told."""
        file = self.folder / "told"
        return file.read_text().splitlines() if file.exists() else []

    @property
    def report(self) -> dict[str, Any]:
        """What `status` tells of the first hook."""
        found: Any = self.hooks.report()[0]
        return dict(found)

    @property
    def kept(self) -> HookProgress:
        """How far it has come, as the store has it."""
        return run(self.store.progress())["tell"]

    async def _at_once(self, call: Callable[[], Any]) -> Any:
        return call()

    async def _nap(self, seconds: float) -> None:
        self.naps.append(seconds)


@pytest.fixture
def told(tmp_path: Path) -> Told:
    return Told(tmp_path)


def test_events_are_told_in_order_and_how_far_is_kept(told: Told) -> None:
    told.do(INSTALL)
    change = told.do(SWITCH)
    assert told.told[:3] == ["certificate eu", "certificate us", "switch backup"]
    assert sorted(told.told[3:]) == ["role eu", "role us"]
    assert told.kept.revision == change.revision
    assert (told.kept.problem, told.kept.output) == (None, "thanks\n")


def test_a_failure_stays_until_the_same_thing_succeeds(told: Told) -> None:
    """What else succeeds meanwhile does not hide that a web head has no certificate."""
    told.fail()
    told.do(INSTALL)
    assert told.naps == [1.0]
    assert told.report["problem"] == "certificate eu: exit status 1"
    told.succeed()
    told.do(commands.SetGroup("shop", backup=""))
    assert told.told == ["role us"]
    assert (told.report["state"], told.report["output"]) == ("failed", "sorry\n")
    other = facts("www.shop.example", called="other", not_after=2e9)
    told.do(commands.InstallCertificate("eu", drawn.bundled(other), other))
    assert (told.report["state"], told.report["problem"]) == ("idle", None)


def test_a_certificate_that_was_removed_meanwhile_is_not_told(tmp_path: Path) -> None:
    told = Told(tmp_path, attempts=5)
    told.fail()
    told.corridor.do(INSTALL)
    installed = told.last
    told.corridor.do(commands.RemoveCertificate("eu"))
    told.hooks.announce(installed)
    assert told.log == []
    assert told.report["state"] == "idle"


def test_hooks_of_other_applications_are_left_alone(tmp_path: Path) -> None:
    told = Told(tmp_path, applications=frozenset(("us",)))
    told.do(INSTALL)
    assert told.told == []
    told.do(SWITCH)
    assert sorted(told.told) == ["certificate us", "role us", "switch backup"]


def test_after_a_start_it_is_told_what_it_missed_and_in_order(told: Told) -> None:
    """Also what changes while it is told that."""
    told.do(INSTALL)
    told.corridor.do(SWITCH)
    told.corridor.do(commands.Switch(("shop",), reason="back"))
    told.hooks = told.make()
    told.corridor.gate.closed = True
    told.store.gate = told.corridor.gate
    told.configure()
    told.corridor.gate.closed = False
    told.corridor.do(SWITCH)
    told.hooks.announce(told.last)
    assert told.told == ["certificate eu"], "it waits for what came before"
    told.corridor.gate.open()
    switches = [line for line in told.told if line.startswith("switch")]
    assert switches == ["switch backup", "switch primary", "switch backup"]
    assert told.kept.revision == told.corridor.ledger.state.revision


def test_progress_is_kept_though_nothing_was_told(told: Told) -> None:
    """So that a start does not read the whole history."""
    for _ in range(MAX_BEHIND // 2):
        told.do(commands.AddApplication("x"))
        told.do(commands.RemoveApplication("x"))
    revision = told.corridor.ledger.state.revision
    assert revision - told.kept.revision < MAX_BEHIND
    assert told.told == []


def test_a_hook_that_is_configured_anew_is_told_what_comes_after(told: Told) -> None:
    told.do(SWITCH)
    again = told.settings
    other = HookSettings(
        **{name: getattr(again, name) for name in again.__slots__} | {"name": "other"}
    )
    told.configure(again, other)
    before = len(told.told)
    told.do(SWITCH)
    assert len(told.told) - before == 6, "both are told of a switch and two roles"
    told.configure(other)
    assert [hook["name"] for hook in told.hooks.report()] == ["other"]  # type: ignore[index,call-overload]
