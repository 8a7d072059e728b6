"""One hook: its program is run for events in order, at least once each, and again when it fails.

Each hook has a queue of its own, and its progress is stored, so that a restarted server runs it for
the events that it missed.  Events that a later one supersedes are skipped.
Events that arrive out of order, or while the queue is full, are read from history later: none is
lost, and memory stays bounded.
Does not know how a program is run (`delivery.hook_programs`), threads and clocks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, replace
from pathlib import Path

from failoverdns.delivery.hook_programs import GRACE, Lineage, Program, Run
from failoverdns.effects import Effects
from failoverdns.model.change import HistoryEntry, Json
from failoverdns.model.delivery import HookProgress
from failoverdns.model.errors import Corrupt
from failoverdns.model.event_kinds import EventKind
from failoverdns.model.settings import HookSettings
from failoverdns.model.timestamps import timestamp
from failoverdns.rules.reports.events import (
    Event,
    applications_of,
    environment,
    events_of,
)
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable
from failoverdns.tallies import Tally

BACK_OFF = (1.0, 5.0, 30.0, 120.0, 300.0)
"""Seconds between attempts; the last one is for all further attempts."""

SHOWN_OUTPUT = 2000
"""Characters of a program's output that are stored."""

MAX_BEHIND = 1000
"""Changes without an event for a hook after which its progress is stored all the same.

So a start never has to read the whole history to find the events that a hook has missed.
"""

MAX_WAITING = 1000
"""Events that wait in memory; later ones stay in history until there is room."""

READ_AT_ONCE = 100
"""Changes that are read from history at a time."""


class _Replaced(Exception):
    """There is no certificate at this moment to run a program with; the message says why."""


RunInThread = Callable[[Callable[[], Run]], Awaitable[Run]]
"""Runs a blocking call in a thread."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HookEffects(Effects):
    """The side effects of hooks, with the store, threads and time.

    `in_thread` makes a blocking call in a thread; `ask_in_thread` does so in other threads, for
    the programs that a switch waits for; `sleep` waits for seconds; `now` returns seconds since
    1970; `folder` is the folder for private folders.
    """

    store: Store
    folder: Path
    in_thread: RunInThread
    ask_in_thread: RunInThread
    sleep: Callable[[float], Awaitable[None]]
    now: Callable[[], float]


class Hook:
    """One hook: its queue and its progress."""

    def __init__(
        self, settings: HookSettings, progress: HookProgress, effects: HookEffects, runs: Tally
    ) -> None:
        """Continue from `progress`; `runs` counts runs by the name of the hook and their result."""
        self._runs = runs
        self.settings = settings
        self.progress = progress
        self._effects = effects
        self._queue: deque[Event] = deque()
        self._seen = progress.revision
        self._early: dict[int, object] = {}
        """What the steps changed that were taken before they were recorded, by revision."""
        self._is_stored = True
        """Whether the store has the progress."""
        self._fault: str | None = None
        """Why the progress could not be stored; it is logged once."""
        self._working = self._telling = False
        self._attempt = 0
        self._programs: set[Program] = set()
        self._stopped = False

    def take(self, change: HistoryEntry) -> None:
        """Queue the events of a change; ignore a change that was taken before."""
        early = self._early.pop(change.revision, None)
        if early is not None and early != change.changed:  # another change was stored in its place
            self._early.clear()
            self._seen = change.revision - 1
        self._take(change)

    def take_early(self, step: HistoryEntry) -> None:
        """Queue the events of a step that is not recorded yet, and gets its revision then."""
        if step.revision > self._seen:
            self._early[step.revision] = step.changed
        self._take(step)

    def _take(self, change: HistoryEntry) -> None:
        if self._stopped:
            return
        if change.revision == self._seen + 1 and len(self._queue) < MAX_WAITING:
            self._enqueue(change)
        self.go_on()

    def go_on(self) -> None:
        """Run the program for the events that wait, if there are any."""
        missed = self._effects.state().revision - self._seen
        behind = self._seen - self.progress.revision
        unstored = not self._is_stored and not self._early
        if (self._queue or missed > 0 or behind >= MAX_BEHIND or unstored) and not self._working:
            self._working = True
            self._effects.spawn(self._work())

    async def ask(self, event: Event) -> Run:
        """Run the program once, before a switch."""
        return await self._run(event, self._effects.ask_in_thread)

    def report(self) -> dict[str, Json]:
        """Return the state of the hook."""
        state = "idle"
        if self._attempt:
            state = "running" if self._attempt == 1 else f"attempt {self._attempt} after a failure"
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
        """End the program; remaining events follow after the next start."""
        self._stopped = True
        self._queue.clear()
        for program in self._programs:
            program.end()

    def _enqueue(self, change: HistoryEntry) -> None:
        self._seen = change.revision
        for event in events_of(change):
            if self._wants(event):
                waiting = list(self._queue)[1:] if self._telling else list(self._queue)
                for old in [e for e in waiting if event.supersedes(e)]:
                    self._queue.remove(old)
                self._queue.append(event)

    async def _work(self) -> None:
        """Run the program for all events, queued ones and those in history; then store progress."""
        try:
            while not self._stopped:
                if self._queue:
                    self._telling = True
                    await self._tell(self._queue[0])
                    self._telling = False
                    if not self._stopped:
                        self._queue.popleft()
                elif self._seen < self._effects.state().revision:
                    await self._catch_up()
                else:
                    break
            if self._seen - self.progress.revision >= MAX_BEHIND and not self._stopped:
                await self._keep(replace(self.progress, revision=self._seen))
            elif not self._is_stored and not self._stopped:
                await self._keep(self.progress)
        finally:
            self._working = self._telling = False
            self._attempt = 0

    async def _catch_up(self) -> None:
        """Queue the next events of history; wait if history cannot be read now."""
        revision = self._effects.state().revision
        try:
            changes = await self._effects.store.entries_after(self._seen, READ_AT_ONCE)
        except (Unavailable, Corrupt) as fault:
            problem = f"history cannot be read: {fault}"
            self.progress = replace(self.progress, problem=problem)
            self._effects.log(f"hook {self.settings.name}: {problem}")
            await self._effects.sleep(BACK_OFF[2])
            return
        for change in changes:
            if change.revision > self._seen:
                self._enqueue(change)
        if not changes:  # these changes are not in history, so their events are lost
            self._seen = max(self._seen, revision)

    async def _tell(self, event: Event) -> None:
        """Run the program for an event until it succeeds, or until no attempt is left."""
        progress = self.progress
        for attempt in range(self.settings.attempts):
            if attempt:
                await self._effects.sleep(BACK_OFF[min(attempt, len(BACK_OFF)) - 1])
            if self._stopped:
                return
            if self._is_outdated(event):
                break
            self._attempt = attempt + 1
            run = await self._run(event, self._effects.in_thread)
            if self._stopped:
                return
            progress = self._after(event, run)
            if run.problem is None:
                break
            self._effects.log(
                f"hook {self.settings.name}, {_title(event)}, attempt {attempt + 1} of "
                f"{self.settings.attempts}: {run.problem}"
            )
            self.progress = progress
        more = any(e.revision == event.revision for e in list(self._queue)[1:])
        revision = self.progress.revision if more else event.revision
        self._attempt = 0
        await self._keep(replace(progress, revision=revision))

    def _after(self, event: Event, run: Run) -> HookProgress:
        """Return the progress after a run; an earlier failure stays until its event succeeds."""
        before, now = self.progress, self._effects.now()
        if run.problem is None and before.failed not in (None, _title(event)):
            return replace(before, time=now)
        failed = _title(event) if run.problem is not None else None
        problem = run.problem and f"{failed}: {run.problem}"
        return HookProgress(before.revision, now, failed, problem, run.output[-SHOWN_OUTPUT:])

    def _is_outdated(self, event: Event) -> bool:
        """Return whether the event is void, because its certificate was removed."""
        return (
            event.kind is EventKind.CERTIFICATE
            and self._effects.state().certificate(event.id) is None
        )

    async def _keep(self, progress: HookProgress) -> None:
        """Store the progress, up to the last change that is stored itself."""
        self.progress = progress
        revision = min(progress.revision, self._effects.state().revision)
        self._is_stored = False
        try:
            kept = replace(progress, revision=revision)
            await self._effects.store.save_progress(self.settings.name, kept)
        except (Unavailable, OutcomeUnknown) as fault:
            if str(fault) != self._fault:
                self._effects.log(f"hook {self.settings.name}: {fault}")
            self._fault = str(fault)
        else:
            self._fault = None
            self._is_stored = revision == progress.revision

    async def _run(self, event: Event, in_thread: RunInThread) -> Run:
        """Run the program, and count the run."""
        run = await self._run_once(event, in_thread)
        self._runs.add(self.settings.name, "ok" if run.problem is None else "failed")
        return run

    async def _run_once(self, event: Event, in_thread: RunInThread) -> Run:
        folder = self._effects.folder
        lineage = None
        try:
            if event.kind is EventKind.CERTIFICATE:
                lineage = await self._lineage(event)
        except (Unavailable, Corrupt, _Replaced) as fault:
            return Run(str(fault), "")
        variables = environment(self._effects.state(), event)
        variables["FAILOVERDNS_HOOK"] = self.settings.name
        program = Program(self.settings.run, self.settings.timeout, GRACE)
        self._programs.add(program)
        try:
            return await in_thread(lambda: program.run(variables, lineage, folder))
        except OSError as fault:
            return Run(f"{folder}: {fault.strerror}", "")
        finally:
            self._programs.discard(program)

    async def _lineage(self, event: Event) -> Lineage:
        """Return the current certificate of an event's application. Raises _Replaced."""
        state = self._effects.state()
        application, certificate = state.application(event.id), state.certificate(event.id)
        if application is None or certificate is None:
            raise _Replaced("the certificate was removed just now")
        bundle = await self._effects.store.bundle(certificate.facts.bundle)
        if bundle is None:
            raise _Replaced("the certificate was replaced just now")
        return Lineage(application.name, certificate.facts.names, bundle)

    def _wants(self, event: Event) -> bool:
        """Return whether the hook runs for an event; applications count by old and new names."""
        if event.kind.value not in self.settings.events:
            return False
        only = self.settings.applications
        return only is None or bool(only & applications_of(self._effects.state(), event))


def _title(event: Event) -> str:
    return f"{event.kind.value} {event.subject}"
