"""Programs that the configuration names: a warning where one cannot be run.

It is no error, because the program may be put there later; until then a check with it finds nothing
out, and a hook fails.
"""

from __future__ import annotations

from failoverdns.config.document import Node
from failoverdns.config.errors import FaultReport
from failoverdns.program_faults import will_not_run


def warn_of_program(command: tuple[str, ...], written: Node, faults: FaultReport) -> None:
    """Warn in `faults` if the program of a command cannot be run.

    `written` is the check or hook with the key `run`.
    """
    node = written.at("run", 0) or written.at("run")
    if command and node is not None and (why := will_not_run(command[0])) is not None:
        faults.warn(node.place, why)
