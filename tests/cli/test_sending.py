"""The command line: its exit statuses, standard output and standard error."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest
from click.testing import CliRunner, Result

from failoverdns.cli.main import cli

REFUSAL: dict[str, Any] = {
    "ok": False,
    "error": {
        "code": "refused",
        "message": "nothing was switched: target-down (shop)",
        "rules": [{"rule": "target-down", "message": "us is down", "group": "shop"}],
    },
}
PREFLIGHT = {
    "group": "shop",
    "to": "backup",
    "changed": True,
    "passed": True,
    "checks": [{"check": "targets", "result": "ok", "message": "198.51.100.1"}],
}


def ok(result: dict[str, Any]) -> dict[str, Any]:
    """Return the reply to a request that was carried out."""
    return {"ok": True, "revision": 7, "result": result}


@contextmanager
def serving(path: Path, *replies: dict[str, Any]) -> Iterator[list[dict[str, Any]]]:
    """Run a server that sends these replies, one for each connection; yield its requests."""
    requests: list[dict[str, Any]] = []

    def serve() -> None:
        for reply in replies:
            with listener.accept()[0] as client:
                requests.append(json.loads(client.recv(10000)))
                client.sendall(json.dumps(reply).encode() + b"\n")

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))
        listener.listen()
        listener.settimeout(10)
        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield requests
        finally:
            thread.join(10)


def run(path: Path, *words: str) -> Result:
    """Run a command line."""
    return CliRunner().invoke(cli, ["--socket", str(path), "--timeout", "10", *words])


def test_a_result_is_printed_and_the_exit_status_is_0(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, ok({"removed": "us"})) as requests:
        done = run(path, "application", "remove", "us")
    assert (done.exit_code, done.stdout, done.stderr) == (0, "removed us\n", "")
    assert requests == [{"command": "application remove", "name": "us"}]


def test_a_refusal_goes_to_standard_error_and_the_exit_status_is_1(tmp_path: Path) -> None:
    path = tmp_path / "s"
    with serving(path, REFUSAL):
        done = run(path, "switch", "shop")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == (
        "refused: nothing was switched: target-down (shop)\n  target-down: us is down\n"
    )


def test_with_json_a_refusal_is_printed_as_the_reply_and_the_exit_status_is_1(
    tmp_path: Path,
) -> None:
    path = tmp_path / "s"
    with serving(path, REFUSAL):
        done = run(path, "--json", "switch", "shop")
    assert (done.exit_code, done.stderr) == (1, "")
    assert json.loads(done.stdout) == REFUSAL


@pytest.mark.parametrize(("passed", "status"), [(True, 0), (False, 1)])
def test_a_failed_preflight_has_the_exit_status_1(
    tmp_path: Path, passed: bool, status: int
) -> None:
    """So a script does not need to parse the output."""
    path = tmp_path / "s"
    with serving(path, ok({**PREFLIGHT, "passed": passed})):
        done = run(path, "preflight", "shop")
    assert done.exit_code == status
    assert done.stdout.startswith("shop: a switch to backup: ")


def test_an_unknown_outcome_has_the_exit_status_4(tmp_path: Path) -> None:
    path = tmp_path / "s"
    error = {"code": "unknown-outcome", "message": "the disk did not answer"}
    with serving(path, {"ok": False, "error": error}):
        done = run(path, "switch", "shop")
    assert (done.exit_code, done.stderr) == (4, "unknown-outcome: the disk did not answer\n")


def test_without_a_reply_the_exit_status_is_4(tmp_path: Path) -> None:
    """The message names the command that shows what happened."""
    path = tmp_path / "s"
    with socket.socket(socket.AF_UNIX) as deaf:
        deaf.bind(str(path))
        deaf.listen()
        done = CliRunner().invoke(cli, ["--socket", str(path), "--timeout", "0.05", "status"])
    assert (done.exit_code, done.stdout) == (4, "")
    assert done.stderr == (
        "outcome unknown: no reply within 0.05 s. Check with `failoverdns history`\n"
    )


def test_without_a_server_the_exit_status_is_3(tmp_path: Path) -> None:
    done = run(tmp_path / "missing", "status")
    assert (done.exit_code, done.stdout) == (3, "")
    assert "there is no such socket" in done.stderr


def test_wrong_usage_has_the_exit_status_2(tmp_path: Path) -> None:
    """No server is contacted."""
    assert run(tmp_path / "missing", "switch").exit_code == 2


def test_a_configuration_with_errors_has_the_exit_status_1(tmp_path: Path) -> None:
    file = tmp_path / "failoverdns.yaml"
    file.write_text("zones: 7\n")
    done = CliRunner().invoke(cli, ["check-config", str(file)])
    assert done.exit_code == 1
    assert "zones" in done.stdout


def test_an_export_is_requested_in_parts(tmp_path: Path) -> None:
    path = tmp_path / "s"
    pieces = [
        ok({"export": [{"revision": 1}, {"revision": 2}], "more": True}),
        ok({"export": [{"revision": 3}], "more": False}),
    ]
    with serving(path, *pieces) as requests:
        done = run(path, "history", "--export")
    assert done.exit_code == 0
    assert [json.loads(line)["revision"] for line in done.stdout.splitlines()] == [1, 2, 3]
    assert requests == [
        {"command": "history", "export": True},
        {"command": "history", "export": True, "since": 2},
    ]


def test_waiting_for_a_certificate_reports_progress_on_standard_error(tmp_path: Path) -> None:
    """When the certificate is issued, it is printed."""
    path = tmp_path / "s"
    pending = {"id": "o1", "failures": 0, "state": "pending", "names": ["www.shop.example"]}
    issued = {
        "application": "eu",
        "role": "online",
        "kind": "acme",
        "names": ["www.shop.example"],
        "issuer": "CN=Test",
        "key_type": "ecdsa-p256",
        "not_before": "2027-01-15T08:00:00Z",
        "not_after": "2027-04-15T08:00:00Z",
        "fingerprint": "ab" * 32,
        "chain_length": 2,
        "installed_at": "2027-01-15T08:00:00Z",
        "transferred_from": None,
        "renewal": {"allowed": True, "by": "failoverdns", "due_at": None},
        "warnings": [],
    }
    requested = {"application": "eu", "order": pending}
    with serving(path, ok(requested), ok(issued)) as requests:
        done = run(path, "certificate", "request", "eu", "--wait")
    assert done.exit_code == 0, done.output
    assert "names:      www.shop.example\n" in done.stdout
    assert [request["command"] for request in requests] == [
        "certificate request",
        "certificate show",
    ]


def test_a_certificate_that_is_not_issued_has_the_exit_status_1(tmp_path: Path) -> None:
    path = tmp_path / "s"
    pending = {"id": "o1", "failures": 0, "state": "pending", "names": ["www.shop.example"]}
    failed = {**pending, "failures": 1, "problem": "no such CAA", "retry_at": "later"}
    requested = {"application": "eu", "order": pending}
    with serving(path, ok(requested), ok({"application": "eu", "order": failed})):
        done = run(path, "certificate", "request", "eu", "--wait")
    assert (done.exit_code, done.stdout) == (1, "")
    assert done.stderr == "eu: no such CAA\nthe next try is at later\n"
