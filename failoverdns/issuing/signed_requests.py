"""Requests to an ACME directory, signed with an account's key and bounded in time.

Reads the directory once an hour, takes a fresh nonce when one is refused, and converts every
failure to AcmeProblem (RFC 8555 sections 6 and 7.1.1).  Which requests make up an order is in
`issuing.directory`.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from acme import messages
from acme.client import ClientNetwork
from josepy.interfaces import JSONDeSerializable
from requests import Response

from failoverdns import __version__
from failoverdns.issuing.bounded_https import BoundedHttps
from failoverdns.issuing.payloads import signing_key
from failoverdns.issuing.problems import FAULTS, AcmeProblem, problem_of
from failoverdns.model.certificate import Secret
from failoverdns.model.errors import Malformed

_REQUESTS: Final = 10
"""Requests that may take their full time, in a call without a deadline."""

_NONCES: Final = 5
_FRESH: Final = 3600.0


class SignedRequests:
    """Signed requests to one directory for one account; only AcmeProblem leaves `bounded`."""

    def __init__(
        self, url: str, key: Secret, uri: str | None, ca_file: Path | None, timeout: float
    ) -> None:
        """Prepare; nothing is requested yet; arguments as for `Directory`. Raises AcmeProblem."""
        self._url = url
        try:
            self.https = BoundedHttps(ca_file, timeout)
        except OSError as fault:
            raise AcmeProblem(f"{ca_file}: {fault.strerror or fault}") from None
        except Malformed as fault:
            raise AcmeProblem(f"{ca_file}: {fault}") from None
        self.key, algorithm = signing_key(key)
        agent = f"failoverdns/{__version__}"
        self._network = ClientNetwork(self.key, alg=algorithm, user_agent=agent)
        self.https.mount_alone(self._network.session)
        self._read: messages.Directory | None = None
        self._read_at = 0.0
        self.sign_as(uri)

    def get(self, url: str) -> Response:
        """Send a GET request, which needs no signature."""
        return self._network.get(url)

    @contextmanager
    def bounded(self, deadline: float | None = None) -> Iterator[None]:
        """Convert every exception to AcmeProblem; end soon after `deadline` seconds."""
        timeout = self.https.timeout
        self.https.begin(_REQUESTS * timeout if deadline is None else deadline + timeout)
        try:
            yield
        except FAULTS as fault:
            self._read = None  # its URLs may be the cause
            self._network.session.close()  # open connections may still have bytes to come
            raise problem_of(fault, self._url, self.https) from fault

    def directory(self) -> messages.Directory:
        """Return the directory, read once an hour (RFC 8555 section 7.1.1)."""
        if self._read is None or time.monotonic() - self._read_at > _FRESH:
            self._read = messages.Directory.from_json(self._network.get(self._url).json())
            self._read_at = time.monotonic()
        return self._read

    def sign_as(self, uri: str | None) -> None:
        """Sign as an account; None signs with the key itself."""
        account = messages.RegistrationResource(body=messages.Registration(), uri=uri)
        self._network.account = None if uri is None else account

    def post(self, url: str, body: JSONDeSerializable | None) -> Response:
        """Send a POST request (None: POST-as-GET), again if its nonce is refused (section 6.5)."""
        new_nonce = self.directory()["newNonce"]
        refusal: messages.Error | None = None
        for _ in range(_NONCES):
            try:
                return self._network.post(url, body, new_nonce_url=new_nonce)
            except messages.Error as fault:
                if fault.code != "badNonce":
                    raise
                refusal = fault
        assert refusal is not None
        raise refusal
