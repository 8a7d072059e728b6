"""Certificates from end to end: install, transfer, preflight, key rotation, and secrecy of keys."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import DAY, Issued, make_authority
from system.server import CONFIG, Server, wait_for

CA = make_authority()
NAMES = ("414-262-781.failover.test", "www.shop.example")


@pytest.fixture
def issued() -> Issued:
    return CA.issue(*NAMES)


def install(server: Server, application: str, issued: Issued) -> str:
    """Install a certificate with the command line; return what it prints."""
    chain, key = issued.save(server.folder, f"{application}-{issued.fingerprint[:8]}")
    words = ("certificate", "install", application, "--chain", str(chain), "--key", str(key))
    return server.ctl(*words).stdout


def shown(server: Server, application: str) -> dict[str, object]:
    return server.do(command="certificate show", application=application)


def test_a_certificate_is_installed_shown_and_removed(demo: Server, issued: Issued) -> None:
    text = install(demo, "shop-eu", issued)
    assert issued.fingerprint in text
    report = shown(demo, "shop-eu")
    assert report["names"] == sorted(NAMES)
    assert report["kind"] == "custom"
    assert report["issuer"] == "CN=Test Root Intermediate"
    assert report["renewal"] == {"allowed": False, "by": "the operator", "due_at": None}
    assert demo.do(command="certificate list")["certificates"][0]["application"] == "shop-eu"
    assert "shop-eu" in demo.ctl("certificate", "list").stdout
    demo.ctl("certificate", "remove", "shop-eu")
    refused = demo.ask(command="certificate show", application="shop-eu")
    assert refused["error"]["code"] == "not-found"


def test_a_switch_transfers_the_certificate_and_both_survive_a_restart(
    demo: Server, issued: Issued
) -> None:
    install(demo, "shop-eu", issued)
    trial = demo.ctl("switch", "shop", "--dry-run").stdout
    assert "would get the certificate: custom" in trial
    text = demo.ctl("switch", "shop").stdout
    assert "certificate transferred: custom" in text
    demo.stop()
    demo.start()
    report = shown(demo, "shop-us")
    assert (report["fingerprint"], report["transferred_from"]) == (issued.fingerprint, "shop-eu")
    assert "certificate shop-us" in demo.ctl("history", "shop").stdout


def test_a_switch_to_a_certificate_for_other_names_is_refused(demo: Server, issued: Issued) -> None:
    install(demo, "shop-eu", issued)
    install(demo, "shop-us", CA.issue("www.shop.example", "old.shop.example"))
    refused = demo.ctl("switch", "shop", check=False)
    assert refused.returncode == 1
    assert "missing there: 414-262-781.failover.test; extra there: old.shop.example" in (
        refused.stderr
    )
    done = demo.ctl("switch", "shop", "--override", "certificate-names").stdout
    assert "keeps its own certificate, nothing was transferred" in done
    assert "warning: the certificate on the side" in done


def test_preflight_reports_whether_a_switch_would_pass(demo: Server, issued: Issued) -> None:
    """Scripts can use its exit status."""
    install(demo, "shop-eu", issued)
    passed = demo.ctl("preflight", "shop")
    assert "a switch to backup: passed" in passed.stdout
    assert "will be transferred from the active side" in passed.stdout
    install(demo, "shop-us", CA.issue("other.example"))
    failed = demo.ctl("preflight", "shop", check=False)
    assert failed.returncode == 1
    assert "failed  names:" in failed.stdout


def test_a_faulty_certificate_is_rejected_and_nothing_changes(demo: Server, issued: Issued) -> None:
    other = CA.issue(*NAMES, lasts=DAY / 2)
    refused = demo.ask(
        command="certificate install", application="shop-eu", chain=other.chain, key=issued.key
    )
    assert refused["error"]["code"] == "invalid"
    assert "does not belong to the first certificate" in refused["error"]["message"]
    refused = demo.ask(
        command="certificate install", application="shop-eu", chain=other.chain, key=other.key
    )
    assert "the certificate expired at" in refused["error"]["message"]
    missing = demo.ctl(
        "certificate", "install", "shop-eu", "--chain", "/none", "--key", "/none", check=False
    )
    assert (missing.returncode, "No such file" in missing.stderr) == (2, True)


def test_a_certificate_cannot_be_requested_without_a_ca(demo: Server) -> None:
    """The error names the missing configuration, and no order is stored."""
    refused = demo.ask(command="certificate request", application="shop-eu")
    assert refused["error"]["code"] == "refused"
    assert "no CA is configured" in refused["error"]["message"]
    assert demo.do(command="certificate list")["certificates"] == []


def test_the_vault_key_can_be_rotated_while_the_server_runs(demo: Server, issued: Issued) -> None:
    install(demo, "shop-eu", issued)
    before = (demo.folder / "state.db.key").read_bytes()
    assert "1 private key(s)" in demo.ctl("certificate", "rotate-key").stdout
    assert (demo.folder / "state.db.key").read_bytes() != before
    demo.stop()
    demo.start()
    assert "ECDSA P-256, matches" in demo.ctl("preflight", "shop").stdout


def test_without_the_key_file_the_server_does_not_start(demo: Server, issued: Issued) -> None:
    """It does not serve without the stored private keys; the log says that the file is missing."""
    install(demo, "shop-eu", issued)
    demo.stop()
    (demo.folder / "state.db.key").unlink()
    assert demo.launch().wait(30) == 1
    assert "the key file is missing" in demo.log.read_text()


def fragments(issued: Issued) -> list[str]:
    """Return lines and pieces of a private key that are not in the certificate as well."""
    lines = [line for line in issued.key.splitlines() if not line.startswith("-----")]
    body, public = "".join(lines), "".join(issued.chain.split())
    found = [*lines, *(body[at : at + 24] for at in range(0, len(body) - 24, 8))]
    return [text for text in found if len(text) > 20 and text not in public]


CURIOUS = """\
#!/bin/sh
# Store the environment, print the key like a careless hook, and fail so that this is logged.
{ env; echo "$0" "$@"; cat /proc/$$/cmdline /proc/$$/environ; } >>"$(dirname "$0")/told"
cat "$RENEWED_LINEAGE/privkey.pem" 2>/dev/null
fold -w 40 "$RENEWED_LINEAGE/privkey.pem" 2>/dev/null
exit 1
"""


@pytest.fixture
def told(tmp_path: Path) -> Iterator[Server]:
    """Start a server with the group `shop` and hooks that print all that they can read."""
    hook = tmp_path / "curious"
    hook.write_text(CURIOUS)
    hook.chmod(0o755)
    hooks = """\
hooks:
  of-certificates: {run: [curious, --all], events: [certificate], attempts: 1}
  of-switches: {run: [curious, --all], events: [switch, role], attempts: 1}
"""
    running = Server(tmp_path, CONFIG + hooks)
    try:
        running.start().load_demo()
        yield running
    finally:
        running.kill()


def hooks_are_done(server: Server) -> bool:
    """Return whether no hook runs or waits."""
    hooks = server.do(command="status")["hooks"]
    return all(hook["waiting"] == 0 and hook["state"] != "running" for hook in hooks)


def test_no_private_key_leaves_the_vault(told: Server, issued: Issued) -> None:
    """Replies, errors, events, history, the log, input of hooks and files contain no part of it."""
    demo = told
    watcher = demo.connect()
    watcher.ask({"command": "watch"})
    install_request = {
        "command": "certificate install",
        "application": "shop-eu",
        "chain": issued.chain,
        "key": issued.key,
        "op_id": "install-1",
    }
    said = [demo.ask(**install_request), demo.ask(**install_request)]
    wrong = [
        {**install_request, "op_id": "x", "application": "nobody"},
        {**install_request, "op_id": "y", "chain": issued.key},
        {**install_request, "op_id": "z", "chain": issued.chain + issued.key},
        {**install_request, "op_id": "v", "key": issued.key[:-40]},
        {**install_request, "op_id": "w", "key": issued.key.replace("A", "B")},
        {**install_request, "op_id": "u", "more": issued.key},
        {"command": "application add", "name": issued.key},
        {"command": "switch", "groups": ["shop"], "reason": issued.key},
        {"command": issued.key},
    ]
    said += [demo.ask(**request) for request in wrong]
    with demo.connect() as client:  # a key file sent by mistake, line by line
        for line in issued.key.splitlines():
            said.append(client.ask(line.encode() + b"\n"))
    said.append(demo.ask(command="switch", groups=["shop"]))
    for command in ("status", "history", "certificate list", "application list", "records"):
        said.append(demo.ask(command=command))
    said.append(demo.ask(command="certificate show", application="shop-us"))
    demo.do(command="certificate rotate-key")
    said.append(watcher.receive())
    watcher.close()
    wait_for(lambda: hooks_are_done(demo))
    said.append(demo.ask(command="status"))
    assert "certificate shop-us: exit status 1" in json.dumps(said[-1]["result"]["hooks"])
    assert "RENEWED_LINEAGE" in (demo.folder / "told").read_text()
    demo.stop()
    files = [path for path in demo.folder.rglob("*") if path.is_file()]
    texts = [json.dumps(said)] + [path.read_bytes().decode("latin-1") for path in files]
    assert any("CERTIFICATE" in text for text in texts)
    assert len(fragments(issued)) > 8
    for fragment in fragments(issued):
        assert not any(fragment in text for text in texts), fragment
    assert not any(re.search(r"BEGIN [A-Z ]*PRIVATE KEY", text) for text in texts[1:])


def test_a_self_signed_certificate_of_openssl_is_accepted(demo: Server, tmp_path: Path) -> None:
    """Many administrators make such a certificate for a test."""
    words = (
        "openssl req -x509 -newkey rsa:2048 -nodes -days 2 -keyout k.pem -out c.pem -subj /CN=x "
        "-addext subjectAltName=DNS:x.example,IP:192.0.2.1 "
        "-addext basicConstraints=critical,CA:FALSE"
    )
    subprocess.run(
        words.split(),
        cwd=tmp_path,
        check=True,
        capture_output=True,
        timeout=60,
    )
    files = ("--chain", str(tmp_path / "c.pem"), "--key", str(tmp_path / "k.pem"))
    assert "x.example" in demo.ctl("certificate", "install", "shop-eu", *files).stdout
