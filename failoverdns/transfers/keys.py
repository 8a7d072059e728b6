"""The secrets of TSIG keys: read from their files by the control process, which passes them on.

A file has the secret as base64 text, or is one that other programs make:

    tsig-keygen, ddns-confgen     key "NAME" { algorithm hmac-sha256; secret "SECRET"; };
    keymgr -t, a NSD include      id: NAME, algorithm: hmac-sha256, secret: SECRET
    dig -y, kdig -y               hmac-sha256:NAME:SECRET

If such a file names its key and algorithm, they have to be those of the configuration.  No error
quotes what a file has: it may be the secret.
"""

from __future__ import annotations

import re
from base64 import b64decode
from binascii import Error
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Final

from failoverdns.answering.settings import CannotReadSecrets
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.settings import Config, TSIGKeySettings
from failoverdns.protocol.tsig import Algorithm, TSIGKey
from failoverdns.secret_files import read_secret

MAX_FILE: Final = 4096
"""The largest size of a file with a secret, in bytes."""

LEAST: Final = 16
"""Bytes of the shortest secret that is used; RFC 2104 section 3 wants the length of the hash."""

_BARE = re.compile(r"[A-Za-z0-9+/\s]+[=\s]*", re.ASCII)
_SECRET = re.compile(r"\bsecret\"?\s*[:\s]\s*[\"']?([^\s\"';{},]+)")
_ALGORITHM = re.compile(r"\balgorithm\"?\s*[:\s]\s*[\"']?([^\s\"';{},]+)")
_NAME = re.compile(
    r"\bkey\s+[\"']?([^\s\"';{},]+)[\"']?\s*\{|\b(?:id|name)\s*:\s*[\"']?([^\s\"';]+)"
)
_OF_DIG = re.compile(r"(?:([a-z0-9-]+):)?([^\s:]+):([A-Za-z0-9+/=]+)", re.ASCII | re.IGNORECASE)
_FORMS: Final = (
    "write the secret alone, as base64 text, or a file that `failoverdns tsig-key`, tsig-keygen or "
    "keymgr makes"
)


@dataclass(frozen=True, slots=True)
class _Found:
    """The base64 text of a secret, and the name and algorithm beside it, if there are any."""

    secret: str
    name: str | None = None
    algorithm: str | None = None


def read_tsig_keys(config: Config) -> tuple[TSIGKey, ...]:
    """Return the TSIG keys of a configuration, with their secrets; raises CannotReadSecrets.

    All files are tried, and the text of the error has the fault of each.
    """
    keys, faults = [], []
    for settings in config.tsig_keys:
        path = settings.secret_file
        try:
            text = read_secret(path, MAX_FILE).decode("latin-1")
            keys.append(_key(settings, read_key_text(text, settings.name, settings.algorithm)))
        except (OSError, Malformed) as fault:
            why = fault.strerror if isinstance(fault, OSError) else str(fault)
            faults.append(f"tsig_keys.{settings.name}.secret_file: {path}: {why}")
    if faults:
        raise CannotReadSecrets("; ".join(faults))
    return tuple(keys)


def short_secrets(keys: Iterable[TSIGKey]) -> Iterator[str]:
    """Yield a warning for each key whose secret is shorter than its hash (RFC 8945 section 10)."""
    for key in keys:
        size, full = len(key.secret), key.algorithm.size
        if size < full:
            yield (
                f"tsig_keys.{DomainName(key.name)}: the secret has {size} bytes, and "
                f"{key.algorithm.value} is as strong as it can be with {full}; make a new one with "
                "`failoverdns tsig-key`"
            )


def read_key_text(text: str, name: DomainName, algorithm: str) -> bytes:
    """Return the secret in the text of a file of the key `name`; raises Malformed."""
    found = _found("\n".join(line for line in text.splitlines() if not _is_comment(line)))
    if found.name is not None and not _is_name(found.name, name):
        raise Malformed("has the secret of a key with another name")
    if found.algorithm is not None:
        theirs = found.algorithm.lower().removesuffix(".")
        if theirs != algorithm:
            shown = theirs if re.fullmatch(r"hmac-(md5|sha\d+)", theirs) else "another one"
            raise Malformed(f"is for {shown}, and the algorithm of the key is {algorithm}")
    try:
        secret = b64decode("".join(found.secret.split()), validate=True)
    except (Error, ValueError):
        raise Malformed(f"has no valid base64 text; {_FORMS}") from None
    if len(secret) < LEAST:
        raise Malformed(
            f"the secret has {len(secret)} bytes; at least {LEAST} are needed, and 32 are usual: "
            "make one with `failoverdns tsig-key`"
        )
    return secret


def _found(text: str) -> _Found:
    """Find the secret in one of the forms that are known."""
    text = text.strip()
    if not text:
        raise Malformed(f"is empty; {_FORMS}")
    if _BARE.fullmatch(text):
        return _Found(text)
    if (parts := _OF_DIG.fullmatch(text)) is not None:
        return _Found(parts[3], parts[2], parts[1])
    secrets = _SECRET.findall(text)
    if not secrets:
        raise Malformed(f"has no secret; {_FORMS}")
    if len(secrets) > 1:
        raise Malformed(f"has {len(secrets)} secrets; write a file for each key")
    names = [first or second for first, second in _NAME.findall(text)]
    algorithms = _ALGORITHM.findall(text)
    return _Found(secrets[0], names[0] if names else None, algorithms[0] if algorithms else None)


def _is_comment(line: str) -> bool:
    return line.lstrip().startswith("#")


def _is_name(text: str, name: DomainName) -> bool:
    try:
        return DomainName.from_text(text) == name
    except Malformed:
        return False


def _key(settings: TSIGKeySettings, secret: bytes) -> TSIGKey:
    return TSIGKey(settings.name.wire, Algorithm(settings.algorithm), secret)
