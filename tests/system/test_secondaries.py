"""Stock name servers as secondaries serve what we serve: Knot, NSD, BIND and PowerDNS."""

from __future__ import annotations

import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from functools import partial
from itertools import pairwise
from pathlib import Path

import dns.message
import dns.query
import pytest
from authority import Authority
from driving import at_once, run
from ports import free_port
from stock_secondaries import (
    MAKES,
    Key,
    Make,
    Primary,
    Secondary,
    records_of,
    serial_at,
    transfer,
    transferred_text,
)
from system.kills import kills
from system.server import Server, tool, wait_for
from system.test_reloading import hang_up
from vaults import vault_beside

from failoverdns.model.change import Change, Write
from failoverdns.model.names import DomainName
from failoverdns.model.principal import unix_principal
from failoverdns.model.zone import ZoneSerial
from failoverdns.store.sqlite import SQLiteStore

ZONE = "failover.test"
CATALOG = "catalog.failover.test"
KEY = Key()
HOSTNAME = "414-262-781.failover.test"
ADDRESSES = {"primary": "192.0.2.10", "backup": "198.51.100.20"}
ALL = tuple(MAKES)
QUICK = ("Knot", "NSD", "BIND")
"""PowerDNS waits up to a second before it looks at a NOTIFY."""

RECORDS = r"""
      - '@ 3600 IN MX 10 mail'
      - '@ CAA 0 issue "ca.example.net"'
      - 'mail 300 IN A 192.0.2.25'
      - 'www 300 IN CNAME Mail'
      - 'deep.ent 300 TXT hello'
      - '*.wild 300 A 192.0.2.77'
      - 'sub 300 NS ns.sub'
      - 'ns.sub 300 A 192.0.2.99'
      - 'ns.sub 300 AAAA 2001:db8::99'
      - '_sip._tcp 300 SRV 0 5 5060 sip.example.net.'
      - 'svc 300 HTTPS 1 . alpn=h2'
      - 'od\.d\000\255 300 TXT "\000\"\\ \255"'
      - '* 300 A 192.0.2.78'
"""
COMMANDS = """
group add empty --label empty
group add half --label half --primary shop-eu
group add gone --label gone
group remove gone
"""


class Fleet:
    """Our server as the primary, and stock secondaries, each in a folder of its own."""

    def __init__(
        self,
        folder: Path,
        names: Sequence[str],
        *,
        catalog: bool = False,
        key: Key = KEY,
        makes: Mapping[str, Make] = MAKES,
    ) -> None:
        """Write our configuration; `key` is what the secondaries use."""
        self._makes = makes
        self._folder = folder
        self._catalog = catalog
        self._key = key
        self.ports = {name: free_port() for name in names}
        self.port = free_port()
        self.secondaries: dict[str, Secondary] = {}
        folder.joinpath("xfr.key").write_text(KEY.secret)
        folder.joinpath("xfr.key").chmod(0o600)
        self.server = Server(folder, self.configuration(ZONE))

    def configuration(self, *zones: str, more: str = "") -> str:
        """Return our configuration, which has these zones."""
        text = "zones:\n"
        for zone in zones:
            text += f"  {zone}:\n    nameservers: {{ns1: [127.0.0.1], ns2: [127.0.0.2]}}\n"
            text += f"    records:{RECORDS}"
        text += f'listen: ["127.0.0.1:{self.port}"]\nworkers: 1\n{more}'
        text += "control: {socket: control.sock}\nstate: {sqlite: state.db}\n"
        text += f"tsig_keys: {{{KEY.name}: {{secret_file: xfr.key}}}}\nsecondaries:\n"
        for name, port in self.ports.items():
            text += f'  {name.lower()}: {{address: "127.0.0.1:{port}", key: {KEY.name}}}\n'
        return text + (f"catalog: {CATALOG}\n" if self._catalog else "")

    def start(self, **more: object) -> None:
        """Start the primary with its groups, then the secondaries, without waiting for them."""
        self.start_primary()
        self.start_secondaries(**more)

    def start_primary(self) -> None:
        """Start the primary, and create its groups."""
        self.server.start()
        self.server.load_demo()
        with self.server.connect() as client:
            for line in COMMANDS.strip().splitlines():
                assert client.ask(line.encode() + b"\n")["ok"], line

    def start_secondaries(self, **more: object) -> None:
        """Start the secondaries; `more` are further attributes of their primary."""
        catalog = CATALOG if self._catalog else None
        primary = Primary(self.port, self._key, [ZONE], catalog, **more)  # type: ignore[arg-type]
        for name, port in self.ports.items():
            tool(MAKES[name].program)
            secondary = Secondary(self._makes[name], self._folder / name, primary, port)
            self.secondaries[name] = secondary.start()

    def switch(self, side: str) -> int:
        """Switch the group `shop`; return the zone's serial afterwards."""
        self.server.do(command="switch", groups=["shop"], to=side)
        return self.serial()

    def serial(self, zone: str = ZONE) -> int:
        """Return the serial that we serve."""
        serial = serial_at(zone, self.port)
        assert serial is not None
        return serial

    def wait(self, serial: int, zone: str = ZONE) -> None:
        """Wait until every secondary serves the zone with this serial."""
        for secondary in self.secondaries.values():
            secondary.wait_for(zone, serial)

    def compare(self, zone: str = ZONE) -> list[str]:
        """Check that each secondary has the records that we have; return these."""
        self.wait(self.serial(zone), zone)
        wait_for(lambda: transfer(zone, self.port, *KEY.words))  # it may just have started
        ours = transfer(zone, self.port, *KEY.words)
        assert ours == records_of(self.server.do(command="records", zone=zone)["text"], zone)
        for name, secondary in self.secondaries.items():
            assert secondary.transfer(zone) == ours, name
        return ours

    def stop(self) -> None:
        """Stop everything."""
        for secondary in self.secondaries.values():
            secondary.stop()
        self.server.kill()


@pytest.fixture
def stack() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


def addresses_at(port: int, name: str = HOSTNAME) -> list[str]:
    """Query a port of 127.0.0.1 for A records; return the addresses."""
    reply = dns.query.udp(dns.message.make_query(name, "A"), "127.0.0.1", 5, port)
    return sorted(str(rdata) for rrset in reply.answer for rdata in rrset)


def serves(port: int, address: str) -> bool:
    """Return whether several queries at a port of 127.0.0.1 all get this address."""
    return all(addresses_at(port) == [address] for _ in range(5))


@pytest.mark.long
@pytest.mark.parametrize(
    ("names", "switches"),
    [
        pytest.param(QUICK, kills(500), id="Knot, NSD and BIND"),
        pytest.param(("PowerDNS",), kills(100), id="PowerDNS"),
    ],
)
def test_each_switch_reaches_each_secondary(
    tmp_path: Path, stack: ExitStack, names: Sequence[str], switches: int
) -> None:
    """Each is waited for; the primary is killed in between, alone and with all its processes.

    Serials never go back.  At the end all have the same records, those of empty groups too.
    """
    fleet = Fleet(tmp_path, names)
    stack.callback(fleet.stop)
    fleet.start()
    serials = [fleet.serial()]
    fleet.compare()
    period = min(switches, 40)
    for number in range(switches):
        side = ("backup", "primary")[number % 2]
        serials.append(fleet.switch(side))
        if number % period == period // 2:
            assert fleet.server.process is not None
            fleet.server.process.kill()
            fleet.server.process.wait()
            fleet.server.start()
        elif number % period == period - 1:
            fleet.server.kill()
            fleet.server.start()
        for name, secondary in fleet.secondaries.items():
            secondary.wait_for(ZONE, serials[-1])
            if name == "NSD":  # the process before still answers while the new one takes over
                wait_for(partial(serves, secondary.port, ADDRESSES[side]))
            assert addresses_at(secondary.port) == [ADDRESSES[side]], f"{name}, switch {number}"
    for before, after in pairwise(serials):
        assert 0 < (after - before) & 0xFFFFFFFF < 0x80000000, "a later serial (RFC 1982)"
    markers = [record.split()[0] for record in fleet.compare() if "TYPE65350" in record]
    assert {f"empty.{ZONE}.", f"gone.{ZONE}."} < set(markers)
    for secondary in fleet.secondaries.values():
        reply = dns.query.udp(
            dns.message.make_query(f"empty.{ZONE}", "A"), "127.0.0.1", 5, secondary.port
        )
        assert (reply.rcode(), reply.answer) == (0, []), f"{secondary.name}: NODATA"
    if "Knot" in names:
        text = fleet.secondaries["Knot"].log.read_text()
        assert "IXFR, incoming" in text, "changes are transferred, not zones"


def test_a_secondary_that_was_away_for_1000_changes(tmp_path: Path, stack: ExitStack) -> None:
    """It gets what differs, as one difference, also if we were started anew meanwhile."""
    fleet = Fleet(tmp_path, QUICK)
    stack.callback(fleet.stop)
    fleet.start()
    fleet.compare()
    for secondary in fleet.secondaries.values():
        secondary.stop()
    switches = [f"switch shop --to {side}\n" for side in ("backup", "primary")] * 500
    with fleet.server.connect() as client:
        client.sock.sendall("".join(switches[:-1]).encode())
        for _ in switches[:-1]:
            assert client.receive()["ok"]
    fleet.server.kill()
    fleet.server.start()
    for secondary in fleet.secondaries.values():
        secondary.start()
    fleet.compare()
    for secondary in fleet.secondaries.values():
        wait_for(partial(serves, secondary.port, ADDRESSES["backup"]))


def test_serials_that_wrap(tmp_path: Path, stack: ExitStack) -> None:
    """After 4294967280 comes a smaller number, which RFC 1982 calls later, and so do they."""
    fleet = Fleet(tmp_path, QUICK)
    stack.callback(fleet.stop)
    fleet.start_primary()
    fleet.server.stop()
    set_serial(tmp_path / "state.db", 4294967280)
    fleet.server.start()
    fleet.start_secondaries()
    fleet.wait(4294967280)
    assert fleet.switch("backup") < 0x80000000
    fleet.compare()


def set_serial(path: Path, serial: int) -> None:
    """Give the zone this serial number in a state file that no server uses."""
    store = SQLiteStore(path, at_once, vault_beside(path))
    state = run(store.load())
    (before,) = [e for e in state.entities if isinstance(e, ZoneSerial)]
    after = ZoneSerial(DomainName.from_text(ZONE), serial, before.digest)
    who = unix_principal(0, 0, "test")
    change = Change(
        state.revision + 1, time.time(), who, {"command": "test"}, (), (), (Write(before, after),)
    )
    run(store.commit(state.revision, [change]))
    run(store.close())


def test_a_restored_backup(tmp_path: Path, stack: ExitStack) -> None:
    """Its serial is an old one: secondaries keep what they have until the next change.

    `secondary list` says so, and after that change they have what we have.
    """
    fleet = Fleet(tmp_path, ("Knot", "BIND"))
    stack.callback(fleet.stop)
    fleet.start()
    fleet.compare()
    state, backup, old = tmp_path / "state.db", tmp_path / "backup.db", fleet.serial()
    words = [tool("sqlite3"), state, f".backup {backup}"]
    subprocess.run(words, check=True, timeout=30)
    wait_for(lambda: time.time() > old + 1)
    later = fleet.switch("backup")
    fleet.wait(later)
    fleet.server.stop()
    state.write_bytes(backup.read_bytes())
    for rest in ("-wal", "-shm", ".acknowledged"):
        state.with_name("state.db" + rest).unlink(missing_ok=True)
    fleet.server.start()
    assert fleet.serial() == old
    wait_for(
        lambda: fleet.server.ctl("secondary", "list").stdout.count("ours") >= 2,
        lambda: fleet.server.ctl("secondary", "list").stdout,
    )
    assert {one.serial(ZONE) for one in fleet.secondaries.values()} == {later}
    wait_for(lambda: time.time() > later + 1)
    fleet.server.do(command="group set", name="empty", ttl=61)
    fleet.compare()
    assert addresses_at(fleet.secondaries["BIND"].port) == [ADDRESSES["primary"]]


def test_zones_come_and_go_with_the_catalog(tmp_path: Path, stack: ExitStack) -> None:
    """A zone that a reload adds is served by Knot and BIND, and one that it removes is not."""
    fleet = Fleet(tmp_path, ("Knot", "BIND"), catalog=True)
    stack.callback(fleet.stop)
    fleet.start()
    for secondary in fleet.secondaries.values():
        secondary.wait_for_any(ZONE)
    fleet.server.config.write_text(fleet.configuration(ZONE, "second.test"))
    hang_up(fleet.server)
    for secondary in fleet.secondaries.values():
        secondary.wait_for_any("second.test")
    assert len(fleet.compare("second.test")) > 10
    fleet.server.config.write_text(fleet.configuration(ZONE))
    hang_up(fleet.server)
    for secondary in fleet.secondaries.values():
        secondary.wait_for("second.test", None)
    serial = fleet.switch("backup")
    fleet.wait(serial)


def test_a_secondary_with_another_secret_gets_nothing(tmp_path: Path, stack: ExitStack) -> None:
    """It is refused with BADSIG, `secondary list` says why it is behind, and others go on."""
    fleet = Fleet(tmp_path, ("Knot",), key=Key(secret="c2VjcmV0IHNlY3JldCBzZWNyZXQgc2VjcmV0IQ=="))
    stack.callback(fleet.stop)
    fleet.start()
    knot = fleet.secondaries["Knot"]
    wait_for(lambda: "failed to verify TSIG" in knot.log.read_text(), knot.last_lines)
    assert knot.serial(ZONE) is None
    wait_for(lambda: "BADSIG" in fleet.server.ctl("secondary", "list").stdout)
    assert transfer(ZONE, fleet.port, *KEY.words)


def test_what_was_transferred_passes_the_checks_of_others(tmp_path: Path, stack: ExitStack) -> None:
    """named-checkzone, kzonecheck and ldns accept the zone, from us and from a secondary."""
    fleet = Fleet(tmp_path, ("Knot",))
    stack.callback(fleet.stop)
    fleet.start()
    knot = fleet.secondaries["Knot"]
    knot.wait_for(ZONE, fleet.serial())
    for name, text in (
        ("ours", transferred_text(ZONE, fleet.port, *KEY.words)),
        ("by kdig", transferred_text(ZONE, fleet.port, *KEY.words, program=tool("kdig"))),
        ("Knot", transferred_text(ZONE, knot.port)),
    ):
        file = tmp_path / "zone"
        lines = [line for line in text.splitlines() if line and not line.startswith(";")]
        file.write_text("\n".join(lines[:-1]) + "\n")
        for command in (
            (tool("named-checkzone"), "-i", "local", ZONE, file),
            (tool("kzonecheck"), "-o", ZONE, file),
            (tool("ldns-read-zone"), file),
        ):
            done = subprocess.run(command, capture_output=True, text=True, check=False)
            assert done.returncode == 0, f"{name}: {done.stdout}{done.stderr}"


def test_transfers_over_tls(tmp_path: Path, stack: ExitStack) -> None:
    """NSD and BIND transfer over TLS 1.3, and kdig +tls sees the same records (RFC 9103)."""
    authority, hostname = Authority(), "ns1.failover.test"
    chain, key = authority.issue(hostname, common_name=hostname).save(tmp_path, "tls")
    ca = tmp_path / "ca.pem"
    ca.write_text(authority.pem)
    port = free_port()
    fleet = Fleet(tmp_path, ("NSD", "BIND"))
    stack.callback(fleet.stop)
    listen = f'tls: {{listen: ["127.0.0.1:{port}"], certificate: {chain}, key: {key}}}\n'
    fleet.server.config.write_text(fleet.configuration(ZONE, more=listen))
    fleet.start(tls=port, authority=ca)
    fleet.compare()
    assert transfer(
        ZONE,
        port,
        "+tls",
        f"+tls-ca={ca}",
        f"+tls-hostname={hostname}",
        *KEY.words,
        program=tool("kdig"),
    ) == transfer(ZONE, fleet.port, *KEY.words)
    fleet.wait(fleet.switch("backup"))
