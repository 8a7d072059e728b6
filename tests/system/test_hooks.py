"""Hooks: programs that run after an event, and programs whose consent a switch needs."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from authority import Issued, make_authority
from system.server import CONFIG, Server, wait_for

CA = make_authority()
NAMES = ("414-262-781.failover.test", "www.shop.example")

DEPLOY = """\
#!/bin/bash
# A typical certbot hook, from /etc/letsencrypt/renewal-hooks/deploy.
set -euo pipefail
target="$(dirname "$0")/live"
mkdir -p "$target"
for domain in $RENEWED_DOMAINS; do echo "$domain"; done >"$target/domains"
install -m 0644 "$RENEWED_LINEAGE/fullchain.pem" "$target/fullchain.pem"
install -m 0600 "$RENEWED_LINEAGE/privkey.pem" "$target/privkey.pem"
cd "$RENEWED_LINEAGE"
cat cert.pem chain.pem | cmp - fullchain.pem
stat -c '%a %n' "$RENEWED_LINEAGE" "$RENEWED_LINEAGE"/* >"$target/modes"
basename "$RENEWED_LINEAGE" >"$target/lineage"
"""
TELL = """\
#!/bin/sh
env | grep -E '^(FAILOVERDNS|RENEWED)_' | tr ' ' , | tr '\\n' ' ' >>"$(dirname "$0")/told"
echo >>"$(dirname "$0")/told"
"""
HANG = """\
#!/bin/sh
echo $$ >"$(dirname "$0")/hanging"
exec sleep 600
"""
HOLD = """\
#!/bin/sh
echo $$ >"$(dirname "$0")/holding"
echo "$RENEWED_LINEAGE" >"$(dirname "$0")/held"
exec sleep 600
"""
WAIT = """\
#!/bin/sh
cd "$(dirname "$0")"
echo "$FAILOVERDNS_TO" >>waiting
while [ ! -e go ]; do sleep 0.05; done
"""
PRINT = """\
#!/bin/sh
cd "$RENEWED_LINEAGE"
cat privkey.pem; grep -v PRIVATE privkey.pem
grep -v PRIVATE privkey.pem | tr -d '\\n' | head -c 100; echo
echo the end
exit 3
"""
FAIL_FIRST = """\
#!/bin/sh
cd "$(dirname "$0")"
echo x >>attempts
echo "attempt $(wc -l <attempts) of $FAILOVERDNS_APPLICATION"
[ "$(wc -l <attempts)" -gt 1 ]
"""
ASK = """\
#!/bin/sh
cd "$(dirname "$0")"
echo "$FAILOVERDNS_EVENT $FAILOVERDNS_GROUP $FAILOVERDNS_TO ${FAILOVERDNS_REASON:-}" >>asked
echo "the database is $(cat answer)"
[ "$(cat answer)" = ready ]
"""


class Hooked(Server):
    """A server whose configuration has hooks, with the programs in its folder."""

    def __init__(self, folder: Path, hooks: str) -> None:
        super().__init__(folder, f"{CONFIG}hooks:\n{hooks}")
        for name, text in {
            "deploy": DEPLOY,
            "tell": TELL,
            "hang": HANG,
            "fail-first": FAIL_FIRST,
            "ask": ASK,
            "hold": HOLD,
            "print": PRINT,
            "wait": WAIT,
        }.items():
            (folder / name).write_text(text)
            (folder / name).chmod(0o755)

    def install(self, application: str, issued: Issued) -> None:
        """Install a certificate for an application."""
        fields = {"application": application, "chain": issued.chain, "key": issued.key}
        self.do(command="certificate install", **fields)

    def hooks(self) -> list[dict[str, Any]]:
        """Return what `status` reports of the hooks."""
        hooks: list[dict[str, Any]] = self.do(command="status")["hooks"]
        return hooks

    def wait_until_idle(self) -> None:
        """Wait until no hook runs or waits."""
        wait_for(
            lambda: all(
                h["waiting"] == 0 and h["state"] in ("idle", "failed") for h in self.hooks()
            ),
            lambda: str(self.hooks()),
        )

    def told(self) -> list[dict[str, str]]:
        """Return the variables of each run of the hook `tell`, in order."""
        file = self.folder / "told"
        lines = file.read_text().splitlines() if file.exists() else []
        return [dict(word.split("=", 1) for word in line.split()) for line in lines]


@pytest.fixture
def hooked(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hooked]:
    """Start a server with the group `shop` and the hooks of the test."""
    running = Hooked(tmp_path, request.param)
    try:
        running.start().load_demo()
        running.wait_until_idle()
        (tmp_path / "told").unlink(missing_ok=True)
        yield running
    finally:
        running.kill()


def with_hooks(text: str) -> Any:
    """Return a decorator that gives the fixture `hooked` this configuration of hooks."""
    return pytest.mark.parametrize("hooked", [text], indirect=True, ids=[""])


@with_hooks("  deploy: {run: deploy, events: [certificate], applications: [shop-us]}\n")
def test_a_deploy_hook_for_certbot_runs_unchanged(hooked: Hooked) -> None:
    """It gets the certificate in certbot's layout, and runs for its applications only."""
    issued = CA.issue(*NAMES)
    hooked.install("shop-eu", issued)
    hooked.wait_until_idle()
    live = hooked.folder / "live"
    assert not live.exists()
    hooked.do(command="switch", groups=["shop"])
    wait_for(lambda: (live / "lineage").exists(), lambda: str(hooked.hooks()))
    hooked.wait_until_idle()
    assert (live / "fullchain.pem").read_text() == issued.chain
    assert (live / "privkey.pem").read_text() == issued.key
    assert (live / "domains").read_text().split() == sorted(NAMES)
    assert (live / "lineage").read_text() == "shop-us\n"
    modes = {line.split()[0] for line in (live / "modes").read_text().splitlines()}
    assert modes == {"700", "600"}
    assert list((hooked.folder / "hooks").iterdir()) == []
    assert hooked.hooks()[0]["problem"] is None


@with_hooks("  tell: {run: [tell], events: [role, switch, certificate]}\n")
def test_hooks_get_the_events_of_a_change(hooked: Hooked) -> None:
    """The certificate comes first, then the switch, then the roles; `watch` has the roles too."""
    issued = CA.issue(*NAMES)
    hooked.install("shop-eu", issued)
    with hooked.connect() as watcher:
        watcher.ask({"command": "watch"})
        hooked.do(command="switch", groups=["shop"], reason="rehearsal")
        event = watcher.receive()
    roles = {p["name"]: p["fields"]["role"] for p in event["changed"] if p["kind"] == "role"}
    assert roles == {"shop-eu": ["online", "offline"], "shop-us": ["offline", "online"]}
    hooked.wait_until_idle()
    installed, moved, switched, *changed = hooked.told()
    assert installed["FAILOVERDNS_EVENT"] == moved["FAILOVERDNS_EVENT"] == "certificate"
    assert installed["FAILOVERDNS_APPLICATION"] == "shop-eu"
    assert moved["FAILOVERDNS_APPLICATION"] == "shop-us"
    assert moved["FAILOVERDNS_FINGERPRINT"] == issued.fingerprint
    assert switched["FAILOVERDNS_EVENT"] == "switch"
    assert switched["FAILOVERDNS_GROUP"] == "shop"
    assert switched["FAILOVERDNS_HOSTNAME"] == NAMES[0]
    assert (switched["FAILOVERDNS_FROM"], switched["FAILOVERDNS_TO"]) == ("primary", "backup")
    assert switched["FAILOVERDNS_REASON"] == "rehearsal"
    assert switched["FAILOVERDNS_APPLICATION"] == "shop-us"
    assert {c["FAILOVERDNS_APPLICATION"]: c["FAILOVERDNS_ROLE"] for c in changed} == {
        "shop-eu": "offline",
        "shop-us": "online",
    }


@with_hooks(
    "  hang: {run: hang, events: [switch], timeout: 3600}\n  tell: {run: tell, events: [switch]}\n"
)
def test_a_hook_that_hangs_delays_nothing_else(hooked: Hooked) -> None:
    """Answers, switches, other hooks and the end of the server do not wait for it."""
    hooked.do(command="switch", groups=["shop"])
    wait_for((hooked.folder / "hanging").exists)
    assert hooked.short(NAMES[0]) == ["198.51.100.20"]
    for to in ("primary", "backup", "primary"):
        hooked.do(command="switch", groups=["shop"], to=to)
    assert hooked.short(NAMES[0]) == ["192.0.2.10"]
    wait_for(lambda: hooked.hooks()[1]["waiting"] == 0)
    assert len(hooked.told()) == 4
    hang, tell = hooked.hooks()
    assert (hang["state"], hang["waiting"]) == ("running", 4)
    assert tell["state"] == "idle"
    began = time.monotonic()
    assert hooked.stop() == 0
    assert time.monotonic() - began < 25


@with_hooks("  hang: {run: hang, events: [switch], timeout: 1, attempts: 1}\n")
def test_a_hook_over_its_time_limit_is_killed_and_reported_in_status(hooked: Hooked) -> None:
    hooked.do(command="switch", groups=["shop"])
    wait_for((hooked.folder / "hanging").exists)
    hooked.wait_until_idle()
    (hook,) = hooked.hooks()
    assert (hook["state"], hook["problem"]) == ("failed", "switch shop: did not end within 1 s")
    number = (hooked.folder / "hanging").read_text().strip()
    assert not Path(f"/proc/{number}").exists()
    assert "did not end within 1 s" in hooked.ctl("status").stdout


@with_hooks("  flaky: {run: fail-first, events: [role], applications: [shop-us], attempts: 3}\n")
def test_a_hook_that_fails_is_retried(hooked: Hooked) -> None:
    """`status` shows the problem and the output of the last attempt."""
    (hooked.folder / "attempts").unlink()
    hooked.do(command="switch", groups=["shop"])
    wait_for(lambda: hooked.hooks()[0]["problem"] is not None)
    assert hooked.hooks()[0]["problem"] == "role shop-us: exit status 1"
    assert hooked.hooks()[0]["output"] == "attempt 1 of shop-us\n"
    hooked.wait_until_idle()
    assert hooked.hooks()[0]["problem"] is None
    assert hooked.hooks()[0]["output"] == "attempt 2 of shop-us\n"
    assert "attempt 1 of 3: exit status 1" in hooked.log.read_text()


@with_hooks("  tell: {run: tell, events: [switch]}\n")
def test_a_restarted_server_runs_the_hooks_for_missed_events(hooked: Hooked) -> None:
    """Events come in order, at least once; private folders left behind are removed."""
    (hooked.folder / "tell").rename(hooked.folder / "away")
    (hooked.folder / "tell").write_text("#!/bin/sh\nkill -9 $PPID\nexit 1\n")
    (hooked.folder / "tell").chmod(0o755)
    hooked.do(command="switch", groups=["shop"])
    assert hooked.process is not None
    hooked.process.wait(30)
    (hooked.folder / "away").rename(hooked.folder / "tell")
    (hooked.folder / "hooks" / "hook-left").mkdir()
    hooked.start()
    hooked.do(command="switch", groups=["shop"])
    wait_for(lambda: len(hooked.told()) >= 2)
    hooked.wait_until_idle()
    assert [told["FAILOVERDNS_TO"] for told in hooked.told()] == ["backup", "primary"]
    assert list((hooked.folder / "hooks").iterdir()) == []


@with_hooks("  hold: {run: hold, events: [certificate]}\n  tell: {run: tell, events: [switch]}\n")
def test_a_restart_removes_private_keys_that_a_killed_server_left(hooked: Hooked) -> None:
    """The next start removes the private folder and runs the unfinished hook again."""
    issued = CA.issue(*NAMES)
    hooked.install("shop-eu", issued)
    held = hooked.folder / "held"
    wait_for(lambda: held.exists() and held.read_text().endswith("\n"))
    left = Path(held.read_text().strip())
    assert (left / "privkey.pem").read_text() == issued.key
    hooked.kill()
    number = int((hooked.folder / "holding").read_text())
    os.kill(number, signal.SIGKILL)
    assert left.exists()
    held.unlink()
    hooked.start()
    assert not left.exists()
    wait_for(lambda: held.exists() and held.read_text().endswith("\n"))
    for _ in range(3):
        hooked.do(command="switch", groups=["shop"])
    wait_for(lambda: len(hooked.told()) == 3)
    hooked.kill()
    os.kill(int((hooked.folder / "holding").read_text()), signal.SIGKILL)
    hooked.start()
    hooked.do(command="switch", groups=["shop"])
    wait_for(
        lambda: hooked.told()[-1]["FAILOVERDNS_TO"] == "primary"
    )  # the event before it may come twice
    assert len(hooked.told()) >= 4
    hooked.stop()


@with_hooks("  print: {run: print, events: [certificate], attempts: 1}\n")
def test_a_private_key_that_a_hook_prints_is_not_stored(hooked: Hooked) -> None:
    """Status, history, log and state contain no part of it, in whatever pieces it is printed."""
    issued = CA.issue(*NAMES)
    hooked.install("shop-eu", issued)
    hooked.wait_until_idle()
    (printed,) = [hook for hook in hooked.hooks() if hook["name"] == "print"]
    assert printed["problem"] == "certificate shop-eu: exit status 3"
    assert "the end" in printed["output"]
    texts = [str(hooked.do(command=word)) for word in ("status", "history")]
    hooked.stop()
    texts += [p.read_bytes().decode("latin-1") for p in hooked.folder.glob("state.db*")]
    texts.append(hooked.log.read_text())
    secret = "".join(issued.key.splitlines()[1:-1])[48:88]  # inside the private number
    assert len(texts) >= 4
    for text in texts:
        found = [at for at in range(25) if secret[at : at + 16] in text.replace("\n", "")]
        assert found == []


@with_hooks("  ask: {run: ask, before_switch: required, timeout: 5}\n")
def test_a_switch_needs_the_consent_of_a_required_hook(hooked: Hooked) -> None:
    """If the hook fails, the switch is refused with the hook's output; it can be overridden."""
    answer, asked = hooked.folder / "answer", hooked.folder / "asked"
    answer.write_text("busy\n")
    refused = hooked.ctl("switch", "shop", "--reason", "rehearsal", check=False)
    assert refused.returncode == 1
    assert (
        "before-switch: group 'shop': hook 'ask' does not agree: exit status 1 (the database is"
        in (refused.stderr)
    )
    assert asked.read_text() == "before_switch shop backup rehearsal\n"
    assert hooked.short(NAMES[0]) == ["192.0.2.10"]
    hooked.do(command="switch", groups=["shop"], dry_run=True)
    assert len(asked.read_text().splitlines()) == 1
    done = hooked.do(command="switch", groups=["shop"], override=["before-switch"])
    assert done["groups"][0]["to"] == "backup"
    assert len(asked.read_text().splitlines()) == 1
    answer.write_text("ready\n")
    request = {"command": "switch", "groups": ["shop"], "to": "primary", "op_id": "once"}
    for _ in range(2):  # a retry does not run the hook again
        hooked.do(**request)
    assert len(asked.read_text().splitlines()) == 2
    assert hooked.short(NAMES[0]) == ["192.0.2.10"]


@with_hooks("  ask: {run: wait, before_switch: required, timeout: 60}\n")
def test_a_switch_does_only_what_its_hook_consented_to(hooked: Hooked) -> None:
    """Of two equal switches at the same time, the later one does not switch back."""
    with hooked.connect() as one, hooked.connect() as two:
        for client in (one, two):
            client.send({"command": "switch", "groups": ["shop"]})
        asked = hooked.folder / "waiting"
        wait_for(lambda: asked.exists() and asked.read_text() == "backup\n" * 2)
        (hooked.folder / "go").touch()
        changed = [client.receive()["result"]["groups"][0]["changed"] for client in (one, two)]
    assert sorted(changed) == [False, True]
    assert hooked.short(NAMES[0]) == ["198.51.100.20"]


@with_hooks("  ask: {run: hang, before_switch: required, timeout: 1}\n")
def test_a_required_hook_that_hangs_refuses_and_delays_only_its_switch(hooked: Hooked) -> None:
    with hooked.connect() as client:
        client.send({"command": "switch", "groups": ["shop"]})
        wait_for((hooked.folder / "hanging").exists)
        assert hooked.short(NAMES[0]) == ["192.0.2.10"]
        hooked.do(command="application add", name="another")
        refused = client.receive()
    assert refused["error"]["rules"][0]["rule"] == "before-switch"
    assert "did not end within 1 s" in refused["error"]["rules"][0]["message"]


@with_hooks("  deploy: {run: deploy, events: [certificate]}\n")
def test_a_reload_changes_the_hooks(hooked: Hooked) -> None:
    """An added hook runs for later events."""
    hooked.config.write_text(
        f"{CONFIG}hooks:\n  deploy: {{run: deploy, events: [certificate]}}\n"
        "  tell: {run: tell, events: [switch]}\n"
    )
    assert hooked.process is not None
    hooked.process.send_signal(1)
    wait_for(lambda: len(hooked.hooks()) == 2)
    hooked.do(command="switch", groups=["shop"])
    wait_for(lambda: len(hooked.told()) == 1)


@with_hooks("  gone: {run: not-there, events: [switch], attempts: 1}\n")
def test_status_reports_a_hook_program_that_does_not_exist(hooked: Hooked) -> None:
    hooked.do(command="switch", groups=["shop"])
    hooked.wait_until_idle()
    wait_for(lambda: hooked.hooks()[0]["problem"] is not None)
    problem = hooked.hooks()[0]["problem"]
    assert problem.endswith("not-there cannot be run: No such file or directory")
