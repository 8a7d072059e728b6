"""Hooks: programs that are told of events, each in order, at least once, again when they fail.

Every hook has a queue of its own, and how far it has come is kept in the store: a server that was
killed tells its hooks what they missed.  An event that a later one supersedes is not told.
No answer and no switch waits for a hook, but for those that are asked before a switch.
Refuses to know how a program is run (`delivery.programs`), threads and clocks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from failoverdns.config import HookSettings
from failoverdns.delivery.programs import Lineage, Program, Run
from failoverdns.model.change import Change, Json
from failoverdns.model.delivery import HookProgress
from failoverdns.model.errors import Corrupt, RuleFailure
from failoverdns.rules.events import (
    Event,
    EventKind,
    application_of,
    applications_of,
    before_switch,
    environment,
    events_of,
)
from failoverdns.rules.switching import BEFORE_SWITCH
from failoverdns.rules.timestamps import timestamp
from failoverdns.rules.view import View
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable

BACK_OFF = (1.0, 5.0, 30.0, 120.0, 300.0)
"""Seconds between attempts: the last one holds for all further ones."""

SHOWN_OUTPUT = 2000
"""Characters of a program's output that are kept."""


@dataclass(frozen=True, slots=True)
class Means:
    """What hooks are run with.

    `state` returns the state as it is; `in_thread` makes a blocking call and returns an awaitable
    of its result; `sleep` waits for seconds; `spawn` drives a coroutine to its end; `now` tells
    seconds since 1970; `folder` is where private folders are made; `log` takes what an operator
    should read.
    """

    state: Callable[[], View]
    store: Store
    folder: Path
    in_thread: Callable[[Callable[[], Run]], Awaitable[Run]]
    sleep: Callable[[float], Awaitable[None]]
    spawn: Callable[[Coroutine[Any, Any, None]], object]
    now: Callable[[], float]
    log: Callable[[str], None]


class Hook:
    """One hook: its queue, and how far it has come."""

    def __init__(self, settings: HookSettings, progress: HookProgress, means: Means) -> None:
        self.settings = settings
        self.progress = progress
        self._means = means
        self._queue: deque[Event] = deque()
        self._seen = progress.revision
        self._working = False
        self._attempt = 0
        self._program: Program | None = None
        self._stopped = False

    def take(self, change: Change) -> None:
        """Queue what is to be told of a change; one that was told already is left alone."""
        if change.revision <= self._seen or self._stopped:
            return
        self._seen = change.revision
        for event in events_of(change):
            if self._wants(event):
                waiting = self._queue if not self._working else list(self._queue)[1:]
                for old in [e for e in waiting if event.supersedes(e)]:
                    self._queue.remove(old)
                self._queue.append(event)
        if self._queue and not self._working:
            self._working = True
            self._means.spawn(self._work())

    async def ask(self, event: Event) -> Run:
        """Run the program once, before a switch."""
        return await self._run(event)

    def report(self) -> dict[str, Json]:
        """Report how the hook is doing."""
        state = "idle"
        if self._working:
            state = "running" if self._attempt <= 1 else f"attempt {self._attempt} after a failure"
        elif self.progress.problem is not None:
            state = "failed"
        return {
            "name": self.settings.name,
            "state": state,
            "waiting": len(self._queue),
            "revision": self.progress.revision,
            "last_run": timestamp(self.progress.time),
            "problem": self.progress.problem,
            "output": self.progress.output,
        }

    def stop(self) -> None:
        """Ask what is running to end; what was not told is told after the next start."""
        self._stopped = True
        self._queue.clear()
        if self._program is not None:
            self._program.end()

    async def _work(self) -> None:
        try:
            while self._queue:
                await self._tell(self._queue[0])
                if self._stopped:
                    return
                self._queue.popleft()
        finally:
            self._working = False
            self._attempt = 0

    async def _tell(self, event: Event) -> None:
        """Run the program for an event until it succeeds, or was tried often enough."""
        for attempt in range(self.settings.attempts):
            if attempt:
                await self._means.sleep(BACK_OFF[min(attempt, len(BACK_OFF)) - 1])
            if self._stopped:
                return
            self._attempt = attempt + 1
            run = await self._run(event)
            if self._stopped:
                return
            if run.problem is None:
                break
            self._means.log(
                f"hook {self.settings.name}, {event.kind.value} {event.subject}, attempt "
                f"{attempt + 1} of {self.settings.attempts}: {run.problem}"
            )
            self.progress = self._after(event, run, done=False)
        await self._keep(self._after(event, run, done=True))

    def _after(self, event: Event, run: Run, *, done: bool) -> HookProgress:
        """Return the progress after a run; several events may be of one revision."""
        more = any(e.revision == event.revision for e in list(self._queue)[1:])
        revision = event.revision if done and not more else self.progress.revision
        problem = run.problem and f"{event.kind.value} {event.subject}: {run.problem}"
        return HookProgress(revision, self._means.now(), problem, run.output[-SHOWN_OUTPUT:])

    async def _keep(self, progress: HookProgress) -> None:
        self.progress = progress
        try:
            await self._means.store.save_progress(self.settings.name, progress)
        except (Unavailable, OutcomeUnknown) as fault:
            self._means.log(f"hook {self.settings.name}: {fault}")

    async def _run(self, event: Event) -> Run:
        state, folder = self._means.state(), self._means.folder
        variables = {**environment(state, event), "FAILOVERDNS_HOOK": self.settings.name}
        try:
            lineage = await self._lineage(state, event)
        except (Unavailable, Corrupt) as fault:
            return Run(str(fault), "")
        program = self._program = Program(self.settings.run, self.settings.timeout)
        try:
            return await self._means.in_thread(lambda: program.run(variables, lineage, folder))
        except OSError as fault:
            return Run(f"{folder}: {fault.strerror}", "")

    async def _lineage(self, state: View, event: Event) -> Lineage | None:
        """Return the certificate that an event is about, as it is by now."""
        application = application_of(state, event)
        if event.kind is not EventKind.CERTIFICATE or application is None:
            return None
        certificate = state.certificate(application.id)
        bundle = None
        if certificate is not None:
            bundle = await self._means.store.bundle(certificate.facts.bundle)
        if certificate is None or bundle is None:
            return None
        return Lineage(application.name, certificate.facts.names, bundle)

    def _wants(self, event: Event) -> bool:
        if event.kind.value not in self.settings.events:
            return False
        only = self.settings.applications
        return only is None or bool(only & applications_of(self._means.state(), event))


class Hooks:
    """All hooks of the configuration."""

    def __init__(self, means: Means) -> None:
        self._means = means
        self._hooks: dict[str, Hook] = {}

    async def configure(self, settings: Iterable[HookSettings], revision: int) -> None:
        """Have exactly these hooks: new ones are told of what comes after `revision`.

        Those that were there before are told what they have missed.  Raises Unavailable, Corrupt.
        """
        known = await self._means.store.progress()
        old, self._hooks = self._hooks, {}
        for wanted in settings:
            before = old.pop(wanted.name, None)
            if before is not None and before.settings == wanted:
                self._hooks[wanted.name] = before
                continue
            if before is not None:
                before.stop()
            progress = known.get(wanted.name)
            hook = Hook(wanted, progress or HookProgress(revision), self._means)
            if progress is None:
                await self._means.store.save_progress(wanted.name, hook.progress)
            self._hooks[wanted.name] = hook
        for gone in old.values():
            gone.stop()
        behind = [hook.progress.revision for hook in self._hooks.values()]
        if behind and min(behind) < revision:
            for change in await self._means.store.changes_after(min(behind)):
                self.announce(change)

    def announce(self, change: Change) -> None:
        """Tell every hook of a change."""
        for hook in self._hooks.values():
            hook.take(change)

    async def approve(self, planned: Mapping[str, Any]) -> tuple[RuleFailure, ...]:
        """Ask the hooks that a switch waits for; return why not, for each that fails.

        `planned` is the result of a dry run.
        """
        failures = []
        for group in planned["groups"]:
            for hook in list(self._hooks.values()) if group["changed"] else ():
                if hook.settings.before_switch:
                    revision = self._means.state().revision
                    run = await hook.ask(before_switch(group, revision, planned.get("reason")))
                    if run.problem is not None:
                        failures.append(_refusal(hook, run, group["name"]))
        return tuple(failures)

    @property
    def approving(self) -> bool:
        """True if a switch has to wait for a hook."""
        return any(hook.settings.before_switch for hook in self._hooks.values())

    def report(self) -> list[Json]:
        """Report how each hook is doing."""
        return [hook.report() for hook in self._hooks.values()]

    def stop(self) -> None:
        """Ask all programs to end."""
        for hook in self._hooks.values():
            hook.stop()


def _refusal(hook: Hook, run: Run, group: str) -> RuleFailure:
    said = " ".join(run.output.split())[-300:]
    text = f"group {group!r}: hook {hook.settings.name!r} does not agree: {run.problem}"
    return RuleFailure(BEFORE_SWITCH, text + (f" ({said})" if said else ""), group)
