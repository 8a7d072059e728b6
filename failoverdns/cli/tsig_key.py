"""`failoverdns tsig-key`: make a TSIG key, and print what to write into each program.

It needs no server.  What it prints, or writes to the file of `--out`, is a key in the form of BIND,
which this server and BIND read as it is; the lines for other programs are comments in it.
"""

from __future__ import annotations

import os
import secrets
import sys
from base64 import b64encode
from pathlib import Path
from typing import Final

import click

from failoverdns.cli.sending import REFUSED
from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.settings import TSIG_ALGORITHMS

MODE: Final = 0o600
"""Permissions of the file: only its owner may read it."""


@click.command("tsig-key")
@click.argument("name", metavar="NAME")
@click.option(
    "--algorithm",
    default=TSIG_ALGORITHMS[0],
    show_default=True,
    metavar="A",
    help=f"One of {', '.join(TSIG_ALGORITHMS)}.",
)
@click.option(
    "--out",
    metavar="FILE",
    type=click.Path(path_type=Path),
    help="Write the key to this new file, which only its owner can read.",
)
def tsig_key(name: str, algorithm: str, out: Path | None) -> None:
    """Make a TSIG key for zone transfers or updates.

    NAME is a domain name, the same on both sides. Without --out the key is printed. The key has
    the lines for failoverdns, BIND, Knot DNS, NSD, PowerDNS and nsupdate in it.
    """
    from failoverdns.config.names_of_keys import key_name
    from failoverdns.config.tsig_keys import tsig_algorithm

    try:
        key = key_name(name)
    except Malformed as fault:
        raise click.UsageError(f"{name!r} cannot be the name of a key: {fault}") from None
    try:
        algorithm = tsig_algorithm(algorithm)
    except Malformed as fault:
        raise click.UsageError(f"--algorithm: {fault}") from None
    path = out or Path(f"{key}.key")
    text = key_text(key, algorithm, new_secret(algorithm), path)
    if out is None:
        click.echo(text, nl=False)
        return
    try:
        _write(out, text)
    except OSError as fault:
        click.echo(f"failoverdns: {out}: {fault.strerror}; nothing was written", err=True)
        sys.exit(REFUSED)
    click.echo(f"{out} has the key, and the lines for other programs. In failoverdns.yaml:\n")
    click.echo("\n".join(_own_lines(key, algorithm, path)))
    if os.geteuid() == 0:
        click.echo(f"\nThe server must be able to read it: chown failoverdns: {out}")


def new_secret(algorithm: str) -> bytes:
    """Return a random secret, as long as the hash of an algorithm (RFC 2104 section 3)."""
    return secrets.token_bytes(int(algorithm[-3:]) // 8)


def key_text(name: DomainName, algorithm: str, secret: bytes, path: Path) -> str:
    """Return the text of a key file, with the lines for other programs as comments.

    `path` is where the file will be, for the lines of failoverdns.
    """
    text = b64encode(secret).decode()
    programs = {
        "failoverdns, in failoverdns.yaml": _own_lines(name, algorithm, path),
        "BIND, in named.conf: the key above": (),
        "Knot DNS, in knot.conf": (
            "key:",
            f"  - id: {name}",
            f"    algorithm: {algorithm}",
            f"    secret: {text}",
        ),
        "NSD, in nsd.conf": (
            "key:",
            f'  name: "{name}"',
            f"  algorithm: {algorithm}",
            f'  secret: "{text}"',
        ),
        "PowerDNS": (f"pdnsutil import-tsig-key {name} {algorithm} {text}",),
        "nsupdate, dig and kdig": (f"-y {algorithm}:{name}:{text}",),
    }
    lines = [
        "# A key for TSIG (RFC 8945).  Whoever has it can do what the key may do: keep it secret.",
        f'key "{name}" {{',
        f"\talgorithm {algorithm};",
        f'\tsecret "{text}";',
        "};",
    ]
    for program, written in programs.items():
        lines += ["", f"# {program}", *(f"#   {line}" for line in written)]
    return "\n".join(lines) + "\n"


def _own_lines(name: DomainName, algorithm: str, path: Path) -> tuple[str, ...]:
    return (
        "tsig_keys:",
        f"  {name}:",
        f"    algorithm: {algorithm}",
        f"    secret_file: {path.absolute()}",
    )


def _write(path: Path, text: str) -> None:
    """Write a new file that only its owner can read; raises OSError if there is one already."""
    descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, MODE)
    with os.fdopen(descriptor, "w") as file:
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
