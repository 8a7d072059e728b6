"""Web heads fetch their certificate over HTTPS; curl stands for a web head."""

from __future__ import annotations

import json
import re
import socket
import ssl
import subprocess
import time
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from authority import DAY, Authority, Issued, make_authority
from ports import free_port
from system.server import CONFIG, DEADLINE, Server, tool, wait_for

CA = make_authority()
CLIENTS = Authority("Web Heads")
NAMES = ("414-262-781.failover.test", "www.shop.example")
EU, US = "web1.shop-eu.internal", "web1.shop-us.internal"
DELIVERY = """\
delivery:
  listen: ["127.0.0.1:{port}"]
  certificate: endpoint.pem
  key: endpoint.key
  client_ca: clients-ca.pem
  clients:
    web1.shop-eu.internal: [shop-eu]
    web1.shop-us.internal: [shop-us]
    "{fingerprint}": ["*"]
"""


class Endpoint:
    """A server with delivery over HTTPS, and the files of its clients."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.root = Authority("Endpoint")
        (folder / "root.pem").write_text(self.root.pem)
        (folder / "clients-ca.pem").write_text(CLIENTS.pem)
        self.root.issue("127.0.0.1").save(folder, "endpoint")
        self.any = CLIENTS.issue_client("monitor.internal")
        for name, issued in {
            "eu": CLIENTS.issue_client(EU),
            "us": CLIENTS.issue_client("WEB1.shop-us.internal"),
            "any": self.any,
            "nobody": CLIENTS.issue_client("web9.internal"),
            "foreign": Authority("Somebody").issue_client(EU),
            "expired": CLIENTS.issue(EU, lasts=DAY / 2),
        }.items():
            issued.save(folder, name)
        self.port = free_port()
        self.server = Server(folder, CONFIG + self.delivery())

    def delivery(self) -> str:
        """Return the section `delivery` of the configuration."""
        return DELIVERY.format(port=self.port, fingerprint=f"sha256:{self.any.fingerprint}")

    def curl(self, client: str | None, path: str, *words: str) -> subprocess.CompletedProcess[str]:
        """Request a path with curl, which prints headers and body."""
        shown = [] if client is None else ["--cert", f"{client}.pem", "--key", f"{client}.key"]
        url = path if path.startswith("https:") else f"https://127.0.0.1:{self.port}{path}"
        return subprocess.run(
            [tool("curl"), "-sS", "-i", "--cacert", "root.pem", *shown, *words, url],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=DEADLINE,
            check=False,
        )

    def fetch(self, client: str, application: str, *words: str, query: str = "") -> Fetched:
        """Fetch the certificate of an application."""
        path = f"/v1/applications/{application}/certificate{query}"
        done = self.curl(client, path, *words)
        assert done.returncode == 0, done.stderr
        return Fetched(done.stdout)

    def wait(
        self, client: str, application: str, headers: dict[str, str] | None = None
    ) -> HTTPSConnection:
        """Send a request that waits for a certificate, or for another one than in `headers`."""
        context = ssl.create_default_context(cafile=str(self.folder / "root.pem"))
        context.load_cert_chain(self.folder / f"{client}.pem", self.folder / f"{client}.key")
        waiting = HTTPSConnection("127.0.0.1", self.port, timeout=DEADLINE, context=context)
        path = f"/v1/applications/{application}/certificate"
        waiting.request("GET", path, headers={"Prefer": "wait=60", **(headers or {})})
        return waiting

    def install(self, application: str, issued: Issued) -> None:
        """Install a certificate over the control socket."""
        fields = {"application": application, "chain": issued.chain, "key": issued.key}
        self.server.do(command="certificate install", **fields)


class Fetched:
    """A response of the endpoint."""

    def __init__(self, text: str) -> None:
        head, _, self.body = text.replace("\r\n", "\n").partition("\n\n")
        self.status = int(head.split()[1])
        lines = (line.partition(": ") for line in head.split("\n")[1:])
        self.headers = {name.lower(): value for name, _, value in lines}


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Endpoint]:
    """Start an endpoint with the group `shop`, whose active side is `shop-eu`."""
    found = Endpoint(tmp_path)
    try:
        found.server.start().load_demo()
        yield found
    finally:
        found.server.kill()


@pytest.fixture
def issued(endpoint: Endpoint) -> Issued:
    """Install a certificate for `shop-eu`."""
    found = CA.issue(*NAMES)
    endpoint.install("shop-eu", found)
    return found


def test_a_web_head_gets_chain_and_key(endpoint: Endpoint, issued: Issued) -> None:
    """The configuration allows a client by name, in any case, or by fingerprint."""
    for client in ("eu", "any"):
        got = endpoint.fetch(client, "shop-eu")
        assert (got.status, got.body) == (200, issued.chain + issued.key)
        assert got.headers["cache-control"] == "no-store, private"
    endpoint.server.do(command="switch", groups=["shop"])
    assert endpoint.fetch("us", "shop-us").body == issued.chain + issued.key


def test_a_client_that_is_not_configured_is_forbidden(endpoint: Endpoint, issued: Issued) -> None:
    """Neither its name nor its fingerprint is configured for the application."""
    for client in ("us", "nobody"):
        got = endpoint.fetch(client, "shop-eu")
        assert (got.status, "PRIVATE KEY" in got.body) == (403, False)
    assert "may not fetch 'shop-eu'" in endpoint.server.log.read_text()


def test_a_client_without_a_valid_certificate_gets_no_response(
    endpoint: Endpoint, issued: Issued
) -> None:
    """TLS rejects a missing or expired certificate, and one of another CA, before HTTP."""
    for client in (None, "foreign", "expired"):
        done = endpoint.curl(client, "/v1/applications/shop-eu/certificate")
        assert (done.returncode != 0, done.stdout) == (True, ""), client


def test_tls_before_1_3_is_rejected(endpoint: Endpoint, issued: Issued) -> None:
    path = "/v1/applications/shop-eu/certificate"
    assert endpoint.curl("eu", path, "--tls-max", "1.2").returncode != 0
    assert endpoint.curl("eu", path, "--tlsv1.3").returncode == 0


def test_the_inactive_side_gets_only_its_own_certificate(
    endpoint: Endpoint, issued: Issued
) -> None:
    """It has none before the switch; afterwards the former active side keeps its certificate."""
    assert endpoint.fetch("us", "shop-us").status == 404
    endpoint.server.do(command="switch", groups=["shop"])
    renewed = CA.issue(*NAMES)
    endpoint.install("shop-us", renewed)
    assert endpoint.fetch("eu", "shop-eu").body == issued.chain + issued.key
    assert endpoint.fetch("us", "shop-us").body == renewed.chain + renewed.key


def test_a_known_certificate_is_not_sent_again(endpoint: Endpoint, issued: Issued) -> None:
    """ETag and If-None-Match show it; another certificate has another tag."""
    first = endpoint.fetch("eu", "shop-eu")
    known = f"If-None-Match: {first.headers['etag']}"
    again = endpoint.fetch("eu", "shop-eu", "-H", known)
    assert (again.status, again.body) == (304, "")
    several = endpoint.fetch("eu", "shop-eu", "-H", f'{known}, W/"x", "y"')
    assert several.status == 304
    endpoint.install("shop-eu", CA.issue(*NAMES))
    assert endpoint.fetch("eu", "shop-eu", "-H", known).status == 200


def test_a_transfer_reaches_a_web_head_that_waits(endpoint: Endpoint, issued: Issued) -> None:
    """The waiting request is answered when the reply to the switch comes."""
    with closing(endpoint.wait("us", "shop-us")) as waiting:
        assert not is_answered(waiting, endpoint)
        endpoint.server.do(command="switch", groups=["shop"])
        switched = time.monotonic()
        got = waiting.getresponse()
        took = time.monotonic() - switched
        print(f"{took:.3f} s after the reply to the switch")
        assert took < 10
        assert got.read().decode() == issued.chain + issued.key
        assert got.headers["preference-applied"] == "wait=60"


def test_a_wait_without_a_change_ends_with_304_or_404(endpoint: Endpoint, issued: Issued) -> None:
    """The removal of a certificate is reported at once."""
    tag = endpoint.fetch("eu", "shop-eu").headers["etag"]
    words = ("-H", f"If-None-Match: {tag}", "-H", "Prefer: respond-async, wait=1")
    assert endpoint.fetch("eu", "shop-eu", *words).status == 304
    assert endpoint.fetch("us", "shop-us", "-H", "Prefer: wait=1").status == 404
    with closing(endpoint.wait("eu", "shop-eu", {"If-None-Match": tag})) as waiting:
        assert not is_answered(waiting, endpoint)
        endpoint.server.do(command="certificate remove", application="shop-eu")
        removed = time.monotonic()
        assert waiting.getresponse().status == 404
        assert time.monotonic() - removed < 10


def is_answered(waiting: HTTPSConnection, endpoint: Endpoint) -> bool:
    """Return whether a request was answered before a later one."""
    assert endpoint.fetch("any", "shop-eu").status == 200
    waiting.sock.setblocking(False)
    try:
        return bool(waiting.sock.recv(1))
    except ssl.SSLWantReadError:
        return False
    finally:
        waiting.sock.settimeout(DEADLINE)


def test_caddy_and_traefik_get_their_formats(endpoint: Endpoint, issued: Issued) -> None:
    """Caddy's `get_certificate http` gets 204 for an unknown name; Traefik has an HTTP provider."""
    caddy = "?format=caddy&server_name="
    got = endpoint.fetch("eu", "shop-eu", query=f"{caddy}WWW.shop.example")
    assert (got.status, got.body) == (200, issued.chain + issued.key)
    assert endpoint.fetch("eu", "shop-eu", query=f"{caddy}docs.shop.example").status == 204
    got = endpoint.fetch("eu", "shop-eu", query="?format=traefik")
    (pair,) = json.loads(got.body)["tls"]["certificates"]
    assert pair == {"certFile": issued.chain, "keyFile": issued.key}
    assert endpoint.fetch("eu", "shop-eu", query="?format=zip").status == 400


def test_certificate_show_lists_every_fetch(endpoint: Endpoint, issued: Issued) -> None:
    """An entry has the client, address and format; refused requests and 304 do not count."""
    tag = endpoint.fetch("eu", "shop-eu").headers["etag"]
    endpoint.fetch("eu", "shop-eu", "-H", f"If-None-Match: {tag}")
    endpoint.fetch("any", "shop-eu", query="?format=traefik")
    endpoint.fetch("us", "shop-eu")
    report = endpoint.server.do(command="certificate show", application="shop-eu")
    told = [(f["client"], f["address"], f["format"]) for f in report["fetches"]]
    monitor = f"sha256:{endpoint.any.fingerprint}"
    assert told == [(monitor, "127.0.0.1", "traefik"), (EU, "127.0.0.1", "pem")]
    assert {fetch["fingerprint"] for fetch in report["fetches"]} == {issued.fingerprint}
    assert f"fetched by {EU}" in endpoint.server.ctl("certificate", "show", "shop-eu").stdout


ODD = [
    ("/", (), 404),
    ("/v1/applications/nobody/certificate", (), 404),
    ("/v1/applications/sh%C3%B6p/certificate", (), 404),
    ("/v1/applications/%00/certificate", (), 404),
    ("/v1/applications/../../etc/passwd", ("--path-as-is",), 404),
    ("/v1/applications/shop-eu/certificate/", (), 404),
    ("/v1/applications/SHOP-EU/certificate", (), 200),
    ("/v1/applications/shop-eu/certificate", ("-I",), 200),
    ("/v1/applications/shop-eu/certificate", ("-X", "DELETE"), 405),
    ("/v1/applications/shop-eu/certificate", ("--data", "x" * 120_000), 405),
    ("/v1/applications/shop-eu/certificate", ("-H", "X: " + "y" * 9000) * 2, 400),
]
"""Paths, further arguments of curl, and the expected status."""


def test_odd_requests_get_the_expected_status(endpoint: Endpoint, issued: Issued) -> None:
    for path, words, status in ODD:
        done = endpoint.curl("any", path, *words)
        assert Fetched(done.stdout).status == status, (path, words, done)
    assert "Traceback" not in endpoint.server.log.read_text()


def test_many_idle_connections_do_not_disturb_others(endpoint: Endpoint, issued: Issued) -> None:
    """DNS clients, control clients and web heads are still served."""
    idle = []
    try:
        for _ in range(300):
            idle.append(socket.create_connection(("127.0.0.1", endpoint.port), DEADLINE))
        assert endpoint.server.short(NAMES[0]) == ["192.0.2.10"]
        assert endpoint.server.short("+tcp", NAMES[0]) == ["192.0.2.10"]
        assert endpoint.server.do(command="status")["revision"] > 0
        assert endpoint.fetch("eu", "shop-eu").body == issued.chain + issued.key
    finally:
        for sock in idle:
            sock.close()


def test_a_reload_applies_other_clients_and_a_renewed_certificate(
    endpoint: Endpoint, issued: Issued
) -> None:
    """No restart is needed, and unusable files change nothing."""
    config = endpoint.server.config
    config.write_text(config.read_text().replace(f"{EU}: [shop-eu]", f"{EU}: [shop-us]"))
    (endpoint.folder / "endpoint.key").rename(endpoint.folder / "endpoint.key.away")
    reload_and_wait(endpoint.server, "not reloaded, nothing was changed: delivery.key")
    assert endpoint.fetch("eu", "shop-eu").status == 200
    (endpoint.folder / "endpoint.key.away").unlink()
    renewed = endpoint.root.issue("127.0.0.1")
    renewed.save(endpoint.folder, "endpoint")
    reload_and_wait(endpoint.server, "reloaded ")
    assert endpoint.fetch("eu", "shop-eu").status == 403
    shown = subprocess.run(
        [tool("openssl"), "s_client", "-connect", f"127.0.0.1:{endpoint.port}"],
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    ).stdout
    found = re.search(r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", shown, re.S)
    assert found is not None
    assert found[0] == renewed.leaf


@pytest.mark.parametrize(
    ("old", "new"),
    [
        ('listen: ["127.0.0.1:{port}"]', 'listen: ["127.0.0.2:{port}"]'),
        ("certificate: endpoint.pem", "certificate: other.pem"),
        ("key: endpoint.key", "key: other.key"),
        ("client_ca: clients-ca.pem", "client_ca: other-ca.pem"),
    ],
)
def test_a_change_of_the_endpoints_address_or_paths_needs_a_restart(
    endpoint: Endpoint, issued: Issued, old: str, new: str
) -> None:
    """Even though the files are valid, no part of the configuration is applied."""
    for name in ("endpoint.pem", "endpoint.key", "clients-ca.pem"):
        other = name.replace("endpoint", "other").replace("clients", "other")
        (endpoint.folder / other).write_bytes((endpoint.folder / name).read_bytes())
    config = endpoint.server.config
    text = config.read_text().replace(f"{EU}: [shop-eu]", f"{EU}: [shop-us]")
    old = old.format(port=endpoint.port)
    assert old in text
    config.write_text(text.replace(old, new.format(port=endpoint.port)))
    reload_and_wait(
        endpoint.server, "not reloaded, nothing was changed: a change of delivery takes a restart"
    )
    assert endpoint.fetch("eu", "shop-eu").status == 200


def reload_and_wait(server: Server, text: str) -> None:
    """Send SIGHUP and wait until the log has `text`."""
    begin = server.log.stat().st_size
    assert server.process is not None
    server.process.send_signal(1)
    wait_for(lambda: text in server.log.read_text()[begin:], lambda: server.log.read_text()[begin:])


@pytest.mark.parametrize(
    ("file", "text", "told"),
    [
        ("endpoint.key", "", "delivery.key: "),
        ("endpoint.pem", "rubbish", "delivery.certificate: "),
        ("clients-ca.pem", None, "delivery.client_ca: "),
    ],
)
def test_the_server_does_not_start_without_valid_files(
    tmp_path: Path, file: str, text: str | None, told: str
) -> None:
    """The log names the faulty file."""
    found = Endpoint(tmp_path)
    if text is None:
        (tmp_path / file).unlink()
    else:
        (tmp_path / file).write_text(text)
    assert found.server.launch().wait(DEADLINE) == 1
    assert told in found.server.log.read_text()
