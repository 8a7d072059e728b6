"""Judge a report of pip-audit: holes found, none, or a service that did not answer.

pip-audit ends with "No known vulnerabilities found" and 0 when the service knows no package at all,
as behind a mirror of the index that has files only.  Here such a run has a status of its own.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

CLEAN, FOUND, NOT_ASKED = 0, 1, 3


def judge(reports: list[dict[str, Any]]) -> tuple[int, list[str]]:
    """Return an exit status and lines for the user; `reports` are pip-audit's, in JSON."""
    packages = {
        (one["name"], one.get("version", "")): one
        for report in reports
        for one in report["dependencies"]
    }
    lines = [
        f"found: {name} {version}: {hole['id']}{_repaired(hole)}"
        for (name, version), one in sorted(packages.items())
        for hole in one.get("vulns", [])
    ]
    skipped = sorted(name for (name, _), one in packages.items() if "skip_reason" in one)
    asked = len(packages) - len(skipped)
    if skipped:
        lines.append(
            f"could not be asked: the service does not know {len(skipped)} of {len(packages)} "
            f"packages ({', '.join(skipped[:5])}{', ...' if len(skipped) > 5 else ''})"
        )
    if any(one.get("vulns") for one in packages.values()):
        lines.append("`scripts/pin --upgrade` takes the newest versions")
        return FOUND, lines
    if skipped or not packages:
        return NOT_ASKED, lines or ["could not be asked: the report is empty"]
    return CLEAN, [f"no known holes in {asked} packages"]


def _repaired(hole: dict[str, Any]) -> str:
    versions = hole.get("fix_versions") or []
    return f", repaired in {', '.join(versions)}" if versions else ""


def main() -> int:
    """Judge the reports in the files that are given."""
    status, lines = judge([json.loads(Path(name).read_text()) for name in sys.argv[1:]])
    print("\n".join(lines))
    return status


if __name__ == "__main__":
    sys.exit(main())
