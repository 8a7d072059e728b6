"""Programs and CA files of checks and hooks: a warning where one cannot be run, or read.

It is not an error, because it may be put there later; until then a check with it finds nothing out,
and a hook fails.
"""

from __future__ import annotations

from pathlib import Path
from typing import Final

from failoverdns.config.document import Node
from failoverdns.config.errors import FaultReport
from failoverdns.model.errors import Malformed
from failoverdns.program_faults import will_not_run
from failoverdns.regular_files import open_regular

_LOOKED_AT: Final = 16 * 1024 * 1024
"""Bytes of a CA file in which a certificate is looked for; those of systems have 200 KiB."""


def warn_of_program(command: tuple[str, ...], written: Node, faults: FaultReport) -> None:
    """Warn in `faults` if the program of a command cannot be run.

    `written` is the check or hook with the key `run`.
    """
    node = written.at("run", 0) or written.at("run")
    if command and node is not None and (why := will_not_run(command[0])) is not None:
        faults.warn(node.place, why)


def warn_of_ca_file(path: Path | None, written: Node, faults: FaultReport) -> None:
    """Warn in `faults` if a file has no certificate to trust; `written` has the key `ca_file`."""
    node = written.at("ca_file")
    if path is None or node is None:
        return
    try:
        with open_regular(path) as file:
            is_there = b"CERTIFICATE-----" in file.read(_LOOKED_AT)
        why = None if is_there else "it has no -----BEGIN CERTIFICATE-----"
    except OSError as fault:
        why = fault.strerror or str(fault)
    except Malformed as fault:
        why = f"it is {fault}"
    if why is not None:
        faults.warn(node.place, f"no CA can be read from {path}, so probes find nothing out: {why}")
