"""The configuration of a running server: checking, loading, and reloading as a whole."""

from __future__ import annotations

import signal
import subprocess
from pathlib import Path

import pytest
from system.server import CONFIG, DEADLINE, EXECUTABLE, Server, wait_for

TWO_ZONES = CONFIG.replace(
    "listen:",
    """\
  second.test:
    nameservers: {ns.example.net: []}
    records: ["www 60 IN A 192.0.2.80"]
listen:""",
)


def reload(server: Server, config: str, until: str) -> str:
    """Write another configuration, reload it, wait for `until` in the log, return the new lines."""
    begin = server.log.stat().st_size
    server.config.write_text(config)
    assert server.process is not None
    server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: until in server.log.read_text()[begin:], lambda: server.log.read_text())
    return server.log.read_text()[begin:]


def check_config(file: Path) -> subprocess.CompletedProcess[str]:
    """Run `failoverdns check-config`."""
    return subprocess.run(
        [EXECUTABLE, "check-config", file],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )


def test_check_config_is_silent_about_a_good_file(tmp_path: Path) -> None:
    """The exit status is 0."""
    file = tmp_path / "good.yaml"
    file.write_text(CONFIG)
    done = check_config(file)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_check_config_prints_every_error_with_its_place(tmp_path: Path) -> None:
    """The exit status is 1, and the format FILE:LINE:COLUMN: error: PATH: MESSAGE."""
    file = tmp_path / "bad.yaml"
    file.write_text(CONFIG.replace("ttl: 60", "ttl: soon").replace("workers: 0", "workrs: 0"))
    done = check_config(file)
    assert done.returncode == 1
    lines = done.stdout.splitlines()
    assert len(lines) == 3
    assert all(line.startswith(f"{file}:") and ": error: " in line for line in lines)
    assert 'unknown key; did you mean "workers"?' in done.stdout


def test_a_server_does_not_start_on_a_bad_file(tmp_path: Path) -> None:
    """It logs every error and creates no database."""
    server = Server(tmp_path, CONFIG.replace("127.0.0.1:0", "localhost:0"))
    assert server.launch().wait(DEADLINE) == 1
    assert "failoverdns.yaml:10:10: error: listen[0]: " in server.log.read_text()
    assert not (tmp_path / "state.db").exists()


def test_a_reload_applies_new_zones_and_records(demo: Server) -> None:
    """A zone can be added and removed; groups are unchanged."""
    reload(demo, TWO_ZONES.replace("mail.", "mx2."), "reloaded")
    assert demo.short("MX", "failover.test") == ["10 mx2.example.net."]
    assert demo.short("www.second.test") == ["192.0.2.80"]
    assert demo.short("TXT", "_status.shop-eu.second.test") == ['"online"']
    assert demo.short("414-262-781.failover.test") == ["192.0.2.10"]
    demo.do(command="switch", groups=["shop"])
    assert demo.short("TXT", "_status.shop-eu.second.test") == ['"offline"']
    reload(demo, CONFIG, "reloaded")
    assert "status: REFUSED" in demo.dig("www.second.test")
    assert demo.do(command="history", limit=1)["history"][0]["command"] == {"command": "reload"}


def test_a_reload_raises_the_serial_of_a_changed_zone(demo: Server) -> None:
    """A reload that does not change the zone does not change its serial."""

    def serial() -> int:
        return int(demo.short("SOA", "failover.test")[0].split()[2])

    before = serial()
    reload(demo, TWO_ZONES, "reloaded")
    assert serial() == before
    reload(demo, TWO_ZONES.replace("mail.", "mx2."), "reloaded")
    assert serial() > before


def test_a_reload_of_an_invalid_file_changes_nothing(demo: Server) -> None:
    """The valid part of the file is not applied either."""
    text = reload(demo, TWO_ZONES.replace("MX 10", "MX ten"), "not reloaded")
    assert "error: zones.failover.test.records[0]: " in text
    assert demo.short("MX", "failover.test") == ["10 mail.example.net."]
    assert "status: REFUSED" in demo.dig("www.second.test")


def test_a_reload_that_contradicts_the_groups_changes_nothing(demo: Server) -> None:
    """A zone with groups cannot be removed, and a group's name cannot have configured records."""
    text = reload(demo, CONFIG.replace("failover.test", "other.test"), "not reloaded")
    assert "zone failover.test is not configured, but 1 group(s) are in it" in text
    record = '      - "414-262-781 60 IN TXT mine"\nlisten:'
    text = reload(demo, CONFIG.replace("listen:", record), "not reloaded")
    assert "414-262-781.failover.test has records, but belongs to group 'shop'" in text
    assert demo.short("414-262-781.failover.test") == ["192.0.2.10"]


RESTART = {
    "state": TWO_ZONES.replace("state.db", "other.db"),
    "control": TWO_ZONES.replace("control.sock", "other.sock"),
    "querylog": TWO_ZONES + "querylog: {file: queries.json}\n",
    "workers": TWO_ZONES.replace("workers: 0", "workers: 1"),
    "certificates": TWO_ZONES + "certificates: {key_file: other.key}\n",
}
"""Sections that only a restart can change, each with a file that changes it."""


@pytest.mark.parametrize(("section", "text"), RESTART.items(), ids=RESTART)
def test_a_reload_that_needs_a_restart_is_rejected(demo: Server, section: str, text: str) -> None:
    """The log names the section, and no part of the file is applied."""
    logged = reload(demo, text, "not reloaded")
    assert f"a change of {section} takes a restart" in logged
    assert "status: REFUSED" in demo.dig("www.second.test")
    assert demo.short("414-262-781.failover.test") == ["192.0.2.10"]


def test_a_reload_replaces_listen_addresses(demo: Server) -> None:
    """The new address answers, the old one does not, and an unchanged one keeps working."""
    text = reload(demo, CONFIG.replace("127.0.0.1:0", "127.0.0.2:0"), "answering on 127.0.0.2")
    port = int(text.split("answering on 127.0.0.2:")[1].split(",")[0])
    demo.port, old = port, demo.port
    assert demo.short("@127.0.0.2", "414-262-781.failover.test") == ["192.0.2.10"]
    assert demo.short("@::1", "414-262-781.failover.test") == ["192.0.2.10"]
    demo.port = old
    command = ["dig", "@127.0.0.1", "-p", str(old), "+tries=1", "+time=1", "+tcp", "failover.test"]
    done = subprocess.run(command, capture_output=True, timeout=DEADLINE, check=False)
    assert done.returncode == 9


def test_a_reload_to_an_unavailable_address_changes_nothing(demo: Server) -> None:
    """New zones in the file are not applied either."""
    other = TWO_ZONES.replace("127.0.0.1:0", "192.0.2.1:0")
    assert "no interface has this address" in reload(demo, other, "not reloaded")
    assert "status: REFUSED" in demo.dig("www.second.test")
    assert demo.short("414-262-781.failover.test") == ["192.0.2.10"]


def test_the_server_survives_many_reloads_at_once(demo: Server) -> None:
    """After 50 signals the last file is applied."""
    assert demo.process is not None
    for _ in range(50):
        demo.process.send_signal(signal.SIGHUP)
    reload(demo, TWO_ZONES, "reloaded")
    wait_for(lambda: demo.short("www.second.test") == ["192.0.2.80"])


def test_a_wildcard_address_replies_from_the_address_of_the_query(tmp_path: Path) -> None:
    """dig rejects a reply from another address than the one it sent its query to."""
    server = Server(tmp_path, CONFIG.replace("127.0.0.1:0", "0.0.0.0:0").replace("[::1]", "[::]"))
    try:
        server.start()
        for address in ("@127.0.0.1", "@127.0.0.77", "@::1"):
            assert server.short(address, "NS", "failover.test") == ["ns1.failover.test."]
            assert server.short(address, "+tcp", "NS", "failover.test") == ["ns1.failover.test."]
    finally:
        server.kill()


def test_the_server_answers_chaos_queries_only_if_configured(tmp_path: Path) -> None:
    """CHAOS TXT queries are refused by default, and a reload can change that."""
    server = Server(tmp_path)
    try:
        server.start()
        assert "status: REFUSED" in server.dig("CH", "TXT", "id.server")
        told = CONFIG + "identity: {id: ns1-berlin}\n"
        reload(server, told, "reloaded")
        assert server.short("CH", "TXT", "id.server") == ['"ns1-berlin"']
        assert "status: REFUSED" in server.dig("CH", "TXT", "version.bind")
    finally:
        server.kill()
