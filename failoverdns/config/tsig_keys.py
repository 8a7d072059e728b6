"""The section `tsig_keys`: the keys that zone transfers and dynamic updates are signed with.

    name of the key: {algorithm: hmac-sha256, secret_file: PATH}

The files with the secrets are not opened here: they may be readable for the server only, and are
read again on a reload.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Final

from failoverdns.config import scalars as values
from failoverdns.config.document import Node
from failoverdns.config.errors import FaultReport, quoted
from failoverdns.config.names_of_keys import key_name
from failoverdns.config.section import Section, text
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.settings import TSIG_ALGORITHMS, TSIGKeySettings

MAX_KEYS: Final = 1000
"""Keys in a configuration, at most: every answering process knows all their names."""

_REFUSED: Final[Mapping[str, str]] = {
    **dict.fromkeys(
        ("hmac-md5", "hmac-md5.sig-alg.reg.int"),
        "hmac-md5 is broken, and must not be used (RFC 8945 section 6)",
    ),
    "hmac-sha1": "hmac-sha1 is not recommended (RFC 8945 section 6), and not supported",
    "hmac-sha224": "hmac-sha224 is not supported",
    "gss-tsig": "gss-tsig (RFC 3645) is not supported",
}
_TRUNCATED = re.compile(r"(hmac-sha(?:256|384|512))-\d+", re.ASCII)
_SECRET = re.compile(r"(?:[A-Za-z0-9+/]{4}){5,}(?:[A-Za-z0-9+/]{2}==|[A-Za-z0-9+/]{3}=)", re.ASCII)


def tsig_algorithm(text: str) -> str:
    """Read the name of an algorithm, in any case, with or without a trailing dot."""
    word = text.lower().removesuffix(".").replace("_", "-")
    if word in TSIG_ALGORITHMS:
        return word
    if (why := _REFUSED.get(word)) is not None:
        raise Malformed(f"{why}; write {' or '.join(TSIG_ALGORITHMS)}")
    if (found := _TRUNCATED.fullmatch(word)) is not None:
        raise Malformed(f"write {found[1]}; how much of it is sent is up to the client")
    return values.one_of(text, TSIG_ALGORITHMS, "an algorithm")


def secret_path(text: str) -> Path:
    """Read the path of the file with a secret; the secret itself is refused, and not quoted."""
    if _SECRET.fullmatch(text):
        raise Malformed(
            "this is a secret, not the path of a file; write it into a file with mode 0600, and "
            "the path of that file here, so that this file can be shown to others"
        )
    return Path(values.file_path(text))


class TSIGKeySection(Section):
    """The keys of one TSIG key; `secret_file` must be given, so that its default is never used."""

    algorithm: Annotated[str, text(tsig_algorithm)] = TSIG_ALGORITHMS[0]
    secret_file: Annotated[Path, text(secret_path)] = Path("tsig.key")


def read_tsig_keys(
    sections: Mapping[str, TSIGKeySection], folder: Path, usable: Node, faults: FaultReport
) -> tuple[TSIGKeySettings, ...]:
    """Return the keys in the order of the file; report their errors in `faults`.

    `folder` completes relative paths; `usable` is the document that the sections were made of.
    """
    keys: dict[DomainName, TSIGKeySettings] = {}
    lines: dict[DomainName, int] = {}
    for written, section in sections.items():
        node = usable.get("tsig_keys", written)
        try:
            name = key_name(written)
        except Malformed as error:
            faults.add(node.key, f"{quoted(written)} cannot be the name of a key: {error}")
            continue
        if name in keys:
            line = lines[name]
            faults.add(node.key, f"the key {name} is given twice; the first time on line {line}")
            continue
        lines[name] = node.key.line
        keys[name] = section.into(TSIGKeySettings, folder, name=name)
    if len(keys) > MAX_KEYS:
        place = usable.get("tsig_keys").place
        faults.add(place, f"has {len(keys)} keys; at most {MAX_KEYS} are allowed")
    return tuple(keys.values())
