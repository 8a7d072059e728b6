"""Use what an importer made: check its configuration, and give its commands to a server."""

from __future__ import annotations

import shlex
from pathlib import Path

from console import Console

from failoverdns.config import load_config
from failoverdns.importing.plan import Plan, Remark
from failoverdns.importing.writing import CONFIGURATION, commands, files_of
from failoverdns.model.commands.server import Configure


def adopt(plan: Plan, folder: Path) -> Console:
    """Return a console that carried out every command of a plan; none may be refused.

    The files of the plan are in `folder`, and the configuration has no error.
    """
    for name, text in files_of(plan).items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    config = load_config(folder / CONFIGURATION)
    console = Console(config.automation)
    console.corridor.do(Configure(config.zones, config.automation))
    console.do(*map(shlex.join, commands(plan)))
    return console


def static(plan: Plan) -> list[str]:
    """Return the static records of a plan as lines of zone files."""
    return [
        line
        for name, text in files_of(plan).items()
        if "zones/" in name
        for line in text.splitlines()
    ]


def short(remarks: tuple[Remark, ...]) -> dict[str, str]:
    """Return the reasons of remarks by subject, several of one subject on lines of their own."""
    found: dict[str, str] = {}
    for remark in remarks:
        found[remark.subject] = f"{found.get(remark.subject, '')}\n{remark.reason}".strip()
    return found
