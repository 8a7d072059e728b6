"""Which secondaries are in step: shown, waited for, and reported when they stay behind.

Knot is a secondary of the server, beside a socket that never answers and a Knot without the zone.
"""

from __future__ import annotations

import os
import signal
import socket
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from ports import free_port
from stock_secondaries import MAKES, Key, Primary, Secondary
from system.server import Server, tool, wait_for

ZONE = "failover.test"
KEY = Key()
HOSTNAME = "414-262-781.failover.test"

CONFIG = """\
zones:
  failover.test:
    nameservers: {{ns1: [127.0.0.1], ns2: [127.0.0.2]}}
    ttl: 1
    negative_ttl: 1
    secondaries: [{secondaries}]
  alone.test:
    nameservers: {{ns1.failover.test: []}}
    secondaries: []
listen: ["127.0.0.1:{port}"]
workers: 1
control: {{socket: control.sock}}
state: {{sqlite: state.db}}
tsig_keys: {{xfr.failover.test: {{secret_file: xfr.key}}}}
secondaries:
  knot: {{address: "127.0.0.1:{knot}", key: xfr.failover.test}}
  empty: {{address: "127.0.0.1:{empty}", key: xfr.failover.test}}
  hangs: {{address: "127.0.0.1:{hangs}", key: xfr.failover.test}}
safety_rules: {{secondaries-behind: {{secondaries: in-step, groups: [guarded]}}}}
hooks:
  alarm: {{run: {program}, events: [secondary-behind, secondary-in-step]}}
"""

HOOK = """\
#!/bin/sh
cd "$(dirname "$0")"
echo "$FAILOVERDNS_EVENT $FAILOVERDNS_SECONDARY $FAILOVERDNS_ZONE $FAILOVERDNS_PROBLEM" >> alarms
"""


class Stage:
    """The server, Knot as its secondary, a Knot without the zone, and a socket that hangs."""

    def __init__(self, folder: Path) -> None:
        """Make what is needed; start Knot and the server with Knot as the only secondary."""
        tool("knotd")
        self._folder = folder
        self._hanging = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._hanging.bind(("127.0.0.1", 0))
        self.ports = {
            "port": free_port(),
            "knot": free_port(),
            "empty": free_port(),
            "hangs": self._hanging.getsockname()[1],
        }
        (folder / "xfr.key").write_text(KEY.secret)
        (folder / "xfr.key").chmod(0o600)
        (folder / "alarm").write_text(HOOK)
        (folder / "alarm").chmod(0o755)
        self.alarms = folder / "alarms"
        self.server = Server(folder, self._config("knot"))
        self.server.start()
        for name, address in (("shop-eu", "192.0.2.10"), ("shop-us", "198.51.100.20")):
            self.server.do(command="application add", name=name)
            self.server.ctl(
                "head", "add", name, "lb1", "--role", "load-balancer", "--address", address
            )
        self.server.do(command="group add", name="shop", zone=ZONE, label="414-262-781",
                       primary="shop-eu", backup="shop-us")  # fmt: skip
        port = self.ports["port"]
        self.knot = Secondary(
            MAKES["Knot"], folder / "knot", Primary(port, KEY, [ZONE]), self.ports["knot"]
        )
        self.empty = Secondary(
            MAKES["Knot"], folder / "empty", Primary(port, KEY, ["other.test"]), self.ports["empty"]
        )
        self.knot.start()
        self.wait_until_in_step("knot")

    def follow(self, *names: str) -> None:
        """Reload with these secondaries for the zone."""
        assert self.server.process is not None
        count = self.server.log.read_text().count("reloaded")
        self.server.config.write_text(self._config(*names))
        self.server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: self.server.log.read_text().count("reloaded") > count)

    def standing(self, name: str) -> dict[str, Any]:
        """Return what the server knows of a secondary."""
        zones = {zone["name"]: zone for zone in self.server.do(command="zone list")["zones"]}
        found = {one["secondary"]: one for one in zones[ZONE]["secondaries"]}
        standing: dict[str, Any] = found[name]
        return standing

    def wait_until_in_step(self, name: str) -> None:
        wait_for(lambda: self.standing(name)["in_step"], lambda: str(self.standing(name)))

    def switch(self, **more: Any) -> dict[str, Any]:
        """Switch the group to its other side."""
        return self.server.do(command="switch", groups=["shop"], **more)

    def answer_of_knot(self) -> list[str]:
        """Return what Knot answers for the group."""
        return self.server.short("-p", str(self.ports["knot"]), HOSTNAME, "A")

    def stop(self) -> None:
        self.knot.stop()
        self.empty.stop()
        self.server.kill()
        self._hanging.close()

    def _config(self, *names: str) -> str:
        return CONFIG.format(
            secondaries=", ".join(names), program=self._folder / "alarm", **self.ports
        )


@pytest.fixture(scope="module")
def stage(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    made = Stage(tmp_path_factory.mktemp("stage"))
    yield made
    made.stop()


def test_a_switch_waits_until_a_secondary_serves_it(stage: Stage) -> None:
    """After the reply no query at the secondary gets the old answer."""
    stage.follow("knot")
    stage.wait_until_in_step("knot")
    for _ in range(20):
        began = time.monotonic()
        result = stage.switch(wait_secondaries=10)
        assert time.monotonic() - began < 5
        assert stage.answer_of_knot() == result["groups"][0]["targets"]
        (found,) = result["secondaries"]
        assert (found["secondary"], found["zone"], found["in_step"]) == ("knot", ZONE, True)
        assert found["served_at"] <= result["groups"][0]["drained_at"]
        assert "warnings" not in result
    assert stage.standing("knot")["problem"] is None


def test_a_dry_run_and_a_zone_without_secondaries_do_not_wait(stage: Stage) -> None:
    assert "secondaries" not in stage.switch(wait_secondaries=10, dry_run=True)
    stage.server.do(command="group add", name="lone", zone="alone.test", primary="shop-eu",
                    backup="shop-us")  # fmt: skip
    result = stage.server.do(command="switch", groups=["lone"], wait_secondaries=10)
    assert result["secondaries"] == []
    assert stage.server.ctl("switch", "lone", "--wait-secondaries", "5").returncode == 0


def test_a_secondary_that_hangs_is_named_and_holds_up_nobody(stage: Stage) -> None:
    stage.follow("knot", "hangs", "empty")
    stage.empty.start()
    stage.wait_until_in_step("knot")
    began = time.monotonic()
    results: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: results.append(stage.switch(wait_secondaries=3)))
    waiting.start()
    wait_for(lambda: stage.standing("knot")["in_step"])
    stage.server.do(command="status")
    stage.server.do(command="group add", name="other", zone=ZONE)
    assert time.monotonic() - began < 2
    waiting.join()
    assert 2.9 < time.monotonic() - began < 10
    (result,) = results
    by_name = {one["secondary"]: one for one in result["secondaries"]}
    assert by_name["knot"]["in_step"]
    assert "does not answer (since 20" in by_name["hangs"]["problem"]
    assert "to SOA" in by_name["empty"]["problem"]
    assert (
        sum("does not serve the new answer in failover.test" in w for w in result["warnings"]) == 2
    )


def test_why_a_secondary_is_behind_is_shown(stage: Stage) -> None:
    stage.follow("knot", "hangs")
    wait_for(lambda: "does not answer" in str(stage.standing("hangs")["problem"]))
    shown = stage.server.ctl("secondary", "list").stdout
    assert "does not answer (since" in shown
    assert "in step since" in shown
    status = stage.server.ctl("status").stdout
    assert "secondary hangs, zone failover.test: " in status
    assert "secondary knot" not in status
    assert "knot: in step since" in stage.server.ctl("zone", "list").stdout


def test_a_secondary_that_stays_behind_is_an_event_and_a_hook_once(stage: Stage) -> None:
    """The rule refuses switches of its groups meanwhile, and can be overridden by name."""
    stage.follow("knot")
    before = _read(stage.alarms).count("secondary-behind hangs failover.test")
    stage.follow("knot", "hangs")
    wait_for(lambda: _read(stage.alarms).count("secondary-behind hangs failover.test") > before)
    stage.server.do(command="group add", name="guarded", primary="shop-eu", backup="shop-us",
                    zone=ZONE)  # fmt: skip
    refused = stage.server.ask(command="switch", groups=["guarded"])
    assert [rule["rule"] for rule in refused["error"]["rules"]] == ["secondaries-behind"]
    assert "hangs since" in refused["error"]["rules"][0]["message"]
    stage.server.do(command="switch", groups=["guarded"], override=["secondaries-behind"])
    stage.switch()
    history = stage.server.ctl("history", "--limit", "20").stdout
    assert "secondary-behind" in history
    assert _read(stage.alarms).count("secondary-behind hangs") == before + 1


def test_a_secondary_that_comes_back_follows_and_is_reported_in_step(stage: Stage) -> None:
    stage.follow("knot")
    stage.wait_until_in_step("knot")
    before = _read(stage.alarms).count("secondary-behind knot")
    stage.knot.stop()
    for _ in range(3):
        stage.switch()
    wait_for(lambda: _read(stage.alarms).count("secondary-behind knot") > before)
    assert stage.standing("knot")["in_step"] is False
    stage.knot.start()
    stage.wait_until_in_step("knot")
    assert stage.answer_of_knot() == stage.server.short(HOSTNAME, "A")
    wait_for(lambda: _read(stage.alarms).count("secondary-in-step knot") > before)
    assert _read(stage.alarms).count("secondary-behind knot") == before + 1


def test_without_the_transfer_process_nothing_is_known_and_nothing_hangs(stage: Stage) -> None:
    stage.follow("knot", "empty", "hangs")
    stage.wait_until_in_step("knot")
    pid = stage.server.do(command="status")["server"]["transfers"]["pid"]
    os.kill(pid, signal.SIGKILL)
    wait_for(lambda: stage.standing("knot")["in_step"] is None)
    assert "does not run" in stage.standing("knot")["problem"]
    assert stage.server.ask(command="zone notify")["error"]["code"] == "unavailable"
    stage.wait_until_in_step("knot")
    assert stage.server.do(command="zone notify")["notified"] == ["knot", "empty", "hangs"]
    result = stage.switch(wait_secondaries=2)
    assert result["secondaries"][0]["in_step"]


def test_a_restart_ends_the_wait_with_what_is_known(stage: Stage) -> None:
    """The switch itself is done; nobody waits for the rest of the time."""
    stage.follow("knot", "hangs")
    stage.wait_until_in_step("knot")
    wait_for(lambda: "does not answer" in str(stage.standing("hangs")["problem"]))
    before = stage.answer_of_knot()
    results: list[dict[str, Any]] = []
    waiting = threading.Thread(target=lambda: results.append(stage.switch(wait_secondaries=600)))
    waiting.start()
    wait_for(lambda: stage.answer_of_knot() != before)
    assert stage.server.ctl("restart").returncode == 0
    waiting.join()
    assert any("secondary hangs does not serve" in text for text in results[0]["warnings"])
    stage.wait_until_in_step("knot")


def _read(path: Path) -> str:
    return path.read_text() if path.exists() else ""
