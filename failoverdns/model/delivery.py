"""Records of deliveries: certificates that web heads fetched, and the progress of hooks."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Fetch:
    """A web head fetched an application's certificate and key.

    `time` in seconds since 1970; `application` is its id; `client` is the name or fingerprint
    under which the configuration lists the client certificate; `address` is the client's address;
    `fingerprint` is that of the delivered certificate.
    """

    time: float
    application: str
    client: str
    address: str
    fingerprint: str
    format: str


@dataclass(frozen=True, slots=True)
class HookProgress:
    """The progress of a hook, which was run for every change up to `revision`.

    `time` (seconds since 1970) is that of its last run, None if there was none; `output` is the
    end of what it printed.
    `failed` is the event for which it failed, such as `certificate shop-eu`, and `problem` says
    why.  Both stay, with the `output` of that run, until the hook succeeds for the same event.
    """

    revision: int
    time: float | None = None
    failed: str | None = None
    problem: str | None = None
    output: str = ""
