"""Tables in Markdown, as `docs/reliability.md` has them, and figures as JSON."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from attacks.rounds import Result


def markdown(rows: Sequence[Sequence[object]]) -> str:
    """Return rows as a table; the first row is the heading."""
    lines = ["| " + " | ".join(str(cell) for cell in row) + " |" for row in rows]
    lines.insert(1, "|" + "---|" * len(rows[0]))
    return "\n".join(lines)


def durability(result: Result) -> list[tuple[str, str]]:
    """Return the rows of a table of what rounds of an attack showed."""
    counts = result.tally.counts
    starts = sorted(result.starts) or [0.0]
    at = [starts[min(len(starts) - 1, int(len(starts) * share))] for share in (0.5, 0.95)]
    codes = ", ".join(
        f"{count:,} `{name.removeprefix('refused: ')}`"
        for name, count in sorted(counts.items())
        if name.startswith("refused: ")
    )
    attacks = [
        (name, f"{count:,}")
        for name, count in sorted(counts.items())
        if name.startswith(("kills", "power", "rounds", "calls"))
    ]
    return [
        ("", "number"),
        ("rounds", f"{result.rounds:,}"),
        *attacks,
        ("changes acknowledged", f"{counts['acknowledged']:,}"),
        ("... of them lost", f"**{counts['acknowledged, lost']:,}**"),
        ("changes refused", f"{counts['refused']:,}" + (f" ({codes})" if codes else "")),
        ("... of them found after the start", f"**{counts['refused, done']:,}**"),
        ("outcome unknown, or no reply", f"{counts['unknown']:,}"),
        ("... of them found after the start", f"{counts['unknown, done']:,}"),
        (
            "rotations of the key: done, refused, unknown",
            ", ".join(
                f"{counts['rotations ' + name]:,}"
                for name in ("acknowledged", "refused", "unknown")
            ),
        ),
        (
            "seconds of a start: median, 95th percentile, maximum",
            f"{at[0]:.1f}, {at[1]:.1f}, {starts[-1]:.1f}",
        ),
        ("promises broken, of any kind", f"**{len(result.tally.broken)}**"),
    ]


def as_json(result: Result) -> dict[str, Any]:
    """Return what rounds of an attack showed, for a file."""
    return {
        "rounds": result.rounds,
        "counts": dict(sorted(result.tally.counts.items())),
        "broken": result.tally.broken,
        "starts": result.starts,
    }


def write_json(path: Path | None, figures: dict[str, Any]) -> None:
    """Write the figures to a file, if a path is given."""
    if path is not None:
        path.write_text(json.dumps(figures, indent=2) + "\n")
