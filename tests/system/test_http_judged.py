"""TLS and the security headers of the HTTP server, as testssl.sh judges them."""

from __future__ import annotations

import json
import subprocess
from pathlib import Path

from authority import Authority
from system.server import DEADLINE, Server, tool
from system.web import WITHOUT, port, serving

CA = Authority()

OF_THE_TEST = ("cert_", "DNS_CAArecord")
"""Beginnings of the findings about the certificate that the test itself made, and its zone."""

PUBLIC_FILES = "BREACH"
"""It asks for `/`, whose content is public; no reply repeats what a request contained."""

HEADERS = {
    "HSTS_time": "365 days",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Referrer-Policy": "no-referrer",
    "Content-Security-Policy": "default-src 'none'",
}
"""Security headers that it must find, and what is in them."""


def test_a_public_judge_finds_nothing_wrong_with_tls_and_the_headers(tmp_path: Path) -> None:
    """Protocols, ciphers, known attacks and security headers."""
    chain, key = CA.issue("localhost").save(tmp_path, "http")
    section = f'http: {{listen: ["127.0.0.1:0"], certificate: {chain}, key: {key}}}\n'
    running = Server(tmp_path, WITHOUT + section)
    judged, authority = tmp_path / "judged.json", tmp_path / "ca.pem"
    authority.write_text(CA.pem)
    try:
        running.start()
        serving(running)
        words = ("--quiet", "--color", "0", "--warnings", "off", "--ip", "127.0.0.1")
        subjects = ("-p", "-S", "-P", "-h", "-U")
        files = ("--add-ca", authority, "--jsonfile", judged)
        command = [tool("testssl"), *words, *subjects, *files, f"localhost:{port(running)}"]
        subprocess.run(command, capture_output=True, timeout=10 * DEADLINE, check=False)
    finally:
        running.kill()
    found = {one["id"]: one for one in json.loads(judged.read_text())}
    wrong = {
        name: one["finding"]
        for name, one in found.items()
        if one["severity"] not in ("OK", "INFO", "DEBUG")
        and not name.startswith(OF_THE_TEST)
        and name != PUBLIC_FILES
    }
    assert wrong == {}
    assert found["TLS1_3"]["severity"] == found["heartbleed"]["severity"] == "OK"
    for name, expected in HEADERS.items():
        assert expected in found[name]["finding"], name
