"""All hooks of the configuration: those that run after events, and those before a switch.

No answer waits for a hook, and a switch waits only for those with `before_switch`.
How one hook runs its program is in `delivery.hook`.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from failoverdns.delivery.hook import Hook, HookEffects
from failoverdns.delivery.hook_programs import Run
from failoverdns.model.change import Change, Json
from failoverdns.model.delivery import HookProgress
from failoverdns.model.errors import RuleFailure
from failoverdns.model.rule_names import PreflightRule
from failoverdns.model.settings import HookSettings
from failoverdns.rules.reports.events import before_switch
from failoverdns.store.interface import OutcomeUnknown, Unavailable
from failoverdns.tallies import Tally


class Hooks:
    """All hooks of the configuration."""

    def __init__(self, effects: HookEffects) -> None:
        self._effects = effects
        self._hooks: dict[str, Hook] = {}
        self.runs = Tally(2)
        """Runs by the name of the hook and their result, `ok` or `failed`."""

    async def configure(self, settings: Sequence[HookSettings], revision: int) -> None:
        """Replace the hooks by these; new ones run for events after `revision`.

        Hooks that existed before run for the events that they have missed.  The progress of a new
        one that cannot be stored now is stored after its first event.  Raises Unavailable or
        Corrupt; then the hooks are unchanged.
        """
        store = self._effects.store
        known = await store.progress()
        for wanted in settings:
            if wanted.name not in known:
                try:
                    await store.save_progress(wanted.name, HookProgress(revision))
                except (Unavailable, OutcomeUnknown) as fault:
                    self._effects.log(f"hook {wanted.name}: {fault}")
        self._replace(settings, known, revision)
        for hook in self._hooks.values():
            hook.go_on()

    def announce(self, change: Change) -> None:
        """Pass a change to every hook; each takes changes in order."""
        for hook in self._hooks.values():
            hook.take(change)

    def announce_unrecorded(self, step: Change) -> None:
        """Pass a step that is not recorded yet to every hook; when it is, it is known already."""
        for hook in self._hooks.values():
            hook.take_early(step)

    def _replace(
        self, settings: Sequence[HookSettings], known: Mapping[str, HookProgress], revision: int
    ) -> None:
        """Stop hooks that have changed or are gone, and start the new ones."""
        old, self._hooks = self._hooks, {}
        for wanted in settings:
            before = old.pop(wanted.name, None)
            if before is not None and before.settings == wanted:
                self._hooks[wanted.name] = before
                continue
            progress = known.get(wanted.name) or HookProgress(revision)
            if before is not None:
                before.stop()
                progress = before.progress
            self._hooks[wanted.name] = Hook(wanted, progress, self._effects, self.runs)
        for gone in old.values():
            gone.stop()

    async def approve(self, planned: Mapping[str, Any]) -> tuple[RuleFailure, ...]:
        """Ask the hooks that a switch waits for; return a failure for each that does not agree.

        `planned` is the result of a dry run, and the switch's `reason`.
        """
        failures = []
        for group in planned["groups"]:
            for hook in list(self._hooks.values()) if group["changed"] else ():
                if hook.settings.before_switch:
                    of = self._effects.state().group_named(group["name"])
                    if of is None:  # gone or renamed meanwhile: the switch will report it
                        continue
                    run = await hook.ask(before_switch(of, group, planned.get("reason")))
                    if run.problem is not None:
                        failures.append(_refusal(hook, run, of.name))
        return tuple(failures)

    @property
    def approving(self) -> bool:
        """True if a switch has to wait for a hook."""
        return any(hook.settings.before_switch for hook in self._hooks.values())

    def report(self) -> list[Json]:
        """Return the state of each hook."""
        return [hook.report() for hook in self._hooks.values()]

    def stop(self) -> None:
        """End all programs."""
        for hook in self._hooks.values():
            hook.stop()


def _refusal(hook: Hook, run: Run, group: str) -> RuleFailure:
    said = " ".join(run.output.split())[-300:]
    text = f"group {group!r}: hook {hook.settings.name!r} does not agree: {run.problem}"
    return RuleFailure(PreflightRule.BEFORE_SWITCH, text + (f" ({said})" if said else ""), group)
