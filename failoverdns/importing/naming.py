"""Names for what is imported: valid here, unique, and the same at every import of one source.

Other servers name things more freely.  A name is made of what the source has, in lower case, with
hyphens for what is not allowed, and a number if it is taken.
"""

from __future__ import annotations

import re
from collections.abc import Container
from typing import Final

from failoverdns.model.names import DomainName

_OTHER: Final = re.compile(r"[^a-z0-9_]+")
_LONGEST: Final = 63


def label_of(text: str, fallback: str = "x") -> str:
    """Return `text` as one DNS label: lower case, other characters than letters and digits as `-`.

    Returns `fallback` if nothing remains.
    """
    return _OTHER.sub("-", text.lower()).strip("-_")[:_LONGEST].strip("-_") or fallback


def flat_label(name: DomainName, origin: DomainName) -> str:
    """Return one label for a name below `origin`: `api.eu` becomes `api-eu`, `*` becomes `any`."""
    labels = list(name.labels())[: -len(list(origin.labels())) or None]
    return label_of(
        "-".join("any" if label == b"*" else label.decode("latin-1") for label in labels)
    )


def unused(wanted: str, taken: Container[str], longest: int = _LONGEST) -> str:
    """Return `wanted`, or `wanted` with the first number from 2 on that is not in `taken`."""
    name, number = wanted[:longest], 1
    while name in taken:
        number += 1
        end = f"-{number}"
        name = wanted[: longest - len(end)].rstrip("-") + end
    return name
