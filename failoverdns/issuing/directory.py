"""A client of an ACME directory (RFC 8555) for one account: orders, challenges, certificates.

Every call names an order by its URL, so any step can be repeated, by another process and after a
crash.  Every failure is an AcmeProblem, whatever the CA sends.
Supports renewal information (RFC 9773) and profiles where the CA does.
Does not know where challenges are served, when to try again, nor what is in a certificate.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final
from urllib.parse import urljoin

from acme import errors, messages
from requests import Response

from failoverdns.issuing.bounded_https import Clock
from failoverdns.issuing.payloads import (
    ExternalBinding,
    Finalize,
    NewOrder,
    dns_01,
    identifier,
    name_of,
    registration,
    state_of,
)
from failoverdns.issuing.problems import AcmeProblem, refused, said
from failoverdns.issuing.signed_requests import SignedRequests
from failoverdns.model.certificate import Secret
from failoverdns.model.printable import printable
from failoverdns.rules.decisions.certificates import MAX_NAMES

__all__ = ["AcmeProblem", "Directory", "ExternalBinding", "Window"]

TIMEOUT: Final = 30.0
"""Seconds that each request to a CA may take."""

POLL: Final = 1.0
"""Seconds between two requests for an order's state, at least."""

CLOCK: Final = Clock()
"""The clock of this machine."""

_CHECK_AGAIN = 6 * 3600.0
_CHECK_LIMITS = 60.0, 86400.0
_BEGIN = "-----BEGIN CERTIFICATE-----"


@dataclass(frozen=True, slots=True)
class Window:
    """The period in which a CA wants a certificate to be renewed (RFC 9773 section 4.2).

    Times in seconds since 1970; `check_after` is in how many seconds to ask for the window again.
    """

    start: float
    end: float
    check_after: float


class Directory:
    """A client of one ACME directory for one account; every method blocks: call it in a thread.

    Only one call at a time for each object; `stop` may come from another thread.  Without a
    deadline a call ends within eleven times `timeout`, with one within `timeout` after it.
    Every method raises AcmeProblem and nothing else.
    """

    def __init__(
        self,
        url: str,
        key: Secret,
        uri: str | None,
        *,
        ca_file: Path | None,
        timeout: float,
        clock: Clock,
    ) -> None:
        """Prepare; nothing is requested yet.

        `url` is the directory's, over HTTPS; `key` is the account's private key (PEM), EC or RSA.
        `uri` is the account's, None before `register`, which must then be called first.
        `ca_file` (PEM) has the only CAs trusted for HTTPS; None trusts those of the system.
        `timeout` is in seconds, for each request as a whole; `clock` is the clock for waiting.
        """
        self._url = url
        self._clock = clock
        self._signed = SignedRequests(url, key, uri, ca_file, timeout)

    def register(self, contact: Sequence[str], binding: ExternalBinding | None) -> str:
        """Return the URI of the key's account: of a new one, or of the existing one.

        The CA's terms of service are accepted.  `contact` are mail addresses or URLs.
        RFC 8555 section 7.3.
        """
        with self._signed.bounded():
            directory = self._signed.directory()
            if binding is None and directory.meta.external_account_required:
                raise AcmeProblem(f"{self._url} wants an external account: configure one")
            account = registration(contact, binding, self._signed.key, directory)
            self._signed.sign_as(None)
            uri = _location(self._signed.post(directory["newAccount"], account))
            self._signed.sign_as(uri)
            return uri

    def place(self, names: Sequence[str], profile: str | None, replaces: str | None) -> str:
        """Order a certificate and return the order's URL.

        `names` are DNS names, wildcards and addresses; `profile` is one that the CA offers.
        `replaces` is the renewal id of the certificate to replace, sent if the CA supports
        renewal information; if the CA refuses it, the order is placed without it.
        RFC 8555 section 7.4, RFC 8738, RFC 9773 section 5.
        """
        with self._signed.bounded():
            directory = self._signed.directory()
            if profile is not None:
                self._check_profile(profile, directory)
            order = NewOrder(identifiers=[identifier(name) for name in names], profile=profile)
            url = directory["newOrder"]
            if replaces is not None and "renewalInfo" in directory.to_partial_json():
                try:
                    return _location(self._signed.post(url, order.update(replaces=replaces)))
                except (messages.Error, errors.ConflictError) as fault:
                    if getattr(fault, "code", None) == "rateLimited":
                        raise
            return _location(self._signed.post(url, order))

    def state(self, order: str) -> str:
        """Return pending, ready, processing, valid or invalid (RFC 8555 section 7.1.6).

        Raises AcmeProblem if the CA does not know the order any more.
        """
        with self._signed.bounded():
            return state_of(self._order(order))

    def challenges(self, order: str) -> tuple[tuple[str, str], ...]:
        """Return (identifier without `*.`, value of its TXT record) for every challenge to serve.

        Identifiers that the CA has validated already are left out.  RFC 8555 section 8.4.
        """
        with self._signed.bounded():
            found = []
            for pending in self._pending(self._order(order)):
                name = str(pending.identifier.value).removeprefix("*.")
                found.append((name, dns_01(pending).chall.validation(self._signed.key)))
            return tuple(found)

    def validate(self, order: str, deadline: float) -> None:
        """Let the CA validate the challenges, and return when the order is ready.

        Gives up after `deadline` seconds, or when the CA asks to wait longer than that.
        RFC 8555 section 7.5.1.
        """
        with self._signed.bounded(deadline):
            until = self._clock.seconds() + deadline
            for pending in self._pending(self._order(order)):
                challenge = dns_01(pending)
                if challenge.status == messages.STATUS_PENDING:
                    self._signed.post(challenge.uri, challenge.chall.response(self._signed.key))
            while state_of(body := self._order(order)) == "pending":
                if not self._waited(until):
                    names = tuple(name_of(pending) for pending in self._pending(body))
                    text = f"{order}: not validated in {deadline:g} seconds: {', '.join(names)}"
                    raise AcmeProblem(text, self._signed.https.retry_after, names)
            if state_of(body) == "invalid":
                raise self._refusal(body)

    def finalize(self, order: str, request: bytes, deadline: float) -> str:
        """Return the chain (PEM, leaf first) that the CA issues for a signing request (PEM).

        May be called again for the same order: a request is not sent again, and an issued
        certificate is fetched again.  Gives up like `validate`.  RFC 8555 sections 7.4 and 7.4.2.
        """
        with self._signed.bounded(deadline):
            until = self._clock.seconds() + deadline
            body = self._order(order)
            while True:  # until `_waited` returns that no time is left
                if state_of(body) == "ready":
                    body = self._finalized(order, body, request)
                state = state_of(body)
                if state == "valid":
                    break
                if state == "invalid":
                    raise self._refusal(body)
                if state == "pending":
                    raise AcmeProblem(f"{order}: is not validated yet")
                if not self._waited(until):
                    text = f"{order}: not issued in {deadline:g} seconds"
                    raise AcmeProblem(text, self._signed.https.retry_after)
                body = self._order(order)
            chain = self._signed.post(str(body.certificate), None).text
            if _BEGIN not in chain:
                raise ValueError("no certificate in PEM")
            return chain

    def renewal_window(self, renewal_id: str) -> Window | None:
        """Return when the CA wants a certificate to be renewed; None if it has no such information.

        `renewal_id` is that of RFC 9773 section 4.1; when to ask again, of section 4.3.2.
        """
        with self._signed.bounded():
            base = self._signed.directory().to_partial_json().get("renewalInfo")
            if base is None:
                return None
            answer = self._signed.get(f"{base.rstrip('/')}/{renewal_id}")
            window = messages.RenewalInfo.from_json(answer.json()).suggested_window
            start, end = window.start.timestamp(), window.end.timestamp()
            if end <= start:
                raise ValueError("a window that ends before it starts")
            low, high = _CHECK_LIMITS
            after = self._signed.https.retry_after
            again = _CHECK_AGAIN if after is None else min(max(after, low), high)
            return Window(start, end, again)

    def stop(self) -> None:
        """Stop for good: end the current call within seconds, and all later ones at once."""
        self._signed.https.stop()

    def _order(self, url: str) -> messages.Order:
        body: messages.Order = messages.Order.from_json(self._signed.post(url, None).json())
        return body

    def _authorizations(self, order: messages.Order) -> Iterator[messages.Authorization]:
        if len(order.authorizations) > MAX_NAMES:  # each one is a request, wherever it leads
            count = len(order.authorizations)
            raise AcmeProblem(f"an order with {count} authorizations: at most {MAX_NAMES} are read")
        for url in order.authorizations:
            yield messages.Authorization.from_json(self._signed.post(url, None).json())

    def _pending(self, order: messages.Order) -> Iterator[messages.Authorization]:
        """Yield the authorizations still to validate. Raises AcmeProblem if one has failed."""
        state = state_of(order)
        if state == "invalid":
            raise self._refusal(order)
        for found in self._authorizations(order) if state == "pending" else ():
            if found.status == messages.STATUS_PENDING:
                yield found
            elif found.status != messages.STATUS_VALID:
                raise self._refusal(order)

    def _refusal(self, order: messages.Order) -> AcmeProblem:
        """Return the problem of a failed order: the CA's reason for each name."""
        reasons: dict[str, str] = {}
        for found in self._authorizations(order):
            if found.status not in (messages.STATUS_VALID, messages.STATUS_PENDING):
                told = [said(c.error) for c in found.challenges if c.error is not None]
                reasons[name_of(found)] = ", ".join(told) or f"it is {found.status.name}"
        if reasons:
            text = "; ".join(f"{name}: {reason}" for name, reason in reasons.items())
            return AcmeProblem(
                f"the CA says: {text}", self._signed.https.retry_after, tuple(reasons)
            )
        if order.error is not None:
            return refused(order.error, self._signed.https.retry_after)
        return AcmeProblem("the CA says: the order is invalid, without a reason")

    def _finalized(self, url: str, order: messages.Order, request: bytes) -> messages.Order:
        """Send the signing request; return the order after it."""
        try:
            answer = self._signed.post(order.finalize, Finalize.from_pem(request))
        except messages.Error as fault:
            if fault.code != "orderNotReady":  # then it is being processed already
                raise
            return self._order(url)
        body: messages.Order = messages.Order.from_json(answer.json())
        return body

    def _waited(self, until: float) -> bool:
        """Wait as long as the CA asks; return False, at once, if that exceeds the time left."""
        wanted = max(self._signed.https.retry_after or 0.0, POLL)
        if self._clock.seconds() + wanted > until:
            return False
        self._signed.https.wait(wanted, self._clock)
        return True

    def _check_profile(self, profile: str, directory: messages.Directory) -> None:
        offered = directory.meta.profiles
        names = [str(name) for name in offered] if isinstance(offered, Mapping) else []
        if profile not in names:
            text = printable(", ".join(names)) or "none"
            raise AcmeProblem(f"profile {profile!r} is not offered by {self._url}; offered: {text}")


def _location(response: Response) -> str:
    """Return the URL of what was made (RFC 9110 section 10.2.2); raises ValueError if it is odd."""
    url = urljoin(response.url, response.headers["Location"])
    if not (url.startswith("https://") and url.isascii() and url.isprintable()) or " " in url:
        raise ValueError(f"a Location that is not an https URL: {printable(url, 100)!r}")
    return url
