"""The decision on the internal command that trims the history."""

from __future__ import annotations

from random import Random

from failoverdns.model.change import Json, Write
from failoverdns.model.commands.history import TrimHistory
from failoverdns.model.errors import Rejected
from failoverdns.model.moment import Moment
from failoverdns.rules.decisions.decision import Decision, row
from failoverdns.rules.derived.view import View


def trim_history(view: View, command: TrimHistory, _moment: Moment, _random: Random) -> Decision:
    """Move the cut of the history forward; raises Rejected if it is not before the present."""
    before, cut = view.history_cut(), command.cut
    if cut.revision > view.revision or (before is not None and cut.revision <= before.revision):
        raise Rejected("conflict", f"the history cannot be trimmed to revision {cut.revision}")
    about: dict[str, Json] = {
        "revision": cut.revision,
        "hash": cut.hash,
        "checkpoint": cut.checkpoint,
    }
    return Decision((Write(before, cut),), lambda _: about, about=about)


DECISIONS = (row(TrimHistory, trim_history),)
"""The commands that this module decides on."""
