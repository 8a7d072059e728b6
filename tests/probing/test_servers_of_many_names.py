"""Probes of a real nginx with servers for several names: it gets one that clients use.

It refuses a handshake without a name that it has, and answers a request for another Host with 404.
The names are found as for an application with this certificate (`rules.derived.client_names`).
"""

from __future__ import annotations

import shutil
import socket
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, replace
from ipaddress import IPv4Address, ip_address

import pytest
import samples
from authority import Authority
from heads import LOOPBACK, Probed, turn_until
from ports import free_port
from system.server import DEADLINE, tool

from failoverdns.model.health import Check, CheckKind, HttpExpectation, ProbeTarget, TlsExpectation
from failoverdns.model.policy import AutomationSettings
from failoverdns.rules.derived.probe_targets import targets_of

WILDCARD = "*.failover.test"

CONFIG = """\
daemon off;
master_process off;
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
    ssl_certificate {folder}/star.pem;
    ssl_certificate_key {folder}/star.key;
    server {{ listen 127.0.0.1:{tls} ssl default_server; ssl_reject_handshake on; }}
    server {{ listen 127.0.0.1:{tls} ssl; server_name {wildcard}; return 200 "$http_host"; }}
    server {{ listen 127.0.0.1:{plain} default_server; return 404; }}
    server {{ listen 127.0.0.1:{plain}; server_name {wildcard}; return 200 "$http_host"; }}
    server {{
        listen 127.0.0.1:{bare} ssl;
        ssl_certificate {folder}/bare.pem;
        ssl_certificate_key {folder}/bare.key;
        return 200 "$http_host";
    }}
}}
"""


@dataclass(frozen=True)
class Web:
    """A running nginx: its ports, and the file with its CA."""

    tls: int
    plain: int
    bare: int
    ca_file: str


@pytest.fixture(scope="module")
def web(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Web]:
    """Run nginx with a certificate for a wildcard, and with one for its address."""
    folder = tmp_path_factory.mktemp("nginx")
    (folder / "tmp").mkdir()
    root = Authority()
    root.issue(WILDCARD).save(folder, "star")
    root.issue(LOOPBACK).save(folder, "bare")
    (folder / "ca.pem").write_text(root.pem)
    ports = {name: free_port() for name in ("tls", "plain", "bare")}
    text = CONFIG.format(folder=folder, wildcard=WILDCARD, **ports)
    (folder / "nginx.conf").write_text(text)
    command = [tool("nginx"), "-c", str(folder / "nginx.conf"), "-e", str(folder / "error.log")]
    process = subprocess.Popen(command, stderr=subprocess.DEVNULL)
    try:
        turn_until(lambda: all(is_open(port) for port in ports.values()))
        yield Web(ca_file=str(folder / "ca.pem"), **ports)
    finally:
        process.terminate()
        process.wait(DEADLINE)
        shutil.rmtree(folder)


def is_open(port: int) -> bool:
    """Return whether a port accepts connections."""
    with socket.socket() as probe:
        return probe.connect_ex((LOOPBACK, port)) == 0


def target(web: Web, check: Check, *names: str, label: str | None = "shop") -> ProbeTarget:
    """The target of a probe of an application with a certificate, and with a group if `label`."""
    eu = replace(samples.application("eu", samples.server("web1", LOOPBACK)), checks=("web",))
    group = [samples.group(label=label)] if label else []
    tls = replace(check.tls, ca_file=web.ca_file)
    settings = AutomationSettings((replace(check, timeout=DEADLINE, tls=tls),))
    view = samples.state(
        eu, samples.us(), *group, samples.certificate("eu", *names), settings=settings
    )
    (found,) = targets_of(view, eu, lambda name: ()).values()
    assert isinstance(found.address, IPv4Address)
    return found


def test_a_name_below_a_wildcard_is_asked_for_in_sni_and_host(probed: Probed, web: Web) -> None:
    """A group's hostname that the certificate covers; with the port in Host, as curl sends it."""
    http = HttpExpectation(body=f"shop.failover.test:{web.tls}")
    check = Check("web", CheckKind.HTTPS, web.tls, http=http)
    assert probed(target(web, check, WILDCARD)).detail == "status 200"
    assert probed(target(web, Check("web", CheckKind.TLS, web.tls), WILDCARD)).is_good
    plain = Check("web", CheckKind.HTTP, web.plain)
    assert probed(target(web, plain, WILDCARD)).detail == "status 200"


def test_the_configured_server_name_is_asked_for_in_sni_and_host(probed: Probed, web: Web) -> None:
    http = HttpExpectation(body=f"x.failover.test:{web.tls}")
    tls = TlsExpectation(server_name="x.failover.test")
    check = Check("web", CheckKind.HTTPS, web.tls, http=http, tls=tls)
    assert probed(target(web, check, "*.other.example")).detail == "status 200"


def test_where_no_name_is_known_the_result_says_what_to_set(probed: Probed, web: Web) -> None:
    result = probed(
        target(web, Check("web", CheckKind.HTTPS, web.tls), "*.other.example", label=None)
    )
    assert "unrecognized name; the certificate is for *.other.example only" in result.detail
    assert "set `server_name` in the check" in result.detail


def test_a_certificate_for_addresses_is_judged_by_the_address(probed: Probed, web: Web) -> None:
    """Without SNI, and with the address as Host; other addresses of it do not matter."""
    http = HttpExpectation(body=f"{LOOPBACK}:{web.bare}")
    check = Check("web", CheckKind.HTTPS, web.bare, http=http)
    found = target(web, check, LOOPBACK, "192.0.2.99", "2001:db8::1")
    assert (found.server_name, found.names) == (None, (LOOPBACK,))
    assert probed(found).detail == "status 200"
    elsewhere = replace(found, names=("192.0.2.99",))
    assert "not valid for 192.0.2.99, only for 127.0.0.1" in probed(elsewhere).detail
    assert ip_address(LOOPBACK) == found.address
