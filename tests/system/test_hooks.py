"""Hooks: programs that are told what happened, and programs that a switch waits for."""

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
# As people have them for certbot, below /etc/letsencrypt/renewal-hooks/deploy.
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
    """A server whose configuration has hooks, and the programs beside it."""

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
        """Install a certificate."""
        fields = {"application": application, "chain": issued.chain, "key": issued.key}
        self.do(command="certificate install", **fields)

    def hooks(self) -> list[dict[str, Any]]:
        """Return what `status` tells of the hooks."""
        hooks: list[dict[str, Any]] = self.do(command="status")["hooks"]
        return hooks

    def wait_until_told(self) -> None:
        """Wait until no hook has anything to do."""
        wait_for(
            lambda: all(
                h["waiting"] == 0 and h["state"] in ("idle", "failed") for h in self.hooks()
            ),
            lambda: str(self.hooks()),
        )

    def told(self) -> list[dict[str, str]]:
        """Return the variables that the hook `tell` was given, a run after the other."""
        file = self.folder / "told"
        lines = file.read_text().splitlines() if file.exists() else []
        return [dict(word.split("=", 1) for word in line.split()) for line in lines]


@pytest.fixture
def hooked(tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Hooked]:
    """A server with the hooks that the test asks for, and the group `shop`."""
    running = Hooked(tmp_path, request.param)
    try:
        running.start().load_demo()
        running.wait_until_told()
        (tmp_path / "told").unlink(missing_ok=True)
        yield running
    finally:
        running.kill()


def with_hooks(text: str) -> Any:
    """Ask for hooks."""
    return pytest.mark.parametrize("hooked", [text], indirect=True, ids=[""])


@with_hooks("  deploy: {run: deploy, events: [certificate], applications: [shop-us]}\n")
def test_a_deploy_hook_for_certbot_runs_unchanged(hooked: Hooked) -> None:
    """It is given the certificate as certbot would, for its applications only."""
    issued = CA.issue(*NAMES)
    hooked.install("shop-eu", issued)
    hooked.wait_until_told()
    live = hooked.folder / "live"
    assert not live.exists()
    hooked.do(command="switch", groups=["shop"])
    wait_for(lambda: (live / "lineage").exists(), lambda: str(hooked.hooks()))
    hooked.wait_until_told()
    assert (live / "fullchain.pem").read_text() == issued.chain
    assert (live / "privkey.pem").read_text() == issued.key
    assert (live / "domains").read_text().split() == sorted(NAMES)
    assert (live / "lineage").read_text() == "shop-us\n"
    modes = {line.split()[0] for line in (live / "modes").read_text().splitlines()}
    assert modes == {"700", "600"}
    assert list((hooked.folder / "hooks").iterdir()) == []
    assert hooked.hooks()[0]["problem"] is None


@with_hooks("  tell: {run: [tell], events: [role, switch, certificate]}\n")
def test_events_tell_what_happened(hooked: Hooked) -> None:
    """Certificate first, then the switch, then the roles; `watch` tells the roles, too."""
    issued = CA.issue(*NAMES)
    hooked.install("shop-eu", issued)
    with hooked.connect() as watcher:
        watcher.ask({"command": "watch"})
        hooked.do(command="switch", groups=["shop"], reason="rehearsal")
        event = watcher.receive()
    roles = {p["name"]: p["fields"]["role"] for p in event["changed"] if p["kind"] == "role"}
    assert roles == {"shop-eu": ["online", "offline"], "shop-us": ["offline", "online"]}
    hooked.wait_until_told()
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
def test_a_hook_that_hangs_holds_nothing_up(hooked: Hooked) -> None:
    """Neither answers nor switches nor other hooks nor the end of the server."""
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
def test_a_time_limit_ends_a_hook_and_status_says_so(hooked: Hooked) -> None:
    hooked.do(command="switch", groups=["shop"])
    wait_for((hooked.folder / "hanging").exists)
    hooked.wait_until_told()
    (hook,) = hooked.hooks()
    assert (hook["state"], hook["problem"]) == ("failed", "switch shop: did not end within 1 s")
    number = (hooked.folder / "hanging").read_text().strip()
    assert not Path(f"/proc/{number}").exists()
    assert "did not end within 1 s" in hooked.ctl("status").stdout


@with_hooks("  flaky: {run: fail-first, events: [role], applications: [shop-us], attempts: 3}\n")
def test_a_hook_that_fails_is_tried_again(hooked: Hooked) -> None:
    """And what it said is kept."""
    (hooked.folder / "attempts").unlink()
    hooked.do(command="switch", groups=["shop"])
    wait_for(lambda: hooked.hooks()[0]["problem"] is not None)
    assert hooked.hooks()[0]["problem"] == "role shop-us: exit status 1"
    assert hooked.hooks()[0]["output"] == "attempt 1 of shop-us\n"
    hooked.wait_until_told()
    assert hooked.hooks()[0]["problem"] is None
    assert hooked.hooks()[0]["output"] == "attempt 2 of shop-us\n"
    assert "attempt 1 of 3: exit status 1" in hooked.log.read_text()


@with_hooks("  tell: {run: tell, events: [switch]}\n")
def test_a_server_that_was_killed_tells_what_was_missed(hooked: Hooked) -> None:
    """In order, at least once; private folders that were left are gone."""
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
    hooked.wait_until_told()
    assert [told["FAILOVERDNS_TO"] for told in hooked.told()] == ["backup", "primary"]
    assert list((hooked.folder / "hooks").iterdir()) == []


@with_hooks("  hold: {run: hold, events: [certificate]}\n  tell: {run: tell, events: [switch]}\n")
def test_no_key_is_left_behind_by_a_killed_server(hooked: Hooked) -> None:
    """Its private folder goes with the next start, which tells what was not told to the end."""
    issued = CA.issue(*NAMES)
    hooked.install("shop-eu", issued)
    wait_for((hooked.folder / "held").exists)
    left = Path((hooked.folder / "held").read_text().strip())
    assert (left / "privkey.pem").read_text() == issued.key
    hooked.kill()
    number = int((hooked.folder / "holding").read_text())
    os.kill(number, signal.SIGKILL)
    assert left.exists()
    (hooked.folder / "held").unlink()
    hooked.start()
    assert not left.exists()
    wait_for((hooked.folder / "held").exists)
    for _ in range(3):
        hooked.do(command="switch", groups=["shop"])
    wait_for(lambda: len(hooked.told()) == 3)
    hooked.kill()
    os.kill(int((hooked.folder / "holding").read_text()), signal.SIGKILL)
    hooked.start()
    hooked.do(command="switch", groups=["shop"])
    wait_for(
        lambda: hooked.told()[-1]["FAILOVERDNS_TO"] == "primary"
    )  # the one before, perhaps twice
    assert len(hooked.told()) >= 4
    hooked.stop()


@with_hooks("  print: {run: print, events: [certificate], attempts: 1}\n")
def test_a_key_that_a_hook_prints_is_found_nowhere(hooked: Hooked) -> None:
    """Neither in status nor in history, log or state, in whatever pieces it is printed."""
    issued = CA.issue(*NAMES)
    hooked.install("shop-eu", issued)
    hooked.wait_until_told()
    (printed,) = [hook for hook in hooked.hooks() if hook["name"] == "print"]
    assert printed["problem"] == "certificate shop-eu: exit status 3"
    assert "the end" in printed["output"]
    texts = [str(hooked.do(command=word)) for word in ("status", "history")]
    hooked.stop()
    texts += [p.read_bytes().decode("latin-1") for p in hooked.folder.glob("state.db*")]
    texts.append(hooked.log.read_text())
    secret = "".join(issued.key.splitlines()[1:-1])[48:88]  # the number that is the key
    assert len(texts) >= 4
    for text in texts:
        found = [at for at in range(25) if secret[at : at + 16] in text.replace("\n", "")]
        assert found == []


@with_hooks("  ask: {run: ask, before_switch: required, timeout: 5}\n")
def test_a_switch_waits_for_a_hook_that_is_required(hooked: Hooked) -> None:
    """It agrees, or the switch is refused with what it said, or overridden."""
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
    for _ in range(2):  # a retry is not asked again
        hooked.do(**request)
    assert len(asked.read_text().splitlines()) == 2
    assert hooked.short(NAMES[0]) == ["192.0.2.10"]


@with_hooks("  ask: {run: wait, before_switch: required, timeout: 60}\n")
def test_what_a_hook_agreed_to_is_what_is_done(hooked: Hooked) -> None:
    """Of two who ask for the other side at the same time none switches back, unasked."""
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
def test_a_required_hook_that_hangs_refuses_and_holds_up_only_its_switch(hooked: Hooked) -> None:
    with hooked.connect() as client:
        client.send({"command": "switch", "groups": ["shop"]})
        wait_for((hooked.folder / "hanging").exists)
        assert hooked.short(NAMES[0]) == ["192.0.2.10"]
        hooked.do(command="application add", name="another")
        refused = client.receive()
    assert refused["error"]["rules"][0]["rule"] == "before-switch"
    assert "did not end within 1 s" in refused["error"]["rules"][0]["message"]


@with_hooks("  deploy: {run: deploy, events: [certificate]}\n")
def test_hooks_change_with_a_reload(hooked: Hooked) -> None:
    """Another one is told of what comes after."""
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
def test_a_program_that_is_not_there_is_a_failure_that_can_be_seen(hooked: Hooked) -> None:
    hooked.do(command="switch", groups=["shop"])
    hooked.wait_until_told()
    wait_for(lambda: hooked.hooks()[0]["problem"] is not None)
    problem = hooked.hooks()[0]["problem"]
    assert problem.endswith("not-there cannot be run: No such file or directory")
