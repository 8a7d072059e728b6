"""Automatic switching from end to end, with real web heads and DNS clients."""

from __future__ import annotations

import json
import os
import signal
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from authority import make_authority
from heads import (
    OK,
    Behaviour,
    Head,
    answering,
    over_tls,
    resetting,
    stalled,
    stalled_after,
)
from system.asking import Asker
from system.server import CONFIG, Server, tool, wait_for

HOSTNAME = "shop.failover.test"
DAY = 86400.0
CA = make_authority()

_numbers = count(os.getpid() % 20000 * 10 + 1)


def address() -> str:
    """Return an address on loopback that no other test uses."""
    number = next(_numbers)
    return f"127.{1 + number // 64516 % 250}.{number // 254 % 254}.{number % 254 + 1}"


@dataclass
class Heads:
    """Web heads with an address each and a common port, so that one check covers all of them."""

    port: int = 0
    running: dict[str, Head] = field(default_factory=dict)

    def start(self, behave: Behaviour, host: str | None = None) -> str:
        """Start a head; return its address."""
        host = host or address()
        head = Head(behave, host, self.port)
        self.port = head.port
        self.running[host] = head
        return host

    def stop(self, host: str) -> None:
        """Stop a head, so that it refuses connections."""
        self.running.pop(host).close()

    def close(self) -> None:
        """Stop all heads."""
        for host in list(self.running):
            self.stop(host)


@pytest.fixture
def heads() -> Iterator[Heads]:
    """Return heads that are stopped when the test ends."""
    made = Heads()
    yield made
    made.close()


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[..., Server]]:
    """Return a function that starts servers with additional configuration."""
    with ExitStack() as stack:

        def start(more: str, environment: Mapping[str, str] | None = None) -> Server:
            running = Server(tmp_path, CONFIG + more)
            running.environment.update(environment or {})
            stack.callback(running.kill)
            return running.start()

        yield start


def check(heads: Heads, **keys: Any) -> str:
    """Return the configuration of a fast check called `web`; `keys` are added to it."""
    settings = {
        "type": "http",
        "port": heads.port,
        "interval": 0.25,
        "timeout": 0.2,
        "up_after": 2,
        "down_after": 2,
        **keys,
    }
    return f"checks: {{web: {json.dumps(settings)}}}\n"


def shop(server: Server, primary: list[str], backup: list[str], policy: str = "auto") -> None:
    """Add the group `shop` with checked web servers at these addresses on each side."""
    for name, addresses in (("eu", primary), ("us", backup)):
        server.do(command="application add", name=name)
        for number, each in enumerate(addresses, 1):
            server.do(
                command="head add",
                application=name,
                name=f"web{number}",
                role="web-server",
                address=[each],
            )
        server.do(command="application set", name=name, check=["web"])
    server.do(
        command="group add",
        name="shop",
        label="shop",
        primary="eu",
        backup="us",
        policy=policy,
        ttl=1,
    )


def health(server: Server, application: str) -> dict[str, Any]:
    """Return what `health show` reports of an application."""
    (found,) = server.do(command="health show", application=application)["applications"]
    return dict(found)


def is_up(server: Server, *applications: str) -> bool:
    """Return whether all of these applications count as up."""
    return all(health(server, name)["health"]["health"] == "up" for name in applications)


def answers(server: Server, expected: list[str]) -> Callable[[], bool]:
    """Return a condition: the answer to a query for the group is these addresses."""
    return lambda: server.short(HOSTNAME) == sorted(expected)


def commands(server: Server) -> list[dict[str, Any]]:
    """Return the commands in the history, oldest first."""
    history = server.do(command="history", limit=1000)["history"]
    return [change["command"] for change in reversed(history)]


def wait_for_probes(server: Server, rounds: int = 5) -> None:
    """Wait until every check has run several more times, and their consequences are stored.

    This is for a switch that must not happen.  It waits by probes, not by the clock, because a slow
    machine slows the server too.  Five rounds take at least a second, twice the grace of `AUTO`.
    """

    def probes() -> dict[str, Any]:
        return dict(server.do(command="status")["server"]["automation"]["probes"])

    before = probes()
    assert before["targets"] > 0
    wanted = before["started"] + rounds * before["targets"]
    wait_for(lambda: probes()["started"] >= wanted, probes)
    server.do(command="application add", name=f"a{next(_numbers)}")


def look_again(server: Server, *groups: str) -> None:
    """Change groups, so that automation evaluates them at once, and wait until it has."""
    for name in groups:
        server.do(command="group set", name=name, ttl=2)
    wait_for_probes(server)


AUTO = "policies: {auto: {mode: automatic, grace: 0.5, cooldown: 0, max_switches: 100}}\n"
"""A policy without cooldown and with many switches, so that a test need not wait."""


def test_each_kind_of_failure_is_reported_with_its_cause(
    heads: Heads, serve: Callable[..., Server]
) -> None:
    """Stopped, stalled, slow, resetting and wrongly answering heads have different causes."""
    slow = [OK[:20], *(bytes([byte]) for byte in OK[20:])]
    behaviours = {
        "good": (answering(OK), None),
        "stalled": (stalled, "timeout"),
        "slow": (answering(*slow, pause=0.05), "timeout"),
        "cut": (stalled_after(OK[:30]), "timeout"),
        "resetting": (resetting, "reset"),
        "status": (answering(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n"), "status"),
        "body": (answering(OK.replace(b"ok", b"no")), "body"),
        "chatter": (answering(b"SSH-2.0-OpenSSH_9.2\r\n"), "protocol"),
    }
    where = {name: heads.start(behave) for name, (behave, _) in behaviours.items()}
    where["stopped"] = address()
    server = serve(check(heads, body="ok"))
    server.do(command="application add", name="eu")
    for name, each in where.items():
        head = {"application": "eu", "name": name, "role": "web-server", "address": [each]}
        server.do(command="head add", **head)
    server.do(command="application set", name="eu", check=["web"])
    causes = {name: cause for name, (_, cause) in behaviours.items()} | {"stopped": "refused"}

    def known() -> bool:
        return all(head["observed"] != "unknown" for head in health(server, "eu")["heads"])

    wait_for(known, lambda: health(server, "eu"))
    found = {head["name"]: head["cause"] for head in health(server, "eu")["heads"]}
    assert found == causes
    told = [
        fields for change in server.do(command="history")["history"] for fields in change["changed"]
    ]
    text = json.dumps(told)
    for cause in filter(None, causes.values()):
        assert f'"{cause}: ' in text, cause


def test_invalid_certificates_of_heads_are_detected(
    heads: Heads, serve: Callable[..., Server], tmp_path: Path
) -> None:
    """Expired, for another name, by an unknown CA, about to expire, and no TLS at all."""
    assert CA.parent is not None
    (tmp_path / "ca.pem").write_text(CA.parent.pem)
    unknown = make_authority("Nobody's Root")
    issued = {
        "good": (CA.issue(HOSTNAME), None),
        "expired": (CA.issue(HOSTNAME, starts=-9 * DAY, lasts=DAY), "expired"),
        "other": (CA.issue("www.other.example"), HOSTNAME),
        "unknown-ca": (unknown.issue(HOSTNAME), "trusted"),
        "soon": (CA.issue(HOSTNAME, lasts=3 * DAY), "day"),
    }
    where = {}
    for name, (certificate, _) in issued.items():
        folder = tmp_path / name
        folder.mkdir()
        where[name] = heads.start(over_tls(certificate, folder, answering(OK)))
    where["plain"] = heads.start(lambda sock: sock.sendall(b"SSH-2.0-OpenSSH_9.2\r\n"))
    settings = {"type": "https", "ca_file": "ca.pem", "days_left": 14, "timeout": 1, "interval": 1}
    server = serve(check(heads, **settings))
    shop(server, list(where.values()), [address()], policy="")

    def known() -> bool:
        return all(head["observed"] != "unknown" for head in health(server, "eu")["heads"])

    wait_for(known, lambda: health(server, "eu"))
    found = dict(zip(where, health(server, "eu")["heads"], strict=True))
    good = found.pop("good")
    assert good["cause"] is None, good["detail"]
    assert {head["cause"] for head in found.values()} == {"tls"}
    for name, (_, word) in issued.items():
        assert word is None or word in found[name]["detail"], found[name]


def test_a_group_switches_and_fails_back_as_its_policy_says(
    heads: Heads, serve: Callable[..., Server]
) -> None:
    """The hold begins when the primary has recovered."""
    eu, us = heads.start(answering(OK)), heads.start(answering(OK))
    policy = "{mode: automatic, grace: 0.5, fail_back: automatic, hold: 4, cooldown: 0}"
    server = serve(check(heads) + f"policies: {{auto: {policy}}}\n")
    shop(server, [eu], [us])
    wait_for(lambda: is_up(server, "eu", "us"))
    assert server.short(HOSTNAME) == [eu]
    heads.stop(eu)
    wait_for(answers(server, [us]))
    heads.start(answering(OK), eu)
    wait_for(lambda: is_up(server, "eu"))
    assert server.short(HOSTNAME) == [us]
    wait_for(answers(server, [eu]))
    switched = [command for command in commands(server) if command["command"] == "automatic"]
    assert [(command["to"], command["reason"]) for command in switched] == [
        ("backup", "the primary is down and the backup is up"),
        ("primary", "the primary is up again"),
    ]


def test_a_group_does_not_switch_where_its_policy_forbids_it(
    heads: Heads, serve: Callable[..., Server]
) -> None:
    """Manual fail-back, a target that is down, and maintenance prevent an automatic switch."""
    eu, us = heads.start(answering(OK)), heads.start(answering(OK))
    server = serve(check(heads) + AUTO)
    shop(server, [eu], [us])
    wait_for(lambda: is_up(server, "eu", "us"))
    server.do(command="maintenance", group="shop", state="on", reason="disk swap")
    heads.stop(eu)
    wait_for(lambda: health(server, "eu")["health"]["health"] == "down")
    wait_for_probes(server)
    assert server.short(HOSTNAME) == [eu]
    (sentence,) = [s for s in sentences(server) if "Maintenance mode is on" in s]
    assert "disk swap" in sentence
    server.do(command="maintenance", group="shop", state="off")
    wait_for(answers(server, [us]))
    heads.start(answering(OK), eu)
    wait_for(lambda: is_up(server, "eu"))
    wait_for_probes(server)
    assert server.short(HOSTNAME) == [us]
    assert "fail-back is manual" in " ".join(sentences(server))
    server.do(command="switch", groups=["shop"], to="primary")
    heads.stop(us)
    heads.stop(eu)
    for name in ("eu", "us"):
        wait_for(lambda name=name: health(server, name)["health"]["health"] == "down")
    wait_for_probes(server)
    assert server.short(HOSTNAME) == [eu]


def sentences(server: Server) -> list[str]:
    """Return the sentences of `explain` for the group."""
    found: list[str] = server.do(command="explain", group="shop")["sentences"]
    return found


def test_the_flap_guard_stops_a_flapping_group(heads: Heads, serve: Callable[..., Server]) -> None:
    """After `max_switches` the group stays put; `status`, `explain` and history name the guard."""
    eu, us = heads.start(answering(OK)), heads.start(answering(OK))
    policy = (
        "{mode: automatic, grace: 0, fail_back: automatic, hold: 0, cooldown: 0, "
        "max_switches: 3, window: 3600}"
    )
    server = serve(check(heads) + f"policies: {{auto: {policy}}}\n")
    shop(server, [eu], [us])
    wait_for(lambda: is_up(server, "eu", "us"))
    heads.stop(eu)
    wait_for(answers(server, [us]))
    heads.start(answering(OK), eu)
    wait_for(answers(server, [eu]))
    heads.stop(eu)
    wait_for(answers(server, [us]))
    heads.start(answering(OK), eu)

    def held() -> bool:
        automation = server.do(command="status", group="shop")["groups"][0]["automation"]
        return bool(automation["held"]) and automation["held"]["rules"] == ["flap-guard"]

    wait_for(held)
    assert server.short(HOSTNAME) == [us]
    assert "stays where it is (flap-guard)" in " ".join(sentences(server))
    assert commands(server)[-1]["held"] == ["flap-guard"]


def test_a_refused_automatic_switch_is_reported_once_and_done_when_allowed(
    heads: Heads, serve: Callable[..., Server], tmp_path: Path
) -> None:
    """A gate and a freeze refuse it; history, a hook and a count report the refusal."""
    hook = tmp_path / "tell"
    hook.write_text(f'#!/bin/sh\necho "$FAILOVERDNS_EVENT $FAILOVERDNS_RULES" >>{tmp_path}/told\n')
    hook.chmod(0o755)
    eu, us = heads.start(answering(OK)), heads.start(answering(OK))
    more = "safety_rules: {office: {gate: {flag: office-hours}}}\n"
    hooks = f"hooks: {{tell: {{run: {hook}, events: [refused, health]}}}}\n"
    server = serve(check(heads) + AUTO + more + hooks)
    shop(server, [eu], [us])
    server.ctl("automation", "freeze", "--reason", "network works")
    assert "automation is frozen (network works)" in server.ctl("status").stdout
    wait_for(lambda: is_up(server, "eu", "us"))
    heads.stop(eu)
    wait_for(lambda: any("held" in command for command in commands(server)))
    look_again(server, "shop")
    (refusal,) = [command for command in commands(server) if "held" in command]
    assert refusal["held"] == ["automation", "office"]
    assert [rule["rule"] for rule in refusal["rules"]] == ["automation", "office"]
    server.ctl("flag", "on", "office-hours")
    server.ctl("automation", "thaw")
    wait_for(answers(server, [us]))
    report = server.do(command="status")["server"]["automation"]
    assert report["switches"] == 1
    assert report["refused"]["office"] >= 1
    told = tmp_path / "told"
    wait_for(lambda: told.exists() and "refused automation office" in told.read_text())
    assert "health" in told.read_text()


def test_web_servers_that_are_down_are_omitted_from_the_answer(
    heads: Heads, serve: Callable[..., Server]
) -> None:
    """With `answer: healthy`; if all are down, the answer follows `all_down`."""
    up, down, us = (heads.start(answering(OK)) for _ in range(3))
    policies = "policies: {auto: {answer: healthy, all_down: empty}, plain: {answer: healthy}}\n"
    server = serve(check(heads) + policies)
    shop(server, [up, down], [us])
    wait_for(lambda: is_up(server, "eu", "us"))
    assert server.short(HOSTNAME) == sorted([up, down])
    serial = int(server.dig("+short", "failover.test", "SOA").split()[2])
    heads.stop(down)
    wait_for(answers(server, [up]))
    assert int(server.dig("+short", "failover.test", "SOA").split()[2]) > serial
    assert server.short(f"primary.{HOSTNAME}") == sorted([up, down])
    heads.stop(up)
    heads.stop(us)
    wait_for(answers(server, []))
    assert "status: NOERROR" in server.dig(HOSTNAME)
    server.ctl("group", "set", "shop", "--policy", "plain")
    assert server.short(HOSTNAME) == sorted([up, down])


def test_a_forced_health_counts_until_it_is_removed(
    heads: Heads, serve: Callable[..., Server]
) -> None:
    """Probes do not change it; after `none` the observed health counts; `status` shows both."""
    eu, us = heads.start(answering(OK)), heads.start(answering(OK))
    server = serve(check(heads) + AUTO)
    shop(server, [eu], [us])
    wait_for(lambda: is_up(server, "eu", "us"))
    text = server.ctl("health", "force", "e*/web?", "down", "--reason", "disk errors").stdout
    assert text == "forced down: eu/web1\n"
    wait_for(answers(server, [us]))
    assert "web1 (down, forced)" in server.ctl("status").stdout
    shown = server.ctl("health", "show", "eu").stdout
    assert "down (disk errors)" in shown
    refused = server.ctl("switch", "shop", "--to", "primary", check=False)
    assert refused.returncode == 1
    assert "target-down: the primary of group 'shop' is down" in refused.stderr
    head = health(server, "eu")["heads"][0]
    assert (head["health"], head["observed"]) == ("down", "up")
    server.ctl("health", "force", "eu/web1", "none")
    assert is_up(server, "eu")
    server.ctl("switch", "shop", "--to", "primary")


def test_a_head_that_stops_reporting_its_health_is_down(
    serve: Callable[..., Server],
) -> None:
    """With a `push` check, a report counts until its time to live ends."""
    server = serve("checks: {web: {type: push, ttl: 3600}}\n" + AUTO)
    shop(server, ["192.0.2.1"], ["198.51.100.1"])
    server.ctl("health", "report", "us", "up")
    server.ctl("health", "report", "eu/web1", "up", "--ttl", "4")
    assert is_up(server, "eu", "us")
    wait_for(answers(server, ["198.51.100.1"]))
    assert health(server, "eu")["heads"][0]["cause"] == "expired"
    refused = server.ctl("health", "report", "eu/web9", "up", check=False)
    assert "did you mean 'web1'" in refused.stderr


def test_after_a_start_a_head_is_unknown_until_it_was_probed(
    heads: Heads, serve: Callable[..., Server]
) -> None:
    """Health observed before a restart does not count and cannot cause a switch."""
    eu, us = heads.start(answering(OK)), heads.start(answering(OK))
    server = serve(check(heads, down_after=8) + AUTO.replace("automatic,", "manual,"))
    shop(server, [eu], [us])
    wait_for(lambda: is_up(server, "eu", "us"))
    heads.stop(eu)
    wait_for(lambda: health(server, "eu")["health"]["health"] == "down")
    server.stop()
    server.config.write_text(server.config.read_text().replace("manual,", "automatic,"))
    server.start()
    assert health(server, "eu")["health"]["health"] == "unknown"
    assert server.short(HOSTNAME) == [eu]
    wait_for(answers(server, [us]))


def test_a_server_that_was_suspended_does_not_switch_on_old_observations(
    heads: Heads, serve: Callable[..., Server]
) -> None:
    """The grace ends while the server is suspended, and the primary recovers in the same time."""
    eu, us = heads.start(answering(OK)), heads.start(answering(OK))
    server = serve(check(heads) + AUTO.replace("0.5", "4"))
    shop(server, [eu], [us])
    wait_for(lambda: is_up(server, "eu", "us"))
    heads.stop(eu)
    wait_for(lambda: health(server, "eu")["health"]["health"] == "down")
    assert server.process is not None
    server.process.send_signal(signal.SIGSTOP)
    heads.start(answering(OK), eu)
    time.sleep(6)
    server.process.send_signal(signal.SIGCONT)
    wait_for(lambda: is_up(server, "eu", "us"))
    assert server.short(HOSTNAME) == [eu]
    assert "automatic" not in [command["command"] for command in commands(server)]


def test_queries_are_answered_at_once_while_probes_hang(
    heads: Heads, serve: Callable[..., Server], tmp_path: Path
) -> None:
    """One process probes and answers, while heads do not reply and check programs do not end."""
    hanging = tmp_path / "hanging"
    hanging.write_text("#!/bin/sh\nexec sleep 600\n")
    hanging.chmod(0o755)
    eu = [heads.start(stalled) for _ in range(20)]
    settings = {"interval": 3, "timeout": 3}
    web = {"type": "http", "port": heads.port, **settings}
    script = {"type": "exec", "run": [str(hanging)], **settings}
    server = serve(f"checks: {json.dumps({'web': web, 'script': script})}\n")
    shop(server, eu, [address()], policy="")
    server.do(command="application set", name="eu", check=["web", "script"])

    def running() -> int:
        return int(server.do(command="status")["server"]["automation"]["probes"]["running"])

    wait_for(lambda: running() >= 30)
    with Asker(server.port, HOSTNAME) as client:
        rounds = 0
        while rounds < 3 or not has_timed_out(server):  # until probes have timed out, too
            assert running() > 0
            client.wait_for_more()
            rounds += 1
    assert client.lost == 0
    assert {addresses for _, _, addresses in client.seen} == {frozenset(eu)}
    assert max(received - sent for sent, received, _ in client.seen) < 2


def has_timed_out(server: Server) -> bool:
    """Return whether a probe has timed out."""
    bad = server.do(command="status")["server"]["automation"]["probes"]["bad"]
    return bool(bad.get("timeout"))


def test_automation_respects_a_manual_switch(heads: Heads, serve: Callable[..., Server]) -> None:
    """The group stays on the backup, though the primary is up and fail-back is automatic."""
    eu, us = heads.start(answering(OK)), heads.start(answering(OK))
    policy = "{mode: automatic, grace: 0, fail_back: automatic, hold: 0, cooldown: 0}"
    server = serve(check(heads) + f"policies: {{auto: {policy}}}\n")
    shop(server, [eu], [us])
    wait_for(lambda: is_up(server, "eu", "us"))
    server.ctl("switch", "shop")
    look_again(server, "shop")
    assert server.short(HOSTNAME) == [us]
    assert "an operator switched it to the backup" in " ".join(sentences(server))


def test_a_planned_switch_lowers_the_ttl_and_switches_at_its_time(
    serve: Callable[..., Server],
) -> None:
    """A restart in between does not matter; afterwards the TTL is restored."""
    server = serve("")
    server.load_demo()
    server.do(command="group set", name="shop", ttl=30)
    at = datetime.fromtimestamp(time.time() + 10, UTC).isoformat()
    text = server.ctl("switch", "shop", "--at", at, "--pre-ttl", "2", "--reason", "works").stdout
    assert "a switch to the backup is planned for" in text
    assert "warning: the switch is sooner than the TTL of 30 s" in text
    name = "414-262-781.failover.test"
    wait_for(lambda: f"{name}. 2\tIN" in server.dig(name))
    server.stop()
    server.start()
    assert "2" in server.ctl("plan", "list").stdout
    wait_for(lambda: server.short(name) == ["198.51.100.20"])
    assert time.time() >= datetime.fromisoformat(at).timestamp()
    assert f"{name}. 30\tIN" in server.dig(name)
    assert commands(server)[-1]["outcome"] == "switched"
    assert commands(server)[-1]["reason"] == "works"


def test_a_planned_switch_can_be_cancelled_and_is_not_done_late(
    serve: Callable[..., Server], wrong_clock: dict[str, str]
) -> None:
    """A server that was down at the time stores the outcome `missed` and does not switch."""
    server = serve("", wrong_clock)
    server.load_demo()
    later = datetime.fromtimestamp(time.time() + 3600, UTC).isoformat()
    server.ctl("switch", "shop", "--at", later)
    refused = server.ctl("switch", "shop", "--at", later, check=False)
    assert "cancel it first with `plan cancel shop`" in refused.stderr
    assert server.ctl("plan", "cancel", "shop").stdout.startswith("shop: the planned switch")
    server.ctl("switch", "shop", "--at", later)
    server.stop()
    jump(server, "+2h")
    server.start()
    wait_for(lambda: commands(server)[-1].get("outcome") == "missed")
    assert server.short("414-262-781.failover.test") == ["192.0.2.10"]
    assert server.ctl("plan", "list").stdout.startswith("nothing is planned")


def jump(server: Server, offset: str) -> None:
    """Set the server's wall clock wrong by an offset from now on."""
    (server.folder / "clock").write_text(f"{offset}\n")


@pytest.fixture
def wrong_clock(tmp_path: Path) -> dict[str, str]:
    """Return variables with which libfaketime changes the server's wall clock, and no other."""
    tool("faketime")
    library = next(Path("/usr/lib").glob("*/faketime/libfaketime.so.1"))
    (tmp_path / "clock").write_text("+0\n")
    return {
        "LD_PRELOAD": str(library),
        "FAKETIME_TIMESTAMP_FILE": str(tmp_path / "clock"),
        "FAKETIME_NO_CACHE": "1",
        "FAKETIME_DONT_FAKE_MONOTONIC": "1",
    }


@pytest.mark.parametrize("offset", ["+1h", "-1h"])
def test_a_jump_of_the_wall_clock_causes_no_switch(
    heads: Heads, serve: Callable[..., Server], wrong_clock: dict[str, str], offset: str
) -> None:
    """It ends neither a grace nor a hold, and no planned switch is done late."""
    eu, us = heads.start(answering(OK)), heads.start(answering(OK))
    policy = "{mode: automatic, grace: 600, fail_back: automatic, hold: 600, cooldown: 600}"
    server = serve(check(heads) + f"policies: {{auto: {policy}}}\n", wrong_clock)
    shop(server, [eu], [us])
    server.do(command="application add", name="de")
    server.do(command="group add", name="plan", label="plan", primary="de", backup="us")
    later = datetime.fromtimestamp(time.time() + 1800, UTC).isoformat()
    server.do(command="switch", groups=["plan"], at=later)
    wait_for(lambda: is_up(server, "eu", "us"))
    heads.stop(eu)
    wait_for(lambda: health(server, "eu")["health"]["health"] == "down")
    jump(server, offset)
    wait_for(lambda: abs(server_time(server) - time.time()) > 3000)
    look_again(server, "shop", "plan")
    assert server.short(HOSTNAME) == [eu]
    groups = {g["name"]: g for g in server.do(command="group list")["groups"]}
    assert {name: group["active"] for name, group in groups.items()} == {
        "shop": "primary",
        "plan": "primary",
    }
    (waiting,) = [s for s in sentences(server) if "at the earliest in" in s]
    assert "(grace)" in waiting
    missed = [command for command in commands(server) if command.get("outcome") == "missed"]
    assert len(missed) == (1 if offset == "+1h" else 0)


def server_time(server: Server) -> float:
    """Return the server's wall clock time, from a new entry of its history."""
    server.do(command="application add", name=f"a{next(_numbers)}")
    change = server.do(command="history", limit=1)["history"][0]
    return datetime.fromisoformat(change["time"]).timestamp()


def test_a_rehearsal_reports_what_a_switch_would_change(
    demo: Server,
) -> None:
    """It prints records, roles, events and rules, and changes nothing."""
    before = demo.do(command="status")
    text = demo.ctl("rehearse", "shop").stdout
    assert "shop: a switch to the backup would go well; nothing was changed" in text
    assert "answers: 192.0.2.10 -> 198.51.100.20" in text
    assert "event: switch shop" in text
    assert "record: 414-262-781.failover.test. 60 IN A 198.51.100.20" in text
    assert demo.do(command="status") == before


def test_wait_drained_returns_when_the_ttl_is_over(demo: Server) -> None:
    """A TTL that was lowered just before the switch counts with its earlier value."""
    began = time.time()
    demo.do(command="group set", name="shop", ttl=0)  # 60 before
    lowered = time.time()
    demo.do(command="switch", groups=["shop"])
    drained = demo.do(command="status", group="shop")["groups"][0]["drained_at"]
    assert began + 59 < datetime.fromisoformat(drained).timestamp() < lowered + 61
    demo.do(command="group add", name="blog", primary="shop-eu", backup="shop-us", ttl=2)
    began = time.time()
    done = demo.ctl("switch", "blog", "--wait-drained")
    assert time.time() - began >= 2
    assert "drained" in done.stderr
