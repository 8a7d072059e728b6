"""A stolen client key is revoked, by fingerprint or by a CA that `openssl ca` runs."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import closing
from http.client import HTTPSConnection
from pathlib import Path

import pytest
from authority import Issued
from system.server import CONFIG, Server, tool
from system.test_pull import CA, DELIVERY, NAMES, Endpoint, reload_and_wait

OPENSSL = """\
[ca]
default_ca = web_heads
[web_heads]
database = index.txt
serial = serial
crlnumber = crlnumber
new_certs_dir = .
certificate = clients-ca.pem
private_key = clients-ca.key
default_md = sha256
default_days = 30
default_crl_days = 30
unique_subject = no
policy = any
copy_extensions = copy
[any]
commonName = optional
[req]
distinguished_name = name
[name]
[ca_extensions]
basicConstraints = critical, CA:TRUE
"""
"""The configuration of a CA as `openssl ca` has it."""


class Clients:
    """A CA of web heads that `openssl` runs in a folder."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "openssl.cnf").write_text(OPENSSL)
        (folder / "index.txt").touch()
        (folder / "serial").write_text("1000\n")
        (folder / "crlnumber").write_text("01\n")
        self._openssl(
            *("req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1"),
            *("-noenc", "-subj", "/CN=Web Heads", "-days", "30", "-extensions", "ca_extensions"),
            *("-config", "openssl.cnf", "-keyout", "clients-ca.key", "-out", "clients-ca.pem"),
        )

    def issue(self, client: str, name: str) -> None:
        """Issue a certificate for a DNS name."""
        self._openssl(
            *("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-noenc"),
            *("-config", "openssl.cnf", "-subj", f"/CN={name}"),
            *("-addext", f"subjectAltName=DNS:{name}"),
            *("-keyout", f"{client}.key", "-out", f"{client}.csr"),
        )
        self._ca("-batch", "-notext", "-in", f"{client}.csr", "-out", f"{client}.pem")

    def revoke(self, client: str) -> None:
        """Revoke the certificate of a client."""
        self._ca("-revoke", f"{client}.pem")

    def publish(self, *words: str, name: str = "clients.crl") -> None:
        """Write the list of revoked certificates."""
        self._ca("-gencrl", "-out", name, *words)

    def fingerprint(self, client: str) -> str:
        """Return the fingerprint of a client's certificate, as openssl prints it."""
        text = self._openssl("x509", "-in", f"{client}.pem", "-noout", "-fingerprint", "-sha256")
        return text.strip().partition("=")[2]

    def _ca(self, *words: str) -> str:
        return self._openssl("ca", "-config", "openssl.cnf", *words)

    def _openssl(self, *words: str) -> str:
        done = subprocess.run(
            [tool("openssl"), *words], cwd=self.folder, capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout


class Revoking(Endpoint):
    """An endpoint whose clients have certificates of `openssl ca`; one key is stolen."""

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self.clients = Clients(folder)
        for client in ("eu", "stolen"):
            self.clients.issue(client, "web1.shop-eu.internal")
        self.clients.publish()
        self.server = Server(folder, CONFIG + self.delivery())

    def delivery(self, more: str = "") -> str:
        """Return the section `delivery`, with further keys."""
        return DELIVERY.format(port=self.port, fingerprint=f"sha256:{self.any.fingerprint}") + more

    def configure(self, more: str) -> None:
        """Write another configuration, which is not loaded yet."""
        self.server.config.write_text(CONFIG + self.delivery(more))

    def reload(self, more: str | None = None, said: str = "reloaded ") -> None:
        """Reload, with another configuration if there is one."""
        if more is not None:
            self.configure(more)
        reload_and_wait(self.server, said)

    def is_let_in(self, client: str) -> bool:
        """Return whether curl gets the certificate with the key of a client."""
        done = self.curl(client, "/v1/applications/shop-eu/certificate")
        assert (done.returncode == 0) == ("PRIVATE KEY" in done.stdout), done
        return done.returncode == 0


@pytest.fixture
def endpoint(tmp_path: Path) -> Iterator[Revoking]:
    """Start the endpoint, without anything revoked."""
    found = Revoking(tmp_path)
    try:
        found.server.start().load_demo()
        found.install("shop-eu", ISSUED)
        assert found.is_let_in("eu")
        assert found.is_let_in("stolen")
        yield found
    finally:
        found.server.kill()


ISSUED: Issued = CA.issue(*NAMES)
CRL = "  client_crl: clients.crl\n"


def wait_for_new(endpoint: Revoking, client: str) -> HTTPSConnection:
    """Wait for another certificate than the one there is."""
    tag = endpoint.fetch(client, "shop-eu").headers["etag"]
    return endpoint.wait(client, "shop-eu", {"If-None-Match": tag})


def is_closed(waiting: HTTPSConnection) -> bool:
    """Return whether the server closes a connection within a second."""
    waiting.sock.settimeout(1.0)
    try:
        return waiting.sock.recv(1) == b""
    except TimeoutError:
        return False
    except OSError:
        return True


def test_a_list_of_the_ca_revokes_a_stolen_key(endpoint: Revoking) -> None:
    """The web head's other certificate of the same name stays, and so do its connections."""
    stolen, honest = wait_for_new(endpoint, "stolen"), wait_for_new(endpoint, "eu")
    with closing(stolen), closing(honest):
        endpoint.reload(CRL)
        assert (endpoint.is_let_in("eu"), endpoint.is_let_in("stolen")) == (True, True)
        endpoint.clients.revoke("stolen")
        endpoint.clients.publish()
        assert endpoint.is_let_in("stolen")
        endpoint.reload()
        assert is_closed(stolen)
        assert (endpoint.is_let_in("eu"), endpoint.is_let_in("stolen")) == (True, False)
        assert not is_closed(honest)
    assert "was refused: sha256:" in endpoint.server.log.read_text()
    assert "is revoked by its CA, with the serial number 1001" in endpoint.server.log.read_text()


@pytest.mark.parametrize("write", [str, str.lower, lambda text: "SHA256:" + text.replace(":", "")])
def test_a_fingerprint_revokes_a_stolen_key(endpoint: Revoking, write: object) -> None:
    """As `openssl x509 -fingerprint -sha256` prints it, or otherwise."""
    written = write(endpoint.clients.fingerprint("stolen"))  # type: ignore[operator]
    with closing(wait_for_new(endpoint, "stolen")) as stolen:
        endpoint.reload(f'  revoked: ["{written}"]\n')
        assert is_closed(stolen)
    assert (endpoint.is_let_in("eu"), endpoint.is_let_in("stolen")) == (True, False)
    endpoint.reload("")
    assert endpoint.is_let_in("stolen")


def test_an_expired_list_is_used_and_warned_of(endpoint: Revoking) -> None:
    endpoint.clients.revoke("stolen")
    times = ("-crl_lastupdate", "20240101000000Z", "-crl_nextupdate", "20240201000000Z")
    endpoint.clients.publish(*times)
    endpoint.reload(CRL, "the CRL of CN=Web Heads has expired: it is still used")
    assert (endpoint.is_let_in("eu"), endpoint.is_let_in("stolen")) == (True, False)


def test_a_faulty_list_changes_nothing(endpoint: Revoking) -> None:
    """A missing file, one that is no list, and the list of another CA."""
    path = endpoint.folder / "clients.crl"
    kept = path.read_text()
    told = "not reloaded, nothing was changed: delivery.client_crl: "
    path.unlink()
    endpoint.reload(CRL, f"{told}{path}: No such file or directory")
    path.write_text("text")
    endpoint.reload(None, f"{told}{path}: no CRL in PEM")
    elsewhere = endpoint.folder / "elsewhere"
    elsewhere.mkdir()
    Clients(elsewhere).publish(name=str(path))
    endpoint.reload(None, f"{told}{path}: the CRL of CN=Web Heads is not signed by the CA ")
    assert endpoint.is_let_in("stolen")
    path.write_text(kept)
    endpoint.reload()
    endpoint.server.kill()
    path.unlink()
    assert endpoint.server.launch().wait(30) == 1
    assert f"delivery.client_crl: {path}: No such file" in endpoint.server.log.read_text()
