"""Hooks run for every event, in order and at least once, over the real ledger."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from authority import make_authority
from corridors import ZONE, Corridor
from driving import Gate, run
from shops import Shop
from unwritable import SETTINGS, build, fail_over, observe

from failoverdns.changes.state import State
from failoverdns.delivery.hook import BACK_OFF, MAX_BEHIND, MAX_WAITING, HookEffects
from failoverdns.delivery.hook_programs import Run
from failoverdns.delivery.hooks import Hooks
from failoverdns.model.commands.applications import RenameApplication
from failoverdns.model.commands.certificates import RemoveCertificate
from failoverdns.model.commands.groups import Switch
from failoverdns.model.health import Health
from failoverdns.model.settings import HookSettings
from failoverdns.store.interface import Unavailable
from failoverdns.store.memory import MemoryStore

AUTHORITY = make_authority()
ISSUED = AUTHORITY.issue("shop.failover.test")
RENEWED = AUTHORITY.issue("shop.failover.test")
CERTIFICATE = frozenset({"certificate"})
ALL = frozenset({"certificate", "switch", "role"})
TOLD = 'echo "$FAILOVERDNS_EVENT $FAILOVERDNS_TO$FAILOVERDNS_ROLE $FAILOVERDNS_APPLICATION" >>'


class Told(Shop):
    """A shop with hooks, which run real programs while `gate` is open."""

    def __init__(self, folder: Path) -> None:
        super().__init__()
        self.folder = folder
        self.gate = Gate()
        self.log: list[str] = []
        self.slept: list[float] = []
        self.on_sleep: Callable[[], None] = lambda: None
        self.pretend = False
        """Run no program, but note the revision of its event."""
        self.revisions: list[int] = []
        self.restart()

    def restart(self) -> None:
        """Become a server that was started again, without any hooks for now."""
        self.hooks = Hooks(
            HookEffects(
                state=lambda: self.state,
                store=self.store,
                folder=self.folder,
                in_thread=self.in_thread,
                ask_in_thread=self.in_thread,
                sleep=self.sleep,
                spawn=self.gate.spawn,
                now=lambda: 1000.0,
                log=self.log.append,
            )
        )
        self.announce = self.hooks.announce

    async def in_thread(self, call: Callable[[], Run]) -> Run:
        """Run a program, once the gate is open."""
        await self.gate()
        if self.pretend:
            self.revisions.append(self.hooks.report()[0]["revision"] + 1)
            return Run(None, "")
        return call()

    async def sleep(self, seconds: float) -> None:
        """Return at once."""
        self.slept.append(seconds)
        self.on_sleep()

    def use(self, *settings: HookSettings) -> None:
        """Configure these hooks."""
        run(self.hooks.configure(settings, self.state.revision))

    def told(self) -> list[str]:
        """Return the notes of the programs, a line for each run."""
        file = self.folder / "told"
        return file.read_text().splitlines() if file.exists() else []


@pytest.fixture
def shop(tmp_path: Path) -> Told:
    """A shop without hooks."""
    return Told(tmp_path)


def tell(shop: Told, script: str = "", **fields: Any) -> HookSettings:
    """A hook that notes its event, then runs the script."""
    given: dict[str, Any] = {
        "name": "tell",
        "events": frozenset({"switch"}),
        "applications": None,
        "timeout": 30.0,
        "attempts": 3,
        "before_switch": False,
        **fields,
    }
    run_it = ("/bin/sh", "-c", f"{TOLD} '{shop.folder}/told'; {script}")
    return HookSettings(run=run_it, **given)


def sides(shop: Told) -> list[str]:
    """Return the sides that were noted, in order."""
    return [line.split()[1] for line in shop.told()]


def test_a_hook_runs_for_each_switch_once_and_in_order(shop: Told) -> None:
    """Also for switches of one batch, and for those made while a program runs."""
    shop.use(tell(shop))
    shop.switch(3)
    assert sides(shop) == ["backup", "primary", "backup"]
    shop.gate.closed = True
    shop.switch(2)
    shop.switch(1)
    assert shop.hooks.report()[0]["waiting"] == 3
    shop.gate.open()
    assert sides(shop)[3:] == ["primary", "backup", "primary"]


def test_a_hook_of_a_killed_server_runs_for_the_events_that_it_missed(shop: Told) -> None:
    """An event whose programs did not all run is repeated; a finished one is not."""
    shop.use(tell(shop))
    shop.switch()
    shop.gate.closed = True
    shop.switch(2)
    shop.gate.held.clear()  # killed
    shop.gate.closed = False
    shop.restart()
    shop.switch()
    shop.use(tell(shop))
    assert sides(shop) == ["backup", "primary", "backup", "primary"]


def test_a_new_hook_runs_only_for_later_events(shop: Told) -> None:
    """Not for the existing history."""
    shop.switch(2)
    shop.use(tell(shop))
    assert shop.told() == []
    shop.switch()
    assert sides(shop) == ["backup"]


def test_no_event_is_lost_when_more_wait_than_fit_in_memory(shop: Told) -> None:
    """A hook that hangs for hours while thousands are switched: the rest waits in history."""
    shop.pretend = True
    shop.use(tell(shop))
    shop.gate.closed = True
    first = shop.state.revision + 1
    for _ in range(3):
        shop.switch(MAX_WAITING // 2)
    assert shop.hooks.report()[0]["waiting"] <= MAX_WAITING
    shop.gate.open()
    assert shop.revisions == list(range(first, shop.state.revision + 1))
    assert shop.hooks.report()[0]["revision"] == shop.state.revision


def test_history_that_cannot_be_read_is_read_later(shop: Told) -> None:
    """`status` reports it meanwhile."""
    shop.use(tell(shop))
    shop.announce = lambda change: None
    shop.switch(2)
    shop.store.unreachable = True
    shop.on_sleep = lambda: setattr(shop.store, "unreachable", False)
    hook, *_ = shop.hooks._hooks.values()
    hook.go_on()
    assert "history cannot be read" in shop.log[0]
    assert sides(shop) == ["backup", "primary"]
    assert shop.hooks.report()[0]["problem"] is None


def test_a_hook_runs_only_for_the_last_certificate(shop: Told) -> None:
    """While a program runs, others are issued: the next run is for the last of them."""
    save = f'cat "$RENEWED_LINEAGE/fullchain.pem" >>{shop.folder}/chains'
    shop.use(tell(shop, save, events=CERTIFICATE))
    shop.install("eu", ISSUED)
    shop.gate.closed = True
    another = AUTHORITY.issue("shop.failover.test")
    for issued in (another, ISSUED, another, RENEWED):
        shop.install("eu", issued)
    shop.gate.open()
    chains = (shop.folder / "chains").read_text()
    assert chains == ISSUED.chain + another.chain + RENEWED.chain
    assert shop.hooks.report()[0]["waiting"] == 0


def test_a_hook_does_not_run_for_a_removed_certificate(shop: Told) -> None:
    """There is nothing to install any more, and nothing failed."""
    shop.use(tell(shop, events=CERTIFICATE, attempts=1))
    shop.gate.closed = True
    shop.install("us", ISSUED)
    shop.install("eu", ISSUED)
    shop.do(RemoveCertificate("eu"))
    shop.gate.open()
    assert [line.split()[-1] for line in shop.told()] == ["us"]
    assert shop.hooks.report()[0]["state"] == "idle"


def test_a_failing_program_is_tried_again_and_then_given_up(shop: Told) -> None:
    """After longer and longer times; the failure stays in `status` while others succeed."""
    shop.use(tell(shop, '[ "$FAILOVERDNS_TO" = primary ] || exit 7', attempts=7))
    shop.switch()
    assert list(shop.slept) == [*BACK_OFF, BACK_OFF[-1]]
    assert len(shop.told()) == 7
    (report,) = shop.hooks.report()
    assert (report["state"], report["problem"]) == ("failed", "switch shop: exit status 7")
    assert "hook tell, switch shop, attempt 7 of 7: exit status 7" in shop.log
    shop.switch()
    assert shop.hooks.report()[0]["problem"] is None


def test_a_failure_is_shown_until_the_same_event_succeeds(shop: Told) -> None:
    """The success for another application does not hide it."""
    fails = f'[ "$FAILOVERDNS_APPLICATION" = us ] || [ -e {shop.folder}/mended ]'
    shop.use(tell(shop, fails, events=CERTIFICATE, attempts=1))
    shop.install("eu", ISSUED)
    shop.install("us", ISSUED)
    assert shop.hooks.report()[0]["problem"] == "certificate eu: exit status 1"
    (shop.folder / "mended").touch()
    shop.install("eu", RENEWED)
    assert shop.hooks.report()[0]["problem"] is None


def test_a_hook_runs_only_for_its_applications(shop: Told) -> None:
    """By their names; for a group, by those of either side."""
    shop.use(tell(shop, events=ALL, applications=frozenset({"us"})))
    shop.install("eu", ISSUED)
    shop.switch()
    assert shop.told() == ["certificate  us", "switch backup us", "role online us"]


def test_a_hook_runs_for_a_missed_event_though_the_application_was_renamed(shop: Told) -> None:
    """The hook lists the name at the time of the event; the program gets the current one."""
    settings = tell(shop, events=CERTIFICATE, applications=frozenset({"eu"}))
    shop.use(settings)
    shop.restart()
    shop.install("eu", ISSUED)
    shop.do(RenameApplication("eu", "europe"))
    shop.use(settings)
    assert shop.told() == ["certificate  europe"]


def test_the_progress_of_a_hook_advances_without_events_for_it(shop: Told) -> None:
    """So that a start need not read the whole history."""
    shop.use(tell(shop, events=CERTIFICATE))
    shop.switch(MAX_BEHIND + 10)
    assert shop.state.revision - run(shop.store.progress())["tell"].revision <= 10
    assert shop.told() == []


def test_a_reload_keeps_an_unchanged_hook_and_continues_with_a_changed_one(
    shop: Told,
) -> None:
    """The changed hook runs for the events that the former one had not finished."""
    shop.use(tell(shop))
    shop.gate.closed = True
    shop.switch(2)
    shop.use(tell(shop))
    assert shop.hooks.report()[0]["waiting"] == 2
    shop.use(tell(shop, timeout=5.0), tell(shop, name="other"))
    shop.gate.open()
    assert sides(shop) == ["backup", "primary"]
    shop.use()
    shop.switch()
    assert len(shop.told()) == 2


def test_a_failed_reload_changes_no_hook(shop: Told) -> None:
    """The store is unavailable for a moment: the hooks are the same as before."""
    shop.use(tell(shop))
    shop.store.unreachable = True
    with pytest.raises(Unavailable):
        shop.use()
    shop.store.unreachable = False
    shop.switch()
    assert sides(shop) == ["backup"]


def automatic(shop: Told) -> Corridor:
    """Put the hooks of a shop on a corridor whose group is switched automatically."""
    corridor = shop.corridor = build(MemoryStore())
    shop.state, shop.store = corridor.ledger.state, corridor.store
    shop.restart()
    corridor.listeners.append(shop.hooks.announce)
    corridor.early_listeners.append(shop.hooks.announce_unrecorded)
    return corridor


def test_a_hook_runs_at_once_for_a_switch_that_is_not_recorded_and_only_once(
    shop: Told,
) -> None:
    """Its progress is stored with the change; a fault of the store is logged once."""
    corridor = automatic(shop)
    shop.use(tell(shop, events=frozenset({"switch", "health"})))
    shop.store.unreachable = True
    fail_over(corridor)
    observe(corridor, "us", Health.DOWN)
    assert len(shop.told()) == 5  # an application and its head went down, twice
    assert sides(shop)[2] == "backup"
    assert len(shop.log) == 1
    corridor.ledger.resume()
    shop.store.unreachable = False
    corridor.ledger.resume()
    assert len(shop.told()) == 5
    assert run(shop.store.progress())["tell"].revision == shop.state.revision
    corridor.do(Switch(("shop",), override=("target-down",)))
    assert sides(shop)[-1] == "primary"


def test_progress_is_never_stored_beyond_the_last_stored_change(shop: Told) -> None:
    """Or the changes that get these revisions after a crash would find no hook."""
    corridor = automatic(shop)
    shop.use(tell(shop))
    shop.store.unreachable = True
    fail_over(corridor)
    shop.store.unreachable = False
    hook, *_ = shop.hooks._hooks.values()
    run(hook._keep(hook.progress))
    assert run(shop.store.progress())["tell"].revision == shop.state.revision


def test_a_change_that_was_stored_in_place_of_a_step_finds_its_hook(shop: Told) -> None:
    """A command of unknown outcome came back: its hook runs, and those of later steps again."""
    corridor = automatic(shop)
    shop.use(tell(shop))
    shop.store.unreachable = True
    fail_over(corridor)
    shop.store.unreachable = False
    loaded = run(shop.store.load())
    twin = Corridor(shop.store)
    twin.open_ledger(State(loaded.revision, loaded.entities, (ZONE,), SETTINGS))
    twin.do(Switch(("shop",)))
    corridor.ledger.resume()
    assert sides(shop)[:2] == ["backup", "backup"]
    assert shop.hooks.report()[0]["revision"] == shop.state.revision - 1


PLANNED: dict[str, Any] = {
    "groups": [
        {"name": "shop", "from": "primary", "to": "backup", "changed": True},
        {"name": "gone", "from": "primary", "to": "backup", "changed": True},
    ],
    "reason": "rehearsal",
}


def test_a_switch_is_refused_by_every_hook_that_does_not_agree(shop: Told) -> None:
    """With their output; they get the reason; hooks for events are not asked."""
    shop.use(
        tell(shop),
        tell(shop, 'echo "$FAILOVERDNS_REASON?"; exit 1', name="no", before_switch=True),
        tell(shop, name="yes", before_switch=True),
        tell(shop, "kill -9 $$", name="dies", before_switch=True),
    )
    assert shop.hooks.approving
    failures = run(shop.hooks.approve(PLANNED))
    assert [(f.rule, f.group, f.message) for f in failures] == [
        (
            "before-switch",
            "shop",
            "group 'shop': hook 'no' does not agree: exit status 1 (rehearsal?)",
        ),
        (
            "before-switch",
            "shop",
            "group 'shop': hook 'dies' does not agree: was ended by signal 9",
        ),
    ]
    assert len(shop.told()) == 3


def test_no_hook_is_asked_about_a_switch_that_changes_nothing(shop: Told) -> None:
    shop.use(tell(shop, "exit 1", before_switch=True))
    unchanged = {"groups": [{**PLANNED["groups"][0], "changed": False}], "reason": None}
    assert run(shop.hooks.approve(unchanged)) == ()
    assert shop.told() == []
