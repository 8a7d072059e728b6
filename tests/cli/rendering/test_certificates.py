"""Certificates as printed for people, from real replies of the server."""

from __future__ import annotations

import time

import pytest
from authority import DAY, Authority, Issued, pem
from console import Console
from driving import run

from failoverdns.model.change import Json
from failoverdns.model.commands.certificates import FailOrder, IssueCertificate, RequestCertificate
from failoverdns.model.delivery import Fetch
from failoverdns.pki.anchors import read_anchors
from failoverdns.pki.certificates import read_bundle

HOSTNAME = "shop.failover.test"
ROOT = Authority("Test Root")
CA = Authority("Test Root Intermediate", ROOT)


@pytest.fixture
def issued() -> Issued:
    """Return a certificate for the group's hostname and one more name."""
    return CA.issue(HOSTNAME, "www.shop.example")


@pytest.fixture
def console(console: Console) -> Console:
    """Return a console at the present time, for which certificates are made."""
    console.corridor.now = time.time()
    console.anchors = read_anchors([ROOT.pem.encode()])
    return console


def install(application: str, issued: Issued) -> dict[str, Json]:
    """Return the request that installs a certificate."""
    return {
        "command": "certificate install",
        "application": application,
        "chain": issued.chain,
        "key": issued.key,
    }


def issue(console: Console, issued: Issued, *names: str) -> None:
    """Issue a certificate to `eu`."""
    order = console.corridor.do(RequestCertificate("eu", names)).result["order"]
    assert isinstance(order, dict)
    bundle, facts = read_bundle(issued.chain, issued.key)
    console.corridor.do(IssueCertificate(str(order["id"]), bundle, facts))


def fields(shown: str) -> dict[str, str]:
    """Return the lines of a printed certificate by their labels."""
    lines = (line.strip().partition(":") for line in shown.splitlines()[1:])
    return {label: text.strip() for label, _, text in lines}


def test_an_installed_certificate_is_shown_with_its_facts(console: Console, issued: Issued) -> None:
    shown = console.shown(install("eu", issued))
    assert shown.splitlines()[0] == "eu (online)"
    assert console.shown("certificate show eu") == shown
    found = fields(shown)
    assert list(found) == [
        *("names", "kind", "issuer", "key", "valid", "SHA-256", "chain", "since", "renewed by"),
    ]
    assert found["names"] == f"{HOSTNAME}, www.shop.example"
    assert found["kind"] == "custom"
    assert found["issuer"] == "CN=Test Root Intermediate"
    assert found["key"] == "ECDSA P-256"
    assert found["SHA-256"] == issued.fingerprint
    assert found["chain"] == "2 certificate(s)"
    assert found["renewed by"] == "the operator"
    begin, _, end = found["valid"].partition(" to ")
    assert begin < found["since"] < end


def test_an_issued_certificate_is_shown_with_the_time_of_its_renewal(
    console: Console, issued: Issued
) -> None:
    issue(console, issued, HOSTNAME, "www.shop.example")
    found = fields(console.shown("certificate show eu"))
    assert found["kind"] == "acme"
    assert found["renewed by"].startswith("failoverdns, at 20")


def test_a_transferred_certificate_is_shown_with_its_source(
    console: Console, issued: Issued
) -> None:
    console.do(install("eu", issued), "switch shop")
    assert fields(console.shown("certificate show us"))["since"].endswith(", from eu")


def test_an_order_is_shown_with_its_names_and_its_failure_as_a_warning(console: Console) -> None:
    shown = console.shown("certificate request eu")
    assert fields(shown)["order"] == f"new: {HOSTNAME}"
    assert "names" not in fields(shown)
    (order,) = console.corridor.ledger.state.orders()
    console.corridor.do(FailOrder(order.id, "the CA is away"))
    shown = console.shown("certificate show eu")
    assert fields(shown)["order"] == f"failed: {HOSTNAME}"
    assert "\n  warning: " in shown
    assert "the CA is away" in shown


def test_fetches_are_shown_with_the_client_and_the_fingerprint(
    console: Console, issued: Issued
) -> None:
    console.do(install("eu", issued))
    state = console.corridor.ledger.state
    application = state.application_named("eu")
    assert application is not None
    fetch = Fetch(0.0, application.id, "web1", "192.0.2.9", issued.fingerprint, "pem")
    run(console.corridor.store.record_fetch(fetch))
    assert (
        "\n  fetched by web1 from 192.0.2.9 at 1970-01-01T00:00:00.000Z: "
        f"{issued.fingerprint[:16]}\n"
    ) in console.shown("certificate show eu")


def test_certificates_and_orders_are_printed_as_a_table(console: Console, issued: Issued) -> None:
    assert console.shown("certificate list") == (
        "no certificates yet: `failoverdns certificate install` or `request`\n"
    )
    console.do("certificate request eu")
    (ordered,) = console.table("certificate list")
    assert ordered == ["eu", "online", "-", f"({HOSTNAME})", "new", "-"]
    console.do(install("us", issued))
    _, installed, name, *_ = console.table("certificate list")
    assert installed[:4] == ["us", "offline", "custom", HOSTNAME]
    assert installed[5] == issued.fingerprint[:16]
    assert name == ["www.shop.example"]


def test_the_warnings_of_a_certificate_are_shown(console: Console) -> None:
    console.do(install("eu", CA.issue("other.example", lasts=2 * DAY)))
    warnings = [
        line for line in console.shown("certificate show eu").splitlines() if "warning: " in line
    ]
    assert warnings
    words = warnings[0].partition("warning: ")[2].split()
    assert " ".join(words[:3]) in console.shown("certificate list")


def checked(console: Console, check: str) -> tuple[str, str]:
    """Return the result and the message of one check of `preflight`."""
    checks = console.reply("preflight shop")["result"]["checks"]
    ((result, message),) = [(c["result"], c["message"]) for c in checks if c["check"] == check]
    return result, message


def test_an_unusual_certificate_is_taken_and_its_warnings_are_shown_everywhere(
    console: Console,
) -> None:
    """It is made as `openssl req -x509` makes one: signed by itself, with CA:TRUE."""
    own = Authority("x")
    made = own.issue("x.example", key=own.key, common_name="x", ca=True)
    warning = "it is signed by itself: clients refuse it unless they trust it"
    assert f"warning: {warning}" in console.shown(install("eu", made))
    assert f"warning: {warning}" in console.shown("certificate show eu")
    assert f"eu: certificate: {warning}\n" in console.shown("status")
    console.do(install("us", made))
    assert console.shown("status").count(f"eu, us: certificate: {warning}\n") == 1
    result, message = checked(console, "chain")
    assert (result, message.startswith(warning)) == ("warning", True)
    console.anchors = read_anchors([made.leaf.encode()])
    assert warning not in console.shown(install("eu", made))


def test_a_chain_that_clients_refuse_is_not_installed(console: Console) -> None:
    """It has the certificate of its CA that has expired, or one that ends before the leaf."""
    issued = CA.issue(HOSTNAME, lasts=3000 * DAY)
    old, short = (
        Authority("Test Root Intermediate", ROOT, starts=-9 * DAY, lasts=days * DAY)
        for days in (8, 1000)
    )
    given = {**install("eu", issued), "chain": issued.leaf + old.pem}
    reply = console.reply(given)
    assert reply["error"]["code"] == "invalid"
    assert (
        "chain: certificate 2 (CN=Test Root Intermediate) expired at" in reply["error"]["message"]
    )
    shown = console.shown({**given, "chain": issued.leaf + pem(short.certificate)})
    end = short.certificate.not_valid_after_utc.strftime("%Y-%m-%dT%H:%M:%S")
    assert fields(shown)["valid"].partition(" to ")[2].startswith(end)
    assert f"valid until {end}" in checked(console, "expiry")[1]
    console.corridor.now += 992 * DAY
    assert checked(console, "expiry")[0] == "failed"
    assert checked(console, "chain")[0] == "failed"


def test_the_cname_record_that_a_customer_needs_is_printed_alone(console: Console) -> None:
    assert console.shown("certificate challenge-name www.customer.example") == (
        "_acme-challenge.www.customer.example. IN CNAME "
        "www.customer.example._acme-challenge.failover.test.\n"
    )


def test_a_rotation_of_the_vault_key_prints_the_number_of_private_keys(
    console: Console, issued: Issued
) -> None:
    """The field `rotated` of the reply counts the private keys of all applications."""
    assert console.reply("certificate rotate-key")["result"] == {"rotated": 0}
    console.do(install("eu", issued), install("us", CA.issue("other.example")))
    assert console.reply("certificate rotate-key")["result"] == {"rotated": 2}
    assert console.shown("certificate rotate-key") == "2 private key(s) encrypted with a new key\n"


def test_a_failed_rotation_of_the_vault_key_is_refused(console: Console) -> None:
    console.corridor.store.unreachable = True
    error = console.reply("certificate rotate-key")["error"]
    assert error["code"] == "unavailable"
    assert error["message"].startswith("the key could not be rotated, and the old one still works")


def test_a_switch_shows_the_transfer_of_the_certificate(console: Console, issued: Issued) -> None:
    """A dry run and a repeated switch show it too."""
    console.do(install("eu", issued))
    about = f"custom, {HOSTNAME}, www.shop.example, valid until "
    assert f"\n  would get the certificate: {about}" in console.shown("switch shop --dry-run")
    assert f"\n  certificate transferred: {about}" in console.shown("switch shop")
    assert f"\n  has the certificate already: {about}" in console.shown("switch shop")


def test_a_rehearsal_shows_the_transfer_of_the_certificate(
    console: Console, issued: Issued
) -> None:
    console.do(install("eu", issued))
    assert f"\n  certificate: transferred ({HOSTNAME}, www.shop.example)\n" in console.shown(
        "rehearse shop"
    )


def test_a_switch_shows_that_an_application_keeps_its_own_certificate(
    console: Console, issued: Issued
) -> None:
    console.do(install("us", issued))
    assert "\n  keeps its own certificate: custom, " in console.shown("switch shop")


def test_a_switch_shows_that_an_expired_certificate_does_not_replace_a_valid_one(
    console: Console, issued: Issued
) -> None:
    short = CA.issue(HOSTNAME, "www.shop.example", lasts=2 * DAY)
    console.do(install("eu", short), install("us", issued))
    console.corridor.now += 2 * DAY
    assert "\n  keeps its own certificate: custom, " in console.shown("switch shop")


def test_a_switch_to_a_certificate_with_other_names_shows_a_warning_if_overridden(
    console: Console, issued: Issued
) -> None:
    console.do(install("eu", issued), install("us", CA.issue("other.example")))
    shown = console.shown("switch shop --override certificate-names")
    assert "\n  keeps its own certificate, nothing was transferred: custom, other.example" in shown
    assert "\n  warning: the certificate on the side" in shown
    assert "\n  overridden: certificate-names\n" in shown


def test_preflight_shows_every_check_and_whether_all_passed(
    console: Console, issued: Issued
) -> None:
    console.do(install("eu", issued))
    lines = console.shown("preflight shop").splitlines()
    assert lines[0] == "shop: a switch to backup: passed"
    assert "  ok      application: us" in lines
    assert "  ok      targets:     198.51.100.1" in lines
    console.do("head remove us lb --override target-empty")
    lines = console.shown("preflight shop").splitlines()
    assert lines[0] == "shop: a switch to backup: failed"
    assert "  failed  targets:     it resolves to nothing" in lines
    assert console.shown("preflight shop --to primary").startswith(
        "shop: already on primary: passed\n"
    )
