"""Failures of requests to a CA, as one exception that says whose fault it is.

| begins with                    | whose fault                                          |
|--------------------------------|------------------------------------------------------|
| `the CA says: `                | the CA refuses, with its reasons                     |
| `<url> cannot be reached: `    | the way there: network, name, TLS                    |
| `<url>: `                      | the CA's server: no answer in time, or a senseless one |
| anything else                  | ours: the configuration                              |

Converts the exceptions of `acme`, `josepy` and `requests`.  Text from a CA is shortened and made
printable.
"""

from __future__ import annotations

import re
import ssl

import requests
from acme import errors, messages
from josepy.errors import Error as JoseError

from failoverdns.issuing.bounded_https import BoundedHttps
from failoverdns.model.printable import printable

FAULTS = (
    errors.Error,
    JoseError,
    requests.RequestException,
    OSError,
    ValueError,
    LookupError,
    TypeError,
    AttributeError,
    ArithmeticError,
    RecursionError,
)
"""The exceptions that the libraries raise for anything that a peer can send."""

NO_ACCOUNT = "accountDoesNotExist"
NOT_FOUND = "not-found"
RATE_LIMITED = "rateLimited"

_PASSING = frozenset({RATE_LIMITED, "serverInternal", "badNonce", "orderNotReady", NO_ACCOUNT})
_BY_THE_CA = "the CA says: "
_MAX_SUBPROBLEMS = 20
_IN_SOURCE = re.compile(r" \(_ssl\.c:\d+\)")


class AcmeProblem(Exception):
    """A refusal by a CA, or the reason why it could not be asked.

    `retry_after` is the number of seconds after which the CA wants to be asked again, None if it
    did not say; `names` are the identifiers that the CA named as the reason; `code` is its error
    type without its prefix (RFC 8555 section 6.7), or `not-found` where the URL leads nowhere;
    None if it is neither.
    """

    def __init__(
        self,
        message: str,
        retry_after: float | None = None,
        names: tuple[str, ...] = (),
        code: str | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.retry_after = retry_after
        self.names = names

    @property
    def is_final(self) -> bool:
        """True if the order has failed for good: a new one has to be placed."""
        if self.code is None:
            return self.message.startswith(_BY_THE_CA)
        return self.code not in _PASSING

    @property
    def is_passing(self) -> bool:
        """True if the CA is busy or unreachable, whatever was asked of it."""
        return self.code is None or self.code in _PASSING


def problem_of(fault: BaseException, directory: str, https: BoundedHttps) -> AcmeProblem:
    """Return the problem for one of `FAULTS`, raised by the last request of `https`.

    `directory` is the URL that the fault is about if nothing was requested.
    """
    after, url = https.retry_after, printable(https.asked or directory)
    if isinstance(fault, messages.Error):
        return refused(fault, after)
    if isinstance(fault, errors.ConflictError):
        return AcmeProblem("the CA says: conflict (HTTP 409)", after)
    if https.cut_off is not None:
        return AcmeProblem(f"{url}: {https.cut_off}", after)
    if isinstance(fault, requests.Timeout):
        return AcmeProblem(f"{url} cannot be reached: no answer in {https.timeout:g} seconds")
    root = _root(fault)
    if isinstance(root, ssl.SSLError):
        return AcmeProblem(f"{url} cannot be reached: TLS: {_reason(root)}")
    if isinstance(root, OSError) and not isinstance(root, requests.RequestException):
        return AcmeProblem(f"{url} cannot be reached: {_reason(root)}")
    response = _response(fault)
    if response is not None and not response.ok:
        status = printable(f"HTTP {response.status_code} {response.reason}")
        code = NOT_FOUND if response.status_code in (404, 410) else None
        return AcmeProblem(f"{url}: {status}, without a reason", after, code=code)
    text = printable(f"{type(fault).__name__}: {fault}")
    return AcmeProblem(f"{url}: an invalid answer ({text})", after)


def refused(error: messages.Error, retry_after: float | None) -> AcmeProblem:
    """Return the problem for a CA's error, with each subproblem and its name (RFC 8555 6.7.1)."""
    names, parts = [], []
    for part in (error, *(error.subproblems or ())[:_MAX_SUBPROBLEMS]):
        name = "" if part.identifier is None else printable(str(part.identifier.value))
        names += [name] * bool(name)
        parts.append(f"{name}: " * bool(name) + said(part))
    text, kind = f"{_BY_THE_CA}{'; '.join(parts)}", printable(str(error.typ))
    code = kind.removeprefix(messages.ERROR_PREFIX)
    return AcmeProblem(text, retry_after, tuple(dict.fromkeys(names)), code)


def said(error: messages.Error) -> str:
    """Return the type and the detail of an error, without its subproblems."""
    kind = str(error.typ).removeprefix(messages.ERROR_PREFIX)
    return printable(f"{kind}: {error.detail or error.title or 'no reason is given'}")


def _root(fault: BaseException) -> BaseException:
    """Return the exception that requests and urllib3 wrapped, some layers deep."""
    for _ in range(10):
        inner = getattr(fault, "reason", None)
        if not isinstance(inner, BaseException):
            inner = next((a for a in fault.args if isinstance(a, BaseException)), None)
        if inner is None and isinstance(fault.__cause__ or fault.__context__, OSError):
            inner = fault.__cause__ or fault.__context__
        if inner is None:
            break
        fault = inner
    return fault


def _reason(fault: OSError) -> str:
    text = fault.strerror if isinstance(fault.strerror, str) else str(fault)
    return _IN_SOURCE.sub("", printable(text or type(fault).__name__))


def _response(fault: BaseException) -> requests.Response | None:
    """Return the response that `acme` refused, which is among the exception's arguments."""
    first = fault.args[0] if fault.args else None
    while isinstance(first, tuple) and first:
        first = first[0]
    return first if isinstance(first, requests.Response) else None
