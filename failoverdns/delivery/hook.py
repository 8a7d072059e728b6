"""One hook: a program that is told of events in order, at least once, again when it fails.

It has a queue of its own, and how far it has come is kept in the store: a server that was killed
tells it what it missed.  An event that a later one supersedes is not told.
Refuses to know how a program is run (`delivery.programs`), threads and clocks.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from failoverdns.config import HookSettings
from failoverdns.delivery.programs import Lineage, Program, Run
from failoverdns.model.change import Change, Json
from failoverdns.model.delivery import HookProgress
from failoverdns.model.errors import Corrupt
from failoverdns.rules.events import (
    Event,
    EventKind,
    application_of,
    applications_of,
    environment,
    events_of,
)
from failoverdns.rules.timestamps import timestamp
from failoverdns.rules.view import View
from failoverdns.store.interface import OutcomeUnknown, Store, Unavailable

BACK_OFF = (1.0, 5.0, 30.0, 120.0, 300.0)
"""Seconds between attempts: the last one holds for all further ones."""

SHOWN_OUTPUT = 2000
"""Characters of a program's output that are kept."""

MAX_BEHIND = 1000
"""Changes without an event for it after which a hook's progress is kept all the same.

So a start never has to read the whole history to find what a hook has missed.
"""


InThread = Callable[[Callable[[], Run]], Awaitable[Run]]


@dataclass(frozen=True, slots=True)
class Means:
    """What hooks are run with.

    `state` returns the state as it is; `in_thread` makes a blocking call and returns an awaitable
    of its result, `ask_in_thread` does so for those that a switch waits for, which wait for
    nothing else; `sleep` waits for seconds; `spawn` drives a coroutine to its end; `now` tells
    seconds since 1970; `folder` is where private folders are made; `log` takes what an operator
    should read.
    """

    state: Callable[[], View]
    store: Store
    folder: Path
    in_thread: InThread
    ask_in_thread: InThread
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
        self._programs: set[Program] = set()
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
        is_behind = self._seen - self.progress.revision >= MAX_BEHIND
        if (self._queue or is_behind) and not self._working:
            self._working = True
            self._means.spawn(self._work())

    async def ask(self, event: Event) -> Run:
        """Run the program once, before a switch."""
        return await self._run(event, self._means.ask_in_thread)

    def report(self) -> dict[str, Json]:
        """Report how the hook is doing."""
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
        """End what is running; what was not told is told after the next start."""
        self._stopped = True
        self._queue.clear()
        for program in self._programs:
            program.end()

    async def _work(self) -> None:
        """Tell all that waits; then note how far that was."""
        try:
            while self._queue:
                await self._tell(self._queue[0])
                if self._stopped:
                    return
                self._queue.popleft()
            if self._seen - self.progress.revision >= MAX_BEHIND:
                await self._keep(replace(self.progress, revision=self._seen))
        finally:
            self._working = False
            self._attempt = 0

    async def _tell(self, event: Event) -> None:
        """Run the program for an event until it succeeds, or was tried often enough."""
        progress = self.progress
        for attempt in range(self.settings.attempts):
            if attempt:
                await self._means.sleep(BACK_OFF[min(attempt, len(BACK_OFF)) - 1])
            if self._stopped:
                return
            if self._is_outdated(event):
                break
            self._attempt = attempt + 1
            run = await self._run(event, self._means.in_thread)
            if self._stopped:
                return
            progress = self._after(event, run)
            if run.problem is None:
                break
            self._means.log(
                f"hook {self.settings.name}, {_title(event)}, attempt {attempt + 1} of "
                f"{self.settings.attempts}: {run.problem}"
            )
            self.progress = progress
        more = any(e.revision == event.revision for e in list(self._queue)[1:])
        revision = self.progress.revision if more else event.revision
        self._attempt = 0
        await self._keep(replace(progress, revision=revision))

    def _after(self, event: Event, run: Run) -> HookProgress:
        """Return the progress after a run: an earlier failure stays until that is mended."""
        before, now = self.progress, self._means.now()
        if run.problem is None and before.failed not in (None, _title(event)):
            return replace(before, time=now)
        failed = _title(event) if run.problem is not None else None
        problem = run.problem and f"{failed}: {run.problem}"
        return HookProgress(before.revision, now, failed, problem, run.output[-SHOWN_OUTPUT:])

    def _is_outdated(self, event: Event) -> bool:
        """Tell whether there is nothing to tell any more: the certificate was taken away."""
        return (
            event.kind is EventKind.CERTIFICATE
            and self._means.state().certificate(event.id) is None
        )

    async def _keep(self, progress: HookProgress) -> None:
        self.progress = progress
        try:
            await self._means.store.save_progress(self.settings.name, progress)
        except (Unavailable, OutcomeUnknown) as fault:
            self._means.log(f"hook {self.settings.name}: {fault}")

    async def _run(self, event: Event, in_thread: InThread) -> Run:
        state, folder = self._means.state(), self._means.folder
        variables = {**environment(state, event), "FAILOVERDNS_HOOK": self.settings.name}
        try:
            lineage = await self._lineage(state, event)
        except (Unavailable, Corrupt) as fault:
            return Run(str(fault), "")
        program = Program(self.settings.run, self.settings.timeout)
        self._programs.add(program)
        try:
            return await in_thread(lambda: program.run(variables, lineage, folder))
        except OSError as fault:
            return Run(f"{folder}: {fault.strerror}", "")
        finally:
            self._programs.discard(program)

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


def _title(event: Event) -> str:
    return f"{event.kind.value} {event.subject}"
