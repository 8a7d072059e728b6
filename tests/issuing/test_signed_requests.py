"""Signed requests to an ACME directory: nonces, the cached directory, and one kind of exception."""

from __future__ import annotations

from pathlib import Path

import pytest
from acme import messages
from authority import key_pem, make_key
from directories import LocalDirectory, Reply, refusal
from requests import Response

from failoverdns.issuing.problems import AcmeProblem
from failoverdns.issuing.signed_requests import SignedRequests
from failoverdns.model.certificate import Secret

KEY = Secret(key_pem(make_key("ec256")))
BAD_NONCE = refusal(400, "badNonce", "not that one")


@pytest.fixture
def signed(local: LocalDirectory) -> SignedRequests:
    """Return the requests of a new account, before the first one."""
    return SignedRequests(local.url, KEY, None, local.ca_file, 10.0)


def register(signed: SignedRequests) -> Response:
    """Open the account, and return the response."""
    url = signed.directory()["newAccount"]
    body = messages.NewRegistration(terms_of_service_agreed=True)
    return signed.post(url, body)


def test_nothing_is_requested_before_the_first_call(
    local: LocalDirectory, signed: SignedRequests
) -> None:
    assert signed.https.asked == ""
    assert local.seen == []


def test_the_directory_is_requested_once(local: LocalDirectory, signed: SignedRequests) -> None:
    with signed.bounded():
        assert signed.directory() is signed.directory()
    assert local.seen == ["GET /directory"]


def test_the_directory_is_requested_again_after_a_failure(
    local: LocalDirectory, signed: SignedRequests
) -> None:
    """Its URLs may be the cause of the failure."""
    with signed.bounded():
        before = signed.directory()
    with pytest.raises(AcmeProblem), signed.bounded():
        signed.get(f"{local.base}/nowhere")
    with signed.bounded():
        assert signed.directory() is not before
    assert local.seen.count("GET /directory") == 2


def test_a_request_with_a_refused_nonce_is_sent_again(
    local: LocalDirectory, signed: SignedRequests
) -> None:
    local.fail("account", *[BAD_NONCE] * 4)
    with signed.bounded():
        assert register(signed).status_code == 201
    assert local.seen.count("POST /account") == 5


def test_a_request_is_given_up_when_every_nonce_is_refused(
    local: LocalDirectory, signed: SignedRequests
) -> None:
    local.fail("account", *[BAD_NONCE] * 50)
    with pytest.raises(AcmeProblem) as caught, signed.bounded():
        register(signed)
    assert caught.value.code == "badNonce"
    assert 5 <= local.seen.count("POST /account") <= 10


def test_any_other_refusal_is_not_sent_again(local: LocalDirectory, signed: SignedRequests) -> None:
    local.fail("account", refusal(403, "unauthorized", "no"))
    with pytest.raises(AcmeProblem) as caught, signed.bounded():
        register(signed)
    assert caught.value.code == "unauthorized"
    assert local.seen.count("POST /account") == 1


def test_an_invalid_directory_is_a_problem_of_its_url(
    local: LocalDirectory, signed: SignedRequests
) -> None:
    local.fail("directory", Reply(200, b"[]"))
    with pytest.raises(AcmeProblem) as caught, signed.bounded():
        signed.directory()
    assert caught.value.message.startswith(f"{local.url}: an invalid answer")


def test_without_time_left_nothing_is_requested(local: LocalDirectory) -> None:
    """The time is the deadline plus the time-out of one request: together zero here."""
    signed = SignedRequests(local.url, KEY, None, local.ca_file, 5.0)
    with pytest.raises(AcmeProblem) as caught, signed.bounded(-5.0):
        signed.directory()
    assert local.seen == []
    assert caught.value.is_passing


def test_requests_are_signed_as_the_given_account(
    local: LocalDirectory, signed: SignedRequests
) -> None:
    """Without an account the key itself signs, which the CA accepts only for opening one."""
    with signed.bounded():
        account = register(signed).headers["Location"]
    for uri, message in (
        (None, "the account does not exist"),
        (account, "no such order"),
        (f"{account}0", "the account does not exist"),
    ):
        signed.sign_as(uri)
        with pytest.raises(AcmeProblem, match=message), signed.bounded():
            signed.post(f"{local.base}/order/0", None)


def test_an_unreadable_ca_file_is_a_problem(local: LocalDirectory, tmp_path: Path) -> None:
    missing = tmp_path / "missing.pem"
    with pytest.raises(AcmeProblem, match=r"missing\.pem: No such file or directory"):
        SignedRequests(local.url, KEY, None, missing, 10.0)
