"""Certificates from pebble, the ACME server with which Let's Encrypt tests clients."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from answers import Answers
from cryptography import x509
from pebble import Pebble

from failoverdns.issuing.directory import CLOCK, AcmeProblem, Directory
from failoverdns.issuing.problems import NO_ACCOUNT
from failoverdns.model.certificate import Secret
from failoverdns.pki.key_pairs import new_key, signing_request

MINUTE = 60.0


@pytest.fixture(scope="module")
def answers() -> Iterator[Answers]:
    with Answers() as found:
        yield found


@pytest.fixture(scope="module", params=[False, True], ids=["default", "strict"])
def pebble(
    request: pytest.FixtureRequest, answers: Answers, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Pebble]:
    folder: Path = tmp_path_factory.mktemp("pebble")
    with Pebble(folder, answers.port, strict=request.param) as running:
        yield running


@pytest.fixture
def key() -> Secret:
    return new_key("ec256")


def request_for(*names: str) -> bytes:
    """Return a signing request with a new key."""
    return signing_request(new_key("ec256"), names)


def opened(pebble: Pebble, key: Secret) -> Directory:
    """Return a directory in which an account is registered."""
    directory = Directory(
        pebble.directory, key, None, ca_file=pebble.ca_file, timeout=30, clock=CLOCK
    )
    directory.register(["hostmaster@failover.example"], None)
    return directory


def issue(directory: Directory, answers: Answers, *names: str) -> str:
    """Place, validate and finalize an order; return the chain."""
    order = directory.place(names, None, None)
    answers.serve(directory.challenges(order))
    directory.validate(order, MINUTE)
    return directory.finalize(order, request_for(*names), MINUTE)


def names_in(chain: str) -> set[str]:
    """Return the names of the first certificate of a chain."""
    leaf = x509.load_pem_x509_certificates(chain.encode())[0]
    found = leaf.extensions.get_extension_for_class(x509.SubjectAlternativeName).value
    return {str(name.value) for name in found}


def test_a_certificate_is_issued_for_a_name(pebble: Pebble, answers: Answers, key: Secret) -> None:
    """The chain leads to the CA's root, and pebble queries the name of the challenge."""
    chain = issue(opened(pebble, key), answers, "plain.failover.example")
    assert names_in(chain) == {"plain.failover.example"}
    assert "_acme-challenge.plain.failover.example TXT" in answers.asked
    leaf, *above = x509.load_pem_x509_certificates(chain.encode())
    (root,) = x509.load_pem_x509_certificates(pebble.roots().encode())
    for below, issuer in zip([leaf, *above], [*above, root], strict=True):
        below.verify_directly_issued_by(issuer)


def test_the_challenges_of_a_wildcard_and_its_base_have_the_same_owner_name(
    pebble: Pebble, answers: Answers, key: Secret
) -> None:
    directory = opened(pebble, key)
    names = ("both.failover.example", "*.both.failover.example")
    order = directory.place(names, None, None)
    asked = directory.challenges(order)
    assert {name for name, _ in asked} == {"both.failover.example"}
    assert len({value for _, value in asked}) == 2
    answers.serve(asked)
    directory.validate(order, MINUTE)
    assert names_in(directory.finalize(order, request_for(*names), MINUTE)) == set(names)


def test_a_cname_can_delegate_a_challenge(pebble: Pebble, answers: Answers, key: Secret) -> None:
    directory = opened(pebble, key)
    owner = "www.customer.example._acme-challenge.failover.example"
    answers.aliases["_acme-challenge.www.customer.example"] = owner
    order = directory.place(["www.customer.example"], None, None)
    answers.texts[owner] = [value for _, value in directory.challenges(order)]
    directory.validate(order, MINUTE)
    assert directory.state(order) == "ready"


def test_a_wrong_challenge_value_is_reported_with_the_value_the_ca_found(
    pebble: Pebble, answers: Answers, key: Secret
) -> None:
    directory = opened(pebble, key)
    order = directory.place(["wrong.failover.example"], None, None)
    answers.texts["_acme-challenge.wrong.failover.example"] = ["another-value"]
    with pytest.raises(AcmeProblem) as caught:
        directory.validate(order, MINUTE)
    assert caught.value.names == ("wrong.failover.example",)
    assert caught.value.message.startswith("the CA says: wrong.failover.example: unauthorized: ")
    assert re.search(r"another-value|Correct value not found", caught.value.message)
    assert directory.state(order) == "invalid"
    for step in (
        lambda: directory.challenges(order),
        lambda: directory.validate(order, MINUTE),
        lambda: directory.finalize(order, b"", MINUTE),
    ):
        with pytest.raises(AcmeProblem, match=r"wrong\.failover\.example: unauthorized"):
            step()


def test_a_missing_challenge_is_reported(pebble: Pebble, answers: Answers, key: Secret) -> None:
    directory = opened(pebble, key)
    order = directory.place(["none.failover.example"], None, None)
    with pytest.raises(AcmeProblem, match=r"none\.failover\.example: ") as caught:
        directory.validate(order, MINUTE)
    assert caught.value.names == ("none.failover.example",)


def test_an_order_can_be_continued_after_a_restart(
    pebble: Pebble, answers: Answers, key: Secret
) -> None:
    """Each step works in a new process that knows only the URLs of the account and the order."""
    uri = opened(pebble, key).register([], None)

    def again() -> Directory:
        return Directory(
            pebble.directory, key, uri, ca_file=pebble.ca_file, timeout=30, clock=CLOCK
        )

    name = "continued.failover.example"
    request = request_for(name)
    order = again().place([name], None, None)
    assert again().state(order) == "pending"
    asked = again().challenges(order)
    assert again().challenges(order) == asked
    answers.serve(asked)
    again().validate(order, MINUTE)
    again().validate(order, MINUTE)
    assert again().challenges(order) == ()
    assert again().state(order) == "ready"
    chain = again().finalize(order, request, MINUTE)
    assert again().state(order) == "valid"
    assert again().finalize(order, request, MINUTE) == chain


def test_an_order_cannot_be_finalized_before_it_is_validated(pebble: Pebble, key: Secret) -> None:
    directory = opened(pebble, key)
    order = directory.place(["early.failover.example"], None, None)
    with pytest.raises(AcmeProblem, match="is not validated yet"):
        directory.finalize(order, request_for("early.failover.example"), MINUTE)


def test_a_signing_request_for_other_names_is_rejected(
    pebble: Pebble, answers: Answers, key: Secret
) -> None:
    directory = opened(pebble, key)
    order = directory.place(["one.failover.example"], None, None)
    answers.serve(directory.challenges(order))
    directory.validate(order, MINUTE)
    with pytest.raises(AcmeProblem, match=r"the CA says: (unauthorized|badCSR): "):
        directory.finalize(order, request_for("two.failover.example"), MINUTE)


def test_an_unknown_order_is_a_problem(pebble: Pebble, key: Secret) -> None:
    directory = opened(pebble, key)
    order = directory.place(["gone.failover.example"], None, None)
    with pytest.raises(AcmeProblem):
        directory.state(order[:-4] + "none")


def test_an_account_that_pebble_does_not_know_is_told_from_other_problems(
    pebble: Pebble, key: Secret
) -> None:
    """As after a restart of the CA with an empty state."""
    lost = opened(pebble, key).register([], None) + "0"
    directory = Directory(
        pebble.directory, key, lost, ca_file=pebble.ca_file, timeout=30, clock=CLOCK
    )
    with pytest.raises(AcmeProblem) as caught:
        directory.place(["lost.failover.example"], None, None)
    assert caught.value.code == NO_ACCOUNT


def test_registering_the_same_key_again_finds_the_account(pebble: Pebble, key: Secret) -> None:
    uri = opened(pebble, key).register(["another@failover.example"], None)
    assert opened(pebble, key).register([], None) == uri
    assert opened(pebble, new_key("ec256")).register([], None) != uri


@pytest.mark.parametrize("key_type", ["ec384", "rsa2048"])
def test_accounts_may_have_other_key_types(pebble: Pebble, answers: Answers, key_type: str) -> None:
    directory = opened(pebble, new_key(key_type))
    name = f"{key_type}.failover.example"
    assert names_in(issue(directory, answers, name)) == {name}


def test_pebble_offers_no_renewal_information(pebble: Pebble, key: Secret) -> None:
    assert opened(pebble, key).renewal_window("a.b") is None


def test_a_name_that_is_validated_already_needs_no_challenge(
    pebble: Pebble, answers: Answers, key: Secret
) -> None:
    """Pebble reuses an earlier validation of a name in half of all cases."""
    directory = opened(pebble, key)
    name = "reused.failover.example"
    issue(directory, answers, name)
    for _ in range(20):
        order = directory.place([name], None, None)
        if not directory.challenges(order):
            break
    else:
        pytest.fail("pebble never reused a validation")
    directory.validate(order, MINUTE)
    assert names_in(directory.finalize(order, request_for(name), MINUTE)) == {name}
