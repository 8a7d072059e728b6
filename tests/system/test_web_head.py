"""Web heads with real TLS present the transferred certificate after a switch."""

from __future__ import annotations

import re
import shlex
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from authority import Authority, Issued, make_authority
from ports import free_port
from system.server import CONFIG, DEADLINE, Server, tool, wait_for

CA = make_authority()
NAMES = ("414-262-781.failover.test", "www.shop.example")

NGINX = """\
daemon off;
master_process on;
user {user};
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    access_log off;
    client_body_temp_path {folder}/tmp;
    proxy_temp_path {folder}/tmp;
    fastcgi_temp_path {folder}/tmp;
    uwsgi_temp_path {folder}/tmp;
    scgi_temp_path {folder}/tmp;
    server {{
        listen 127.0.0.1:{port} ssl;
        ssl_certificate {folder}/live/fullchain.pem;
        ssl_certificate_key {folder}/live/privkey.pem;
        location / {{ return 200 "{side}\\n"; }}
    }}
}}
"""

DEPLOY = """\
#!/bin/sh
# Copy the certificate into the folder of this application's nginx and reload nginx.
set -eu
cd {folder}/"$FAILOVERDNS_APPLICATION"
install -m 0644 "$RENEWED_LINEAGE/fullchain.pem" live/fullchain.new
install -m 0600 "$RENEWED_LINEAGE/privkey.pem" live/privkey.new
mv live/fullchain.new live/fullchain.pem
mv live/privkey.new live/privkey.pem
kill -HUP "$(cat nginx.pid)"
"""

HOOKS = """\
hooks:
  deploy: {run: deploy, events: [certificate], timeout: 30}
"""

PULLING = """\
import http.client, pathlib, ssl, sys, threading

folder, endpoint, port, application = pathlib.Path(sys.argv[1]), *sys.argv[2:]
serving = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
asking = ssl.create_default_context(cafile=folder / "root.pem")
asking.load_cert_chain(folder / "head.pem", folder / "head.key")


def fetch_for_ever():
    tag = '""'
    while True:
        server = http.client.HTTPSConnection("127.0.0.1", int(endpoint), context=asking)
        fields = {"Prefer": "wait=60", "If-None-Match": tag}
        server.request("GET", f"/v1/applications/{application}/certificate", headers=fields)
        reply = server.getresponse()
        if reply.status == 200:
            tag = reply.getheader("ETag")
            (folder / "live.pem").write_bytes(reply.read())
            serving.load_cert_chain(folder / "live.pem")
        server.close()


def greet(connection):
    with serving.wrap_socket(connection, server_side=True) as secured:
        secured.recv(1)


threading.Thread(target=fetch_for_ever, daemon=True).start()
listener = __import__("socket").create_server(("127.0.0.1", int(port)))
while True:
    connection, _ = listener.accept()
    connection.settimeout(10)
    try:
        greet(connection)
    except OSError:
        connection.close()
"""
"""A small web head that fetches its certificate, uses it, and waits for the next one."""


class Nginx:
    """The nginx of an application, which has a self-made certificate at first."""

    def __init__(self, folder: Path, application: str) -> None:
        self.folder = folder / application
        for name in ("live", "tmp"):
            (self.folder / name).mkdir(parents=True)
        first = Authority("Nobody").issue("localhost")
        (self.folder / "live" / "fullchain.pem").write_text(first.chain)
        (self.folder / "live" / "privkey.pem").write_text(first.key)
        self.port = free_port()
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout
        settings = {"folder": self.folder, "port": self.port, "user": user.strip()}
        file = self.folder / "nginx.conf"
        file.write_text(NGINX.format(side=application, **settings))
        command = [tool("nginx"), "-c", str(file), "-e", str(self.folder / "error.log")]
        self.process = subprocess.Popen(command, stderr=subprocess.DEVNULL)

    def wait_until_ready(self) -> None:
        """Wait until it listens and has written its process ID."""
        wait_for(lambda: is_open(self.port) and (self.folder / "nginx.pid").exists())

    def stop(self) -> None:
        """Stop the process."""
        self.process.terminate()
        self.process.wait(DEADLINE)


def is_open(port: int) -> bool:
    """Return whether a TCP port accepts connections."""
    with socket.socket() as probe:
        probe.settimeout(1)
        return probe.connect_ex(("127.0.0.1", port)) == 0


def shown_by(port: int) -> str:
    """Return the certificate that a TLS server presents to openssl; "" without one."""
    command = f"{tool('openssl')} s_client -connect 127.0.0.1:{port} -servername {NAMES[1]}"
    done = subprocess.run(
        shlex.split(command),
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    found = re.search(
        r"-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----\n", done.stdout, re.S
    )
    return found[0] if found else ""


def install(server: Server, application: str, issued: Issued) -> None:
    """Install a certificate over the control socket."""
    fields = {"application": application, "chain": issued.chain, "key": issued.key}
    server.do(command="certificate install", **fields)


@pytest.fixture
def heads(tmp_path: Path) -> Iterator[dict[str, Nginx]]:
    """Start an nginx for each side."""
    running: dict[str, Nginx] = {}
    try:
        for name in ("shop-eu", "shop-us"):
            running[name] = Nginx(tmp_path, name)
        for head in running.values():
            head.wait_until_ready()
        yield running
    finally:
        for head in running.values():
            head.stop()


def test_after_a_switch_nginx_presents_the_transferred_certificate(
    tmp_path: Path, heads: dict[str, Nginx]
) -> None:
    """A hook copies it and reloads nginx; a renewal after the switch reaches that side only."""
    (tmp_path / "deploy").write_text(DEPLOY.format(folder=shlex.quote(str(tmp_path))))
    (tmp_path / "deploy").chmod(0o755)
    server = Server(tmp_path, CONFIG + HOOKS)
    eu, us = heads["shop-eu"], heads["shop-us"]
    try:
        server.start().load_demo()
        issued, renewed = CA.issue(*NAMES), CA.issue(*NAMES)
        install(server, "shop-eu", issued)
        wait_for(lambda: shown_by(eu.port) == issued.leaf, lambda: server.log.read_text())
        assert shown_by(us.port) != issued.leaf
        server.do(command="switch", groups=["shop"])
        switched = time.monotonic()
        wait_for(lambda: shown_by(us.port) == issued.leaf, lambda: server.log.read_text())
        print(f"{time.monotonic() - switched:.3f} s from the reply to the switch to the handshake")
        install(server, "shop-us", renewed)
        wait_for(lambda: shown_by(us.port) == renewed.leaf)
        assert shown_by(eu.port) == issued.leaf
        assert server.do(command="status")["hooks"][0]["problem"] is None
    finally:
        server.kill()


DELIVERY = """\
delivery:
  listen: ["127.0.0.1:{port}"]
  certificate: endpoint.pem
  key: endpoint.key
  client_ca: clients-ca.pem
  clients:
    web1.shop-us.internal: [shop-us]
"""


def test_a_web_head_that_fetches_presents_the_transferred_certificate(tmp_path: Path) -> None:
    """The web head is a few lines of Python that wait for the certificate."""
    root, clients = Authority("Endpoint"), Authority("Web Heads")
    (tmp_path / "root.pem").write_text(root.pem)
    (tmp_path / "clients-ca.pem").write_text(clients.pem)
    root.issue("127.0.0.1").save(tmp_path, "endpoint")
    clients.issue_client("web1.shop-us.internal").save(tmp_path, "head")
    (tmp_path / "head.py").write_text(PULLING)
    endpoint, port = free_port(), free_port()
    server = Server(tmp_path, CONFIG + DELIVERY.format(port=endpoint))
    head = None
    try:
        server.start().load_demo()
        issued = CA.issue(*NAMES)
        install(server, "shop-eu", issued)
        words = [str(tmp_path), str(endpoint), str(port), "shop-us"]
        head = subprocess.Popen(
            [sys.executable, str(tmp_path / "head.py"), *words], stderr=subprocess.DEVNULL
        )
        wait_for(lambda: is_open(port))
        assert shown_by(port) == ""
        server.do(command="switch", groups=["shop"])
        switched = time.monotonic()
        wait_for(lambda: shown_by(port) == issued.leaf, lambda: server.log.read_text())
        print(f"{time.monotonic() - switched:.3f} s from the reply to the switch to the handshake")
    finally:
        if head is not None:
            head.kill()
            head.wait(DEADLINE)
        server.kill()
