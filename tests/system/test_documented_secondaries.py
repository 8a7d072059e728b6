"""The configurations in docs/secondaries.md are complete: stock name servers start with them."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

import pytest
from authority import Authority
from ports import free_port
from stock_secondaries import MAKES, Make, Primary
from system.checkout import PROJECT
from system.server import tool
from system.test_secondaries import ZONE, Fleet

PAGE = PROJECT.joinpath("docs/secondaries.md").read_text()


def block(title: str) -> str:
    """Return the block of the page that has this title."""
    (found,) = re.findall(rf"^```{re.escape(title)}\n(.*?)^```$", PAGE, re.M | re.S)
    return str(found)


def here(text: str, folder: Path, port: int, primary: Primary) -> str:
    """Return a text of the page with the addresses, paths and names of a test."""
    text = text.replace("SECRET", primary.key.secret).replace("failover.example", ZONE)
    for written, real in (
        ("198.51.100.53@53", f"127.0.0.1@{port}"),
        ("192.0.2.53@53", f"127.0.0.1@{primary.port}"),
        ("192.0.2.53@853", f"127.0.0.1@{primary.tls}"),
        ("192.0.2.53 port 53 ", f"127.0.0.1 port {primary.port} "),
        ("192.0.2.53 port 853 ", f"127.0.0.1 port {primary.tls} "),
        ("192.0.2.53:53", f"127.0.0.1:{primary.port}"),
        ("192.0.2.53", "127.0.0.1"),
        ("198.51.100.53", "127.0.0.1"),
        ("port 53 {", f"port {port} {{"),
        ("local-port=53", f"local-port={port}"),
    ):
        text = text.replace(written, real)
    text = re.sub(r"/etc/(?:nsd|bind)/ca.pem", str(primary.authority), text)
    return re.sub(r"/(?:run|var/lib|var/cache)/(?:knot|nsd|bind|powerdns)\b", str(folder), text)


def _knot(folder: Path, port: int, primary: Primary) -> Sequence[str | Path]:
    text = block("knot.conf")
    if primary.catalog is not None:
        text = text.partition("zone:\n")[0] + block("knot.conf catalog")
    file = folder / "knot.conf"
    text = text.replace("target: syslog", "target: stderr").replace("    user: knot:knot\n", "")
    file.write_text(here(text, folder, port, primary))
    return ["knotd", "-c", file]


def _nsd(folder: Path, port: int, primary: Primary) -> Sequence[str | Path]:
    text = block("nsd.conf")
    if primary.tls is not None:
        text = text.partition("zone:\n")[0] + block("nsd.conf tls")
    text = text.replace("server:\n", 'server:\n    pidfile: ""\n', 1)
    text = text.replace("username: nsd", 'username: ""')
    file = folder / "nsd.conf"
    file.write_text(here(text, folder, port, primary))
    return ["nsd", "-d", "-c", file]


def _bind(folder: Path, port: int, primary: Primary) -> Sequence[str | Path]:
    text = block("named.conf")
    if primary.catalog is not None:
        catalog = block("named.conf catalog")
        options, zone = catalog.removeprefix("options {\n").split("};\n\n")
        text = text.partition("zone ")[0].replace("options {\n", f"options {{\n{options}") + zone
    if primary.tls is not None:
        text = re.sub(r"^primaries .*\n", block("named.conf tls"), text, flags=re.M)
    files = "pid-file none; session-keyfile none; lock-file none;"
    text = text.replace("options {", f"controls {{ }};\noptions {{ {files}", 1)
    file = folder / "named.conf"
    file.write_text(here(text, folder, port, primary))
    return ["named", "-g", "-n", "1", "-c", file]


def _powerdns(folder: Path, port: int, primary: Primary) -> Sequence[str | Path]:
    text = re.sub(r"^set[ug]id=.*\n", "", block("pdns.conf"), flags=re.M)
    text += f"socket-dir={folder}\nsecurity-poll-suffix=\n"  # asks nobody on the Internet
    folder.joinpath("pdns.conf").write_text(here(text, folder, port, primary))
    (commands,) = re.findall(r"^```\n(sqlite3 .*?)^```$", PAGE, re.M | re.S)
    commands = commands.replace("pdnsutil ", f"pdnsutil --config-dir={folder} ")
    tool("sqlite3")
    script = here("set -e\n" + commands, folder, port, primary)
    subprocess.run(["bash", "-c", script], check=True, capture_output=True)
    return ["pdns_server", f"--config-dir={folder}"]


DOCUMENTED = {
    "Knot": Make("Knot", "knotd", _knot, reads_catalogs=True),
    "NSD": Make("NSD", "nsd", _nsd, reads_catalogs=False),
    "BIND": Make("BIND", "named", _bind, reads_catalogs=True),
    "PowerDNS": Make("PowerDNS", "pdns_server", _powerdns, reads_catalogs=False),
}


@pytest.mark.parametrize(
    ("names", "variant"),
    [
        (tuple(DOCUMENTED), "plain"),
        (tuple(n for n, make in MAKES.items() if make.reads_catalogs), "catalog"),
        (("NSD", "BIND"), "tls"),
    ],
)
def test_each_name_server_follows_with_its_documented_configuration(
    tmp_path: Path, names: tuple[str, ...], variant: str
) -> None:
    """Only addresses, ports, paths and users are those of the test."""
    with ExitStack() as stack:
        fleet = Fleet(tmp_path, names, catalog=variant == "catalog", makes=DOCUMENTED)
        stack.callback(fleet.stop)
        more: dict[str, object] = {}
        if variant == "tls":
            authority, hostname = Authority(), f"ns1.{ZONE}"
            chain, key = authority.issue(hostname, common_name=hostname).save(tmp_path, "tls")
            tmp_path.joinpath("ca.pem").write_text(authority.pem)
            more = {"tls": free_port(), "authority": tmp_path / "ca.pem"}
            listen = f'["127.0.0.1:{more["tls"]}"]'
            section = f"tls: {{listen: {listen}, certificate: {chain}, key: {key}}}\n"
            fleet.server.config.write_text(fleet.configuration(ZONE, more=section))
        fleet.start(**more)
        fleet.wait(fleet.serial())
        fleet.wait(fleet.switch("backup"))
