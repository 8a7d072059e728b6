"""An ACME directory that behaves, and one that does not: only AcmeProblem is raised."""

from __future__ import annotations

import gc
import gzip
import json
import os
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from typing import Any

import pytest
from authority import DAY, Authority, key_pem, make_key
from cryptography import x509
from directories import LocalDirectory, Reply, document, http_date, refusal
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from system.server import wait_for

from failoverdns import __version__
from failoverdns.issuing.bounded_https import MAX_ANSWER, MAX_RETRY_AFTER, Clock
from failoverdns.issuing.directory import CLOCK, AcmeProblem, Directory, ExternalBinding, Window
from failoverdns.model.certificate import Secret
from failoverdns.pki.key_pairs import new_key, signing_request

MINUTE = 60.0
SHORT = 0.5
HMAC = "zWNDZM6eQGHWpSRTPal5eIUYFTu7EajVIoguysqZ9wG44nMEtx3MUAsUDkMTQ12W"
HTML = Reply(200, b"<html>All is well</html>", {"Content-Type": "text/html"})
BUSY = Reply(503, b"<html>later</html>", {"Content-Type": "text/html", "Retry-After": "120"})
BAD_NONCE = refusal(400, "badNonce", "not that one")


KEY = new_key("ec256")


@pytest.fixture
def local(tmp_path: Path) -> Iterator[LocalDirectory]:
    with LocalDirectory(tmp_path) as running:
        yield running


class Patience(Clock):
    """A clock whose time passes at once when a caller waits."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def seconds(self) -> float:
        """Return the seconds that were waited, plus real time."""
        return time.monotonic() + sum(self.waits)

    def wait(self, seconds: float, stopped: threading.Event) -> None:
        """Note the seconds; return at once if stopped."""
        assert not stopped.is_set()
        self.waits.append(seconds)


@pytest.fixture
def patience() -> Patience:
    return Patience()


@pytest.fixture
def directory(local: LocalDirectory, patience: Patience) -> Directory:
    """A client of the directory with an account."""
    found = opened(local, clock=patience)
    found.register(["hostmaster@failover.example"], None)
    local.seen.clear()
    return found


def opened(
    local: LocalDirectory, timeout: float = 10, key: Secret = KEY, clock: Clock = CLOCK
) -> Directory:
    return Directory(local.url, key, None, ca_file=local.ca_file, timeout=timeout, clock=clock)


def request_for(*names: str) -> bytes:
    """A signing request with a key of its own."""
    return signing_request(new_key("ec256"), names)


def ready(directory: Directory, *names: str) -> str:
    """An order that can be finalized."""
    order = directory.place(names or ["a.example"], None, None)
    directory.validate(order, MINUTE)
    return order


def problem(call: Callable[[], object]) -> AcmeProblem:
    """Return the problem that a call raises."""
    with pytest.raises(AcmeProblem) as caught:
        call()
    assert caught.value.message.isprintable()
    assert str(caught.value) == caught.value.message
    return caught.value


def test_a_certificate_is_issued(local: LocalDirectory, directory: Directory) -> None:
    names = ["a.example", "*.a.example", "192.0.2.1", "2001:db8::1"]
    order = directory.place(names, None, None)
    asked = directory.challenges(order)
    assert [name for name, _ in asked] == ["a.example", "a.example", "192.0.2.1", "2001:db8::1"]
    assert {len(value) for _, value in asked} == {43}
    directory.validate(order, MINUTE)
    chain = directory.finalize(order, request_for(*names), MINUTE)
    leaf, issuer = x509.load_pem_x509_certificates(chain.encode())
    leaf.verify_directly_issued_by(issuer)
    assert local.agents == {f"failoverdns/{__version__}"}


def test_nothing_is_requested_before_it_is_needed(local: LocalDirectory) -> None:
    opened(local)
    assert local.seen == []


def test_the_directory_is_read_once(local: LocalDirectory, directory: Directory) -> None:
    ready(directory)
    ready(directory)
    assert "GET /directory" not in local.seen


def test_registering_a_key_again_finds_its_account(local: LocalDirectory) -> None:
    """Registering a key twice gives the same account, whose contacts are the first ones."""
    directory = opened(local)
    uri = directory.register(["a@a.example", "mailto:b@b.example"], None)
    assert local.accounts[uri][1] == ["mailto:a@a.example", "mailto:b@b.example"]
    assert directory.register([], None) == uri
    assert opened(local).register(["c@c.example"], None) == uri
    assert len(local.accounts) == 1


def test_a_finalized_order_is_not_finalized_again(
    local: LocalDirectory, directory: Directory
) -> None:
    order = ready(directory)
    request = request_for("a.example")
    chain = directory.finalize(order, request, MINUTE)
    assert directory.finalize(order, request, MINUTE) == chain
    assert local.seen.count("POST /finalize/0") == 1


def test_an_order_that_is_being_finalized_is_waited_for(
    local: LocalDirectory, directory: Directory
) -> None:
    """An order that is `ready` at first, and then `orderNotReady`, is being processed."""
    order = ready(directory)
    request = request_for("a.example")
    local.fail("finalize", *[refusal(403, "orderNotReady", "already under way")] * 2)
    found = problem(lambda: directory.finalize(order, request, 0))
    assert found.message == f"{order}: not issued in 0 seconds"
    assert directory.finalize(order, request, MINUTE).startswith("-----BEGIN")


def test_validating_and_issuing_are_waited_for(
    local: LocalDirectory, directory: Directory, patience: Patience
) -> None:
    """A second before each further request."""
    local.validating = local.processing = 2
    order = directory.place(["a.example"], None, None)
    directory.validate(order, MINUTE)
    assert patience.waits == [1, 1]
    assert directory.state(order) == "ready"
    local.seen.clear()
    patience.waits.clear()
    assert directory.finalize(order, request_for("a.example"), MINUTE).startswith("-----BEGIN")
    assert patience.waits == [1, 1]
    assert local.seen.count("POST /order/0") == 3


def test_waiting_ends_at_the_deadline(
    local: LocalDirectory, directory: Directory, patience: Patience
) -> None:
    """No more than `deadline` seconds pass; a wait that would exceed them does not begin."""
    local.validating = local.processing = 1000
    order = directory.place(["a.example", "b.example"], None, None)
    found = problem(lambda: directory.validate(order, 1.5))
    assert found.message.startswith(f"{order}: not validated in 1.5 seconds")
    assert found.retry_after is None
    assert patience.waits == [1]
    local.orders[0].waits = 0
    found = problem(lambda: directory.finalize(order, request_for("a.example", "b.example"), 1.5))
    assert found.message == f"{order}: not issued in 1.5 seconds"
    assert patience.waits == [1, 1]


def test_a_ca_that_needs_more_time_than_is_left_ends_the_wait(
    local: LocalDirectory, directory: Directory, patience: Patience
) -> None:
    """The order stays at the CA, and `retry_after` is the time to ask again."""
    local.validating, local.retry_after = 1000, "3600"
    order = directory.place(["a.example"], None, None)
    assert problem(lambda: directory.validate(order, MINUTE)).retry_after == 3600
    assert patience.waits == []
    assert directory.state(order) == "pending"


def test_retry_after_is_respected(
    local: LocalDirectory, directory: Directory, patience: Patience
) -> None:
    local.validating, local.retry_after = 1, "2"
    order = directory.place(["a.example"], None, None)
    directory.validate(order, MINUTE)
    assert patience.waits == [2]


def test_the_names_that_are_still_pending_are_reported(
    local: LocalDirectory, directory: Directory
) -> None:
    """The CA accepts that a challenge is ready, and never validates it."""
    order = directory.place(["a.example", "b.example"], None, None)
    pending = {"status": "pending", "token": "x" * 43, "type": "dns-01", "url": local.url}
    local.fail("challenge", document(pending), document(pending))
    local.orders[0].waits = 1000
    found = problem(lambda: directory.validate(order, 0))
    assert found.names == ("a.example", "b.example")
    assert found.message.endswith(": a.example, b.example")


def test_a_profile_is_ordered(local: LocalDirectory, directory: Directory) -> None:
    local.profiles = {"classic": "https://ca.example/classic", "short": "a week"}
    ready_directory = opened(local)
    ready_directory.register([], None)
    ready_directory.place(["a.example"], "short", None)
    assert local.orders[0].profile == "short"
    found = problem(lambda: ready_directory.place(["a.example"], "shorter", None))
    assert found.message == (
        f"profile 'shorter' is not offered by {local.url}; offered: classic, short"
    )
    assert len(local.orders) == 1


def test_a_profile_is_not_ordered_at_a_ca_without_profiles(directory: Directory) -> None:
    found = problem(lambda: directory.place(["a.example"], "short", None))
    assert found.message.endswith("offered: none")


def test_the_replaced_certificate_is_named_only_if_the_ca_supports_that(
    local: LocalDirectory,
) -> None:
    for window, replaces in ((None, None), ((1.0, 2.0), "a.b")):
        local.window = window
        directory = opened(local)
        directory.register([], None)
        directory.place(["a.example"], None, "a.b")
        assert local.orders[-1].replaces == replaces


def test_an_order_is_placed_even_if_it_may_not_replace_another_certificate(
    local: LocalDirectory,
) -> None:
    """A renewal must not fail because of a hint."""
    local.window, local.refuse_replaces = (1.0, 2.0), True
    directory = opened(local)
    directory.register([], None)
    directory.place(["a.example"], None, "a.b")
    assert [order.replaces for order in local.orders] == [None]
    local.fail("orders", refusal(403, "unauthorized", "not yours"))
    directory.place(["a.example"], None, "a.b")
    local.fail("orders", refusal(429, "rateLimited", "too many"))
    assert "rateLimited" in problem(lambda: directory.place(["a.example"], None, "a.b")).message
    assert len(local.orders) == 2


def test_a_renewal_window_is_read(local: LocalDirectory) -> None:
    local.window, local.retry_after = (1_800_000_000.0, 1_800_086_400.0), "7200"
    found = opened(local).renewal_window("aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE")
    assert found is not None
    assert (found.start, found.end) == local.window
    assert found.check_after == 7200
    assert local.seen[-1] == "GET /renewal/aYhba4dGQEHhs3uEe6CuLN4ByNQ.AIdlQyE"


@pytest.mark.parametrize(
    ("retry_after", "seconds"),
    [
        pytest.param(None, 6 * 3600, id="none"),
        pytest.param("1", 60, id="too soon"),
        pytest.param("999999999999999999999999999", DAY, id="too late"),
        pytest.param("-5", 6 * 3600, id="in the past"),
        pytest.param("tomorrow", 6 * 3600, id="nonsense"),
        pytest.param("\xb2", 6 * 3600, id="a digit that is none"),
        pytest.param("a date in two hours", 7200, id="a date"),
        pytest.param("Thu, 01 Jan 1970 00:00:00 GMT", 60, id="a date in the past"),
        pytest.param("Fri, 31 Dec 9999 23:59:59 -2359", DAY, id="the end of time"),
    ],
)
def test_the_window_is_asked_for_again_after_a_sensible_time(
    local: LocalDirectory, retry_after: str | None, seconds: float
) -> None:
    if retry_after == "a date in two hours":  # counted from the request
        retry_after = http_date(time.time() + 7200)
    local.window, local.retry_after = (1.0, 2.0), retry_after
    found = opened(local).renewal_window("a.b")
    assert found is not None
    assert abs(found.check_after - seconds) < MINUTE


def test_a_ca_may_have_no_renewal_information(directory: Directory) -> None:
    assert directory.renewal_window("a.b") is None


def test_a_window_that_ends_before_it_starts_is_invalid(local: LocalDirectory) -> None:
    local.window = (2.0, 1.0)
    assert "an invalid answer" in problem(lambda: opened(local).renewal_window("a.b")).message


def test_an_external_account_is_bound(local: LocalDirectory) -> None:
    local.binding = "kid-1", HMAC
    directory = opened(local)
    binding = ExternalBinding("kid-1", HMAC + "\n")
    assert directory.register([], binding) in local.accounts
    assert HMAC not in repr(binding)


def test_a_missing_external_account_is_a_problem(local: LocalDirectory) -> None:
    local.binding = "kid-1", HMAC
    found = problem(lambda: opened(local).register([], None))
    assert found.message == f"{local.url} wants an external account: configure one"


@pytest.mark.parametrize("wrong", ["", "a+b/c", "zähler", f"{HMAC} {HMAC}", "a"])
def test_an_invalid_hmac_key_is_not_shown(local: LocalDirectory, wrong: str) -> None:
    local.binding = "kid-1", HMAC
    found = problem(lambda: opened(local).register([], ExternalBinding("kid-1", wrong)))
    assert found.message == "the HMAC key of the external account is not base64url"


def test_another_external_account_is_refused(local: LocalDirectory) -> None:
    local.binding = "kid-1", HMAC
    found = problem(lambda: opened(local).register([], ExternalBinding("kid-1", HMAC[::-1])))
    assert found.message == ("the CA says: externalAccountRequired: not bound to a known account")


def test_a_rejected_nonce_is_replaced(local: LocalDirectory, directory: Directory) -> None:
    """A CA may reject any nonce; up to five in a row are tolerated."""
    local.fail("orders", *[BAD_NONCE] * 5)
    assert directory.place(["a.example"], None, None)


def test_a_ca_that_rejects_every_nonce_is_given_up(
    local: LocalDirectory, directory: Directory
) -> None:
    local.fail("orders", *[BAD_NONCE] * 100)
    found = problem(lambda: directory.place(["a.example"], None, None))
    assert found.message == "the CA says: badNonce: not that one"
    assert local.seen.count("POST /orders") == 10


@pytest.mark.parametrize(
    ("retry_after", "seconds"), [("7200", 7200.0), ("9" * 400, MAX_RETRY_AFTER), ("x", None)]
)
def test_a_rate_limit_says_when_to_try_again(
    local: LocalDirectory, directory: Directory, retry_after: str, seconds: float | None
) -> None:
    text = "too many certificates for a.example"
    local.fail("orders", refusal(429, "rateLimited", text, {"Retry-After": retry_after}))
    found = problem(lambda: directory.place(["a.example"], None, None))
    assert found.message == f"the CA says: rateLimited: {text}"
    assert found.retry_after == seconds


def test_every_refused_name_is_reported(local: LocalDirectory, directory: Directory) -> None:
    parts = [
        {"type": "urn:ietf:params:acme:error:rejectedIdentifier", "detail": f"not {name}",
         "identifier": {"type": "dns", "value": name}}
        for name in ("a.example", "b.example")
    ]  # fmt: skip
    local.fail("orders", refusal(400, "compound", "see below", subproblems=parts))
    found = problem(lambda: directory.place(["a.example", "b.example"], None, None))
    assert found.names == ("a.example", "b.example")
    assert found.message == (
        "the CA says: compound: see below; a.example: rejectedIdentifier: not a.example; "
        "b.example: rejectedIdentifier: not b.example"
    )


def test_the_text_of_a_ca_is_shortened_and_printable(
    local: LocalDirectory, directory: Directory
) -> None:
    local.fail("orders", refusal(400, "malformed", "\x1b[2J\n\u202e" + "x" * 100_000))
    found = problem(lambda: directory.place(["a.example"], None, None))
    assert found.message.startswith("the CA says: malformed: ?[2J ?xxx")
    assert len(found.message) < 1000


@pytest.mark.parametrize(
    "location",
    ["/o/\x1b[31mred\x1b]0;owned\x07", "/o/a b", "http://127.0.0.1/o/1", "file:///etc/passwd"],
)
def test_a_location_that_is_no_plain_https_url_is_refused(
    local: LocalDirectory, directory: Directory, location: str
) -> None:
    """It would be stored, and shown on terminals and in the log."""
    page = {"status": "pending", "identifiers": [], "authorizations": [], "finalize": local.url}
    local.fail("orders", Reply(201, json.dumps(page).encode(), {"Location": location}))
    found = problem(lambda: directory.place(["a.example"], None, None))
    assert "a Location that is not an https URL" in found.message
    assert found.message.isprintable()


def test_a_ca_cannot_make_the_server_send_requests_without_end(
    local: LocalDirectory, directory: Directory
) -> None:
    """An order with more authorizations than a certificate may have names is not followed."""
    order = directory.place(["a.example"], None, None)
    page = {
        "status": "pending",
        "authorizations": [f"{local.base}/authorization/0/0"] * 101,
        "finalize": local.url,
    }
    local.fail("order", Reply(200, json.dumps(page).encode()))
    before = len(local.seen)
    found = problem(lambda: directory.challenges(order))
    assert found.message == "an order with 101 authorizations: at most 100 are read"
    assert len(local.seen) == before + 1


def test_an_authorization_without_dns_01_is_reported_by_name(
    local: LocalDirectory, directory: Directory
) -> None:
    order = directory.place(["a.example"], None, None)
    page = {
        "status": "pending",
        "identifier": {"type": "dns", "value": "a.example"},
        "challenges": [
            {"type": "http-01", "url": local.url, "token": "x" * 43, "status": "pending"},
            {"type": "dns-account-01", "url": local.url, "status": "pending"},
        ],
    }
    local.fail("authorization", document(page), document(page))
    for step in (lambda: directory.challenges(order), lambda: directory.validate(order, 5)):
        found = problem(step)
        assert found.message == "the CA says: a.example cannot be validated with DNS-01"
        assert found.names == ("a.example",)


@pytest.mark.parametrize("state", ["invalid", "expired", "deactivated", "revoked"])
def test_a_failed_authorization_is_reported_by_name(
    local: LocalDirectory, directory: Directory, state: str
) -> None:
    order = directory.place(["a.example"], None, None)
    page = {"status": state, "identifier": {"type": "dns", "value": "a.example"}, "challenges": []}
    local.fail("authorization", document(page), document(page))
    found = problem(lambda: directory.challenges(order))
    assert found.message == f"the CA says: a.example: it is {state}"


def test_a_failed_order_says_why(local: LocalDirectory, directory: Directory) -> None:
    order = ready(directory)
    error = {"type": "urn:ietf:params:acme:error:caa", "detail": "CAA forbids it"}
    page = {"status": "invalid", "authorizations": [], "error": error}
    local.fail("order", document(page), document({**page, "error": None}), document(page))
    request = request_for("a.example")
    found = problem(lambda: directory.finalize(order, request, 5))
    assert found.message == "the CA says: caa: CAA forbids it"
    assert "an invalid answer" in problem(lambda: directory.validate(order, 5)).message
    assert directory.state(order) == "invalid"


def test_an_order_that_the_ca_does_not_know_is_a_problem(
    local: LocalDirectory, directory: Directory
) -> None:
    found = problem(lambda: directory.state(f"{local.base}/order/7"))
    assert found.message == "the CA says: malformed: no such order"


def test_the_directory_can_validate_with_a_dns_server(
    local: LocalDirectory, directory: Directory
) -> None:
    """This tests the directory of the tests: its DNS answer is in the problem."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sock:
        sock.bind(("127.0.0.1", 0))
        sock.settimeout(10)
        local.dns = sock.getsockname()[1]

        def respond() -> None:
            query, client = sock.recvfrom(512)
            sock.sendto(query[:2] + b"\x84\x03" + query[4:6] + bytes(6) + query[12:], client)

        thread = threading.Thread(target=respond)
        thread.start()
        order = directory.place(["a.example"], None, None)
        found = problem(lambda: directory.validate(order, MINUTE))
        thread.join()
    assert found.message == (
        "the CA says: a.example: incorrectResponse: saw [] at _acme-challenge.a.example"
    )


def drip(handler: BaseHTTPRequestHandler) -> None:
    """Send a byte from time to time: each one soon, the whole never."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n")
    for _ in range(100_000):
        handler.wfile.write(b" ")
        time.sleep(0.05)


def drip_headers(handler: BaseHTTPRequestHandler) -> None:
    """Send one header after the other."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\n")
    for number in range(90):
        handler.wfile.write(b"X-%d: 1\r\n" % number)
        time.sleep(0.05)


def flood(handler: BaseHTTPRequestHandler) -> None:
    """Send chunks without end."""
    handler.wfile.write(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n")
    for _ in range(MAX_ANSWER):
        handler.wfile.write(b"400\r\n" + b" " * 0x400 + b"\r\n")


def flood_of_replies(handler: BaseHTTPRequestHandler) -> None:
    """Send interim responses without end."""
    for _ in range(MAX_ANSWER):
        handler.wfile.write(b"HTTP/1.1 100 Continue\r\n\r\n")


def hang_up(handler: BaseHTTPRequestHandler) -> None:
    """Close the connection."""
    handler.close_connection = True


def stall(handler: BaseHTTPRequestHandler) -> None:
    """Send nothing until the client closes the connection."""
    handler.connection.settimeout(MINUTE)
    handler.rfile.read(1)
    handler.close_connection = True


SLOW = (stall, drip, drip_headers, flood_of_replies)

FAULTS = {
    "HTML": (HTML, "an invalid answer"),
    "an empty answer": (Reply(200, b""), "an invalid answer"),
    "truncated": (document({"status": "pending"}, {"Content-Length": "100"}), ""),
    "half of JSON": (Reply(200, b'{"status": "pen'), "an invalid answer"),
    "deep JSON": (Reply(200, b"[" * 100_000), "an invalid answer"),
    "a large number": (Reply(200, b'{"status":' + b"9" * 5000 + b"}"), "an invalid answer"),
    "not UTF-8": (Reply(200, b'{"status": "\xff\xfe"}'), "an invalid answer"),
    "a list": (document([1]), "an invalid answer"),
    "a word": (document("valid"), "an invalid answer"),
    "an unknown status": (document({"status": "bored"}), "an invalid answer"),
    "nothing said": (document({}), "an invalid answer"),
    "busy": (BUSY, "HTTP 503 Service Unavailable, without a reason"),
    "not found": (Reply(404, b""), "HTTP 404 Not Found, without a reason"),
    "an odd problem": (document(["no"], None, 400), "no reason is given"),
    "conflict": (Reply(409, b""), "the CA says: conflict (HTTP 409)"),
    "an odd nonce": (document({}, {"Replay-Nonce": "!"}), "an invalid answer"),
    "compressed": (Reply(200, gzip.compress(b"{}"), {"Content-Encoding": "gzip"}), "compressed"),
    "to HTTP": (Reply(302, b"", {"Location": "http://127.0.0.1:1/"}), "an invalid answer"),
    "to itself": (Reply(302, b"", {"Location": "/directory/1"}), ""),
    "elsewhere": (Reply(302, b"", {"Location": "https://127.0.0.1:1/"}), "refused"),
    "hangs up": (hang_up, "cannot be reached"),
    "stalls": (stall, "no whole answer in time (0.5 seconds for a request)"),
    "drips": (drip, "no whole answer in time"),
    "drips headers": (drip_headers, "no whole answer in time"),
    "floods": (flood, f"an answer of more than {MAX_ANSWER} bytes"),
    "promises": (flood_of_replies, ""),  # too many, or too long: as fast as they come
}


@pytest.mark.parametrize("path", ["directory", "nonce", "order", "authorization", "renewal"])
@pytest.mark.parametrize(
    ("fault", "text"), [pytest.param(*case, id=name) for name, case in FAULTS.items()]
)
def test_a_fault_is_reported_in_time_and_passes(
    local: LocalDirectory, path: str, fault: Any, text: str
) -> None:
    """The next call succeeds."""
    local.window = (1.0, 2.0)
    uri = opened(local).register([], None)
    order = Directory(local.url, KEY, uri, ca_file=local.ca_file, timeout=30, clock=CLOCK).place(
        ["a.example"], None, None
    )
    timeout = SHORT if fault in SLOW else MINUTE
    directory = Directory(local.url, KEY, uri, ca_file=local.ca_file, timeout=timeout, clock=CLOCK)

    def call() -> object:
        return directory.renewal_window("a.b") if path == "renewal" else directory.challenges(order)

    local.fail(path, *[fault] * 5)
    gc.collect()  # what is left of other tests has no room to end in the depths of deep JSON
    begin = time.monotonic()
    found: AcmeProblem | None = None
    try:
        call()
    except AcmeProblem as caught:
        found = caught
    assert time.monotonic() - begin < 10
    if path != "nonce" or not isinstance(fault, Reply):  # for a nonce, only the header counts
        assert found is not None
    if found is not None and path == "order":
        assert text in found.message
        assert found.message.startswith((order, local.base, "https://127.0.0.1:1/", "the CA says"))
        assert found.retry_after == (120 if fault is BUSY else None)
    local.forgive()
    for _ in range(20):  # with SHORT, on a slow machine
        with suppress(AcmeProblem):
            assert call()
            return
        assert fault in SLOW
    pytest.fail("it never worked again")


def test_a_connection_is_not_used_again_after_a_fault(
    local: LocalDirectory, directory: Directory
) -> None:
    """Bytes left in it would be taken for the next response."""
    after: list[bytes] = []

    def reply_and_listen(handler: Any) -> None:
        handler.reply(HTML)
        after.append(handler.rfile.readline())

    local.fail("orders", reply_and_listen)
    problem(lambda: directory.place(["a.example"], None, None))
    directory.place(["a.example"], None, None)
    wait_for(lambda: after)
    assert after == [b""]


ANY_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text()
    | st.sampled_from(["pending", "valid", "invalid", "ready", "processing", "dns-01", "dns"])
    | st.sampled_from(["https://127.0.0.1:1/", "http://127.0.0.1:1/", "2026-01-01T00:00:00Z"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(
        st.sampled_from([
            "status", "authorizations", "identifier", "identifiers", "challenges", "type", "value",
            "url", "token", "error", "detail", "subproblems", "finalize", "certificate", "expires",
            "meta", "profiles", "newOrder", "newNonce", "newAccount", "renewalInfo", "start",
            "suggestedWindow", "end", "externalAccountRequired", "validated", "wildcard",
        ]), inner, max_size=6),
    max_leaves=12,
)  # fmt: skip


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(value=ANY_JSON, status=st.sampled_from([200, 400]), step=st.integers(0, 6))
def test_any_json_gives_a_result_or_a_problem(
    local: LocalDirectory, value: Any, status: int, step: int
) -> None:
    local.forgive()
    local.window = (1.0, 2.0)
    directory = opened(local)
    directory.register([], None)
    order = directory.place(["a.example"], None, None)
    steps: list[tuple[str, Callable[[], object]]] = [
        ("order", lambda: directory.state(order)),
        ("order", lambda: directory.challenges(order)),
        ("order", lambda: directory.finalize(order, b"", 0)),
        ("authorization", lambda: directory.challenges(order)),
        ("authorization", lambda: directory.validate(order, 0)),
        ("directory", lambda: opened(local).register([], None)),
        ("renewal", lambda: directory.renewal_window("a.b")),
    ]
    path, call = steps[step]
    local.fail(path, document(value, None, status))
    with suppress(AcmeProblem):
        call()


def test_a_closed_port_is_a_problem(local: LocalDirectory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/directory"
    found = problem(
        lambda: Directory(url, KEY, None, ca_file=local.ca_file, timeout=30, clock=CLOCK).register(
            [], None
        )
    )
    assert found.message == f"{url} cannot be reached: Connection refused"


def test_a_server_that_does_not_speak_tls_is_a_problem(local: LocalDirectory) -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        url = f"https://127.0.0.1:{listener.getsockname()[1]}/directory"
        silent = Directory(url, KEY, None, ca_file=local.ca_file, timeout=SHORT, clock=CLOCK)
        begin = time.monotonic()
        found = problem(lambda: silent.register([], None))
        assert found.message == f"{url} cannot be reached: no answer in 0.5 seconds"
        assert time.monotonic() - begin < 5


@pytest.mark.parametrize("is_system", [False, True])
def test_only_the_given_ca_is_trusted(
    local: LocalDirectory,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    is_system: bool,
) -> None:
    """Whatever variables the environment has."""
    monkeypatch.setenv("REQUESTS_CA_BUNDLE", str(local.ca_file))
    monkeypatch.setenv("CURL_CA_BUNDLE", str(local.ca_file))
    other = tmp_path / "other.pem"
    other.write_text(Authority("Another Root").pem)
    trust = None if is_system else other
    found = problem(
        lambda: Directory(local.url, KEY, None, ca_file=trust, timeout=30, clock=CLOCK).register(
            [], None
        )
    )
    assert found.message.startswith(f"{local.url} cannot be reached: TLS: ")
    assert "certificate verify failed" in found.message
    assert local.seen == []


def test_a_pipe_is_not_a_file_of_cas(local, tmp_path: Path) -> None:
    """Opening it would wait for somebody who writes to it, and the next orders with it."""
    os.mkfifo(tmp_path / "pipe")
    found = problem(
        lambda: Directory(local.url, KEY, None, ca_file=tmp_path / "pipe", timeout=30, clock=CLOCK)
    )
    assert found.message == f"{tmp_path / 'pipe'}: not a regular file"


def test_the_passwords_in_netrc_are_sent_neither_to_the_ca_nor_to_where_it_leads(
    local: LocalDirectory, directory: Directory, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not after a redirect either."""
    file = tmp_path / "netrc"
    file.write_text("machine 127.0.0.1 login user password secret\n")
    file.chmod(0o600)
    monkeypatch.setenv("NETRC", str(file))
    local.fail("directory", Reply(302, b"", {"Location": f"{local.base}/directory"}))
    directory.place(["a.example"], None, None)
    assert local.passwords == []


def test_a_proxy_of_the_environment_is_used(
    local: LocalDirectory, directory: Directory, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("https_proxy", "http://127.0.0.1:1")
    found = problem(lambda: directory.place(["a.example"], None, None))
    assert "Connection refused" in found.message
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    directory.place(["a.example"], None, None)


def test_a_certificate_for_another_host_is_not_trusted(local: LocalDirectory) -> None:
    url = local.url.replace("127.0.0.1", "localhost")
    found = problem(
        lambda: Directory(url, KEY, None, ca_file=local.ca_file, timeout=30, clock=CLOCK).register(
            [], None
        )
    )
    assert "TLS: " in found.message
    assert "certificate is not valid for 'localhost'" in found.message


@pytest.mark.parametrize("content", [None, "", "no certificate"])
def test_an_unusable_ca_file_is_reported_by_name(tmp_path: Path, content: str | None) -> None:
    path = tmp_path / "ca.pem"
    if content is not None:
        path.write_text(content)
    found = problem(
        lambda: Directory("https://127.0.0.1:1/", KEY, None, ca_file=path, timeout=30, clock=CLOCK)
    )
    assert found.message.startswith(f"{path}: ")


@pytest.mark.parametrize(
    "text",
    [
        pytest.param("no key", id="no key"),
        pytest.param(key_pem(make_key("ed25519")), id="Ed25519"),
        pytest.param(key_pem(make_key("ec224")), id="another curve"),
    ],
)
def test_a_key_that_cannot_sign_is_not_shown(text: str) -> None:
    found = problem(
        lambda: Directory(
            "https://127.0.0.1:1/", Secret(text), None, ca_file=None, timeout=30, clock=CLOCK
        )
    )
    assert found.message.startswith("the account's key cannot be used for ACME")


def test_a_directory_without_https_is_never_asked(local: LocalDirectory) -> None:
    url = local.url.replace("https", "http")
    found = problem(
        lambda: Directory(url, KEY, None, ca_file=local.ca_file, timeout=30, clock=CLOCK).register(
            [], None
        )
    )
    assert "an invalid answer" in found.message
    assert local.seen == []


def test_no_problem_contains_the_key(local: LocalDirectory) -> None:
    """Nor does an exception that caused it."""
    directory = opened(local)
    directory.register([], None)
    local.fail("orders", HTML)
    found: BaseException | None = problem(lambda: directory.place(["a.example"], None, None))
    body = "".join(KEY.reveal().split("\n")[1:-2])
    for _ in range(10):
        if found is None:
            break
        assert body[:40] not in repr(found) + repr(vars(found))
        found = found.__cause__ or found.__context__


@pytest.mark.parametrize("what", ["a wait", "a request"])
def test_a_call_can_be_stopped(local: LocalDirectory, what: str) -> None:
    """Even with a whole minute left; and nothing is requested any more."""
    directory = opened(local)
    directory.register([], None)
    order = directory.place(["a.example"], None, None)
    if what == "a wait":
        local.validating, local.retry_after = 1000, "30"
    else:
        local.fail("authorization", stall)
    timer = threading.Timer(0.3, directory.stop)
    timer.start()
    begin = time.monotonic()
    found = problem(lambda: directory.validate(order, MINUTE))
    assert time.monotonic() - begin < 5
    assert "this server is being stopped" in found.message
    local.seen.clear()
    problem(lambda: directory.state(order))
    assert local.seen == []


def test_a_window_is_an_immutable_value() -> None:
    assert Window(1.0, 2.0, 3.0) == Window(1.0, 2.0, 3.0)
