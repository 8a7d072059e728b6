"""Policies: when the health of its sides makes a group with `mode: automatic` switch.

The truth table is `TABLE`; a group with `mode: manual` is never decided on here.

| a move    | is made at the earliest                                                         |
|-----------|---------------------------------------------------------------------------------|
| `leave`   | `grace` after the last of these: the active side went down, the other came up,  |
|           | the group switched; from the backup also when a `return` would be due           |
| `return`  | `hold` after the primary came up again, whenever the group left it              |
| both      | `cooldown` after the last automatic switch                                      |

A backup that nothing checks counts as up here if the policy has `unchecked: up`, but only while the
primary is active: nobody knows whether there is anything to go back to.

The flap guard holds a group back while it had `max_switches` automatic switches within `window`.  A
`return` leaves one of these in reserve, so that a group that is on its primary again can leave it
again.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from failoverdns.model.group import Side
from failoverdns.model.health import Health
from failoverdns.model.policy import Mode, Policy
from failoverdns.model.rule_names import FLAP_GUARD
from failoverdns.rules.derived.health import Condition
from failoverdns.rules.derived.obstacles import guarded_until


class Move(Enum):
    """The move that a row of the truth table calls for."""

    STAY = "stay"
    LEAVE = "leave"
    RETURN = "return"


@dataclass(frozen=True, slots=True)
class PolicyRow:
    """A row of the truth table; None in a condition matches any value."""

    active: Side
    primary: Health | None
    backup: Health | None
    fail_back: Mode | None
    move: Move
    why: str
    by_hand: bool | None = None


_P, _B = Side.PRIMARY, Side.BACKUP
_UP, _DOWN, _UNKNOWN = Health.UP, Health.DOWN, Health.UNKNOWN
_MANUAL, _AUTOMATIC = Mode.MANUAL, Mode.AUTOMATIC

TABLE = (
    # active primary backup    fail_back
    PolicyRow(_P, _UP, None, None, Move.STAY, "the primary is up"),
    PolicyRow(_P, _UNKNOWN, None, None, Move.STAY, "the health of the primary is unknown"),
    PolicyRow(_P, _DOWN, _UP, None, Move.LEAVE, "the primary is down and the backup is up"),
    PolicyRow(_P, _DOWN, _DOWN, None, Move.STAY, "both sides are down"),
    PolicyRow(
        _P,
        _DOWN,
        _UNKNOWN,
        None,
        Move.STAY,
        "the primary is down, but the health of the backup is unknown",
    ),
    PolicyRow(_B, _UP, _DOWN, _AUTOMATIC, Move.LEAVE, "the backup is down and the primary is up"),
    PolicyRow(
        _B, _UP, None, _AUTOMATIC, Move.STAY, "an operator switched it to the backup", by_hand=True
    ),
    PolicyRow(_B, _UP, None, _AUTOMATIC, Move.RETURN, "the primary is up again"),
    PolicyRow(_B, _UP, _DOWN, _MANUAL, Move.STAY, "the backup is down, but fail-back is manual"),
    PolicyRow(_B, _UP, None, _MANUAL, Move.STAY, "the primary is up, but fail-back is manual"),
    PolicyRow(_B, _DOWN, _DOWN, None, Move.STAY, "both sides are down"),
    PolicyRow(_B, _DOWN, None, None, Move.STAY, "the primary is down"),
    PolicyRow(_B, _UNKNOWN, None, None, Move.STAY, "the health of the primary is unknown"),
)
"""The truth table; the first row that matches a situation counts.

Every situation matches a row, and no row moves a group to a side that is not up."""


@dataclass(frozen=True, slots=True)
class Situation:
    """The facts that a policy decides on; all times in steady seconds.

    `automatic` are the times of automatic switches, oldest first, and `switched_at` is the time of
    the last switch.  `by_hand` is true if an operator made the last switch and the side that it
    left was not down: then automation does not undo the operator's choice.
    """

    active: Side
    primary: Condition
    backup: Condition
    automatic: tuple[float, ...] = ()
    by_hand: bool = False
    switched_at: float | None = None


@dataclass(frozen=True, slots=True)
class PolicyVerdict:
    """The verdict of a policy: stay (`to` is None), or switch at `at`; `why` says the reason.

    `at` is the earliest time, in steady seconds, if health does not change; `waits_for` names the
    setting that determines it, or the flap guard; it is empty when the switch is due.
    """

    why: str
    to: Side | None = None
    at: float = 0.0
    waits_for: str = ""

    @property
    def is_held(self) -> bool:
        """True if the flap guard keeps the group where it is."""
        return self.waits_for == FLAP_GUARD


def verdict(policy: Policy, situation: Situation, now: float) -> PolicyVerdict:
    """Return the verdict of `policy` on `situation` at `now` (steady seconds)."""
    row = row_for(situation, policy.fail_back)
    if row.move is Move.STAY:
        return PolicyVerdict(row.why)
    waits = [_delay(policy, situation, row.move)]
    if situation.automatic:
        waits.append((min(situation.automatic[-1], now) + policy.cooldown, "cooldown"))
    at, waits_for = max(waits)
    guarded = _room(policy, situation, row.move, now)
    if at <= now < guarded:
        waits_for = FLAP_GUARD
    at = max(at, guarded)
    return PolicyVerdict(row.why, situation.active.other, at, waits_for if at > now else "")


def _delay(policy: Policy, situation: Situation, move: Move) -> tuple[float, str]:
    """Return the earliest time of a move by `grace` and `hold`, and the name of that setting."""
    back = situation.primary.since + policy.hold, "hold"
    if move is Move.RETURN:
        return back
    switched_at = situation.switched_at
    since = max(situation.primary.since, situation.backup.since)
    if switched_at is not None:
        since = max(since, switched_at)
    leave = since + policy.grace, "grace"
    may_go_back = situation.active is Side.BACKUP and not situation.by_hand
    return min(leave, back) if may_go_back else leave


def _room(policy: Policy, situation: Situation, move: Move, now: float) -> float:
    """Return when the flap guard permits a move; 0 if it does now."""
    most = policy.max_switches
    if move is Move.RETURN:
        most = max(most - 1, 1)
    recent = tuple([min(at, now) for at in situation.automatic if at > now - policy.window])
    return guarded_until(policy, recent, most)


def row_for(situation: Situation, fail_back: Mode) -> PolicyRow:
    """Return the first row of the table that matches."""
    sides = situation.primary.health, situation.backup.health
    found = (situation.active, *sides, fail_back, situation.by_hand)
    for row in TABLE:
        wanted = (row.active, row.primary, row.backup, row.fail_back, row.by_hand)
        if all(want in (None, has) for want, has in zip(wanted, found, strict=True)):
            return row
    raise AssertionError(f"the truth table lacks {found}")
