"""The measured servers: how to configure, start, check, pin and stop each of them.

Each answers on its own port of 127.0.0.1, with a given number of threads or processes for UDP,
without rate limits and query logs, and with DNS cookies if it supports them.  One more is
failoverdns with a rate limit that counts every reply and that the load does not reach.
"""

from __future__ import annotations

import random
import subprocess
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any

import dns.flags
import dns.message
import dns.query
import dns.rcode
from measuring import DEADLINE, EXECUTABLE, Asker, Process, free_port, version_of

from data_plane.accounting import Usage, descendants_of, memory_of, pin, usage_of
from data_plane.names import ORIGIN, PREFIXES, addresses_of, groups_for, label_of

ECHO = "C echo"
COMPILED = "failoverdns (compiled)"
LIMITED = "failoverdns (rate limit)"
PYTHON = "failoverdns (pure Python)"
FAST_PATH = "FAILOVERDNS_FAST_PATH"


@dataclass(frozen=True, slots=True)
class Data:
    """The served data: the number of names, and the files that hold them."""

    names: int
    zone: Path
    state: Path

    @property
    def groups(self) -> int:
        """The number of groups that have these names."""
        return groups_for(self.names)


@dataclass(frozen=True, slots=True)
class Setting:
    """The folder, port, number of workers and data of a server."""

    folder: Path
    port: int
    workers: int
    data: Data


@dataclass(frozen=True, slots=True)
class Kind:
    """A make of server: `command` writes its configuration and returns the command line."""

    name: str
    version: Callable[[], str]
    command: Callable[[Setting], Sequence[str | Path]]
    environment: dict[str, str] = field(default_factory=dict)


class Server:
    """A running server."""

    def __init__(self, kind: Kind, folder: Path, data: Data, workers: int = 1) -> None:
        """Start the server and wait for the first correct answer."""
        folder.mkdir(parents=True)
        self.name = kind.name
        self.groups = data.groups
        self.port = free_port()
        self.folder = folder
        command = kind.command(Setting(folder, self.port, workers, data))
        began = time.monotonic()
        self._process = Process(command, folder, kind.environment)
        if kind.name == ECHO:
            time.sleep(0.2)
        else:
            self._wait_for_answer(f"{label_of(data.groups // 2)}.{ORIGIN}")
        self.start_seconds = time.monotonic() - began

    def _wait_for_answer(self, name: str) -> None:
        """Query until the reply has an answer record; raise RuntimeError after a time limit."""
        asker, until = Asker(self.port, name), time.monotonic() + DEADLINE
        while (reply := asker.ask()) is None or reply[4:6] == b"\0\0":
            if self._process.child.poll() is not None or time.monotonic() > until:
                self.stop()
                log = (self.folder / "log").read_text()[-2000:]
                raise RuntimeError(f"{self.name} does not answer:\n{log}")
            time.sleep(0.005)
        asker.close()

    @property
    def workers(self) -> list[int]:
        """The child processes of the server, which answer if there are any."""
        return descendants_of(self._process.child.pid)

    @property
    def pids(self) -> list[int]:
        """All processes of the server."""
        return [self._process.child.pid, *self.workers]

    @property
    def control(self) -> Path:
        """The control socket of failoverdns."""
        return self.folder / "control.sock"

    def pin(self, *cores: int) -> None:
        """Restrict all processes to these cores."""
        pin(self.pids, cores)

    def pin_control(self, *cores: int) -> None:
        """Restrict the first process to these cores."""
        pin([self._process.child.pid], cores)

    def usage(self) -> Usage:
        """Return the usage of all processes so far."""
        return usage_of(self.pids)

    def first_usage(self) -> Usage:
        """Return the usage of the first process, which is the control process of failoverdns."""
        return usage_of([self._process.child.pid])

    def memory(self) -> dict[str, Any]:
        """Return the memory of the largest process, which answers, and of all processes."""
        each = [memory_of([pid]) for pid in (self.workers or self.pids)]
        return {
            "answering": max(each, key=lambda one: one["pss_mib"]),
            "all": memory_of(self.pids),
        }

    def check(self, count: int = 40) -> None:
        """Query a sample of names and compare the answers; raise RuntimeError if one is wrong."""
        if self.name == ECHO:
            return
        dice = random.Random(5)
        for number in range(count):
            group, prefix = dice.randrange(self.groups), dice.choice(list(PREFIXES))
            addresses = addresses_of(group, PREFIXES[prefix])
            for rtype, address in zip(("A", "AAAA"), addresses, strict=True):
                reply = self._ask(f"{prefix}{label_of(group)}", rtype, number % 3)
                found = [str(r) for rrset in reply.answer for r in rrset]
                if reply.rcode() or found != [str(address)] or reply.answer[0].ttl != 60:
                    raise RuntimeError(f"{self.name} answers wrongly:\n{reply}")
            reply = self._ask(f"{prefix}{label_of(999_000_000 + group)}", "A", number % 3)
            if reply.rcode() != dns.rcode.NXDOMAIN or reply.answer or len(reply.authority) != 1:
                raise RuntimeError(f"{self.name} answers wrongly:\n{reply}")

    def _ask(self, name: str, rtype: str, edns: int) -> dns.message.Message:
        query = dns.message.make_query(
            f"{name}.{ORIGIN}", rtype, use_edns=0 if edns else -1, want_dnssec=edns == 2
        )
        query.flags &= ~dns.flags.RD
        reply = dns.query.udp(query, "127.0.0.1", port=self.port, timeout=5)
        if not reply.flags & dns.flags.AA:
            raise RuntimeError(f"{self.name} does not answer with authority:\n{reply}")
        return reply

    def stop(self) -> None:
        """Stop the server."""
        self._process.stop()


def _echo(program: Path) -> Callable[[Setting], Sequence[str | Path]]:
    return lambda setting: [program, str(setting.port)]


def _limited(setting: Setting) -> Sequence[str | Path]:
    return _failoverdns(setting, "rate_limit: {responses_per_second: 1000000}\n")


def _failoverdns(setting: Setting, more: str = "") -> Sequence[str | Path]:
    """Serve a copy of the state, because switches change it; `more` ends the configuration."""
    for end in ("", ".key"):  # entities are authenticated with the key of the vault
        source = setting.data.state.with_name(setting.data.state.name + end)
        subprocess.run(["cp", source, setting.folder / f"state.db{end}"], check=True)
    config = setting.folder / "failoverdns.yaml"
    config.write_text(
        f"zones: {{{ORIGIN}: {{nameservers: {{ns1: [127.0.0.1]}}}}}}\n"
        f'listen: ["127.0.0.1:{setting.port}"]\nworkers: {setting.workers}\n'
        f"control: {{socket: control.sock}}\nstate: {{sqlite: state.db}}\n{more}"
    )
    return [EXECUTABLE, "serve", "--config", config]


def _gdnsd(setting: Setting) -> Sequence[str | Path]:
    folder = setting.folder
    for name in ("zones", "run", "state"):
        folder.joinpath(name).mkdir()
    folder.joinpath("config").write_text(
        f'options => {{ listen => ["127.0.0.1:{setting.port}"], udp_threads => {setting.workers}, '
        f'tcp_threads => 1, run_dir => "{folder}/run", state_dir => "{folder}/state" }}\n'
    )
    folder.joinpath("zones", ORIGIN).symlink_to(setting.data.zone)
    return ["gdnsd", "-c", folder, "start"]


def _knot(setting: Setting, limit: int = 0) -> Sequence[str | Path]:
    folder = setting.folder
    rrl = f"mod-rrl:\n  - id: default\n    rate-limit: {limit}\n    slip: 2\n" if limit else ""
    modules = "[mod-rrl/default, mod-cookies/default]" if limit else "mod-cookies/default"
    config = folder / "knot.conf"
    config.write_text(
        f'server:\n  listen: 127.0.0.1@{setting.port}\n  rundir: "{folder}"\n'
        f"  udp-workers: {setting.workers}\n  tcp-workers: 1\n  background-workers: 1\n"
        f'database:\n  storage: "{folder}/db"\n'
        f"{rrl}mod-cookies:\n  - id: default\n    secret-lifetime: 26h\n"
        f'zone:\n  - domain: {ORIGIN}\n    storage: "{folder}"\n    file: "{setting.data.zone}"\n'
        f"    module: {modules}\n    zonefile-sync: -1\n    zonefile-load: whole\n"
        "    journal-content: none\n"
    )
    return ["knotd", "-c", config]


def _nsd(setting: Setting, limit: int = 0) -> Sequence[str | Path]:
    folder = setting.folder
    config = folder / "nsd.conf"
    config.write_text(
        f'server:\n  ip-address: 127.0.0.1@{setting.port}\n  zonesdir: "{folder}"\n  pidfile: ""\n'
        f'  xfrdfile: "{folder}/xfrd"\n  xfrdir: "{folder}"\n  zonelistfile: "{folder}/zones"\n'
        '  database: ""\n  username: ""\n  chroot: ""\n  minimal-responses: yes\n'
        f"  rrl-ratelimit: {limit}\n  rrl-slip: 2\n"
        f"  server-count: {setting.workers}\n  answer-cookie: yes\n"
        f"  reuseport: {'yes' if setting.workers > 1 else 'no'}\n"
        "remote-control:\n  control-enable: no\n"
        f'zone:\n  name: {ORIGIN}\n  zonefile: "{setting.data.zone}"\n'
    )
    return ["nsd", "-d", "-c", config]


def _powerdns(setting: Setting) -> Sequence[str | Path]:
    folder = setting.folder
    zones = folder / "zones.conf"
    zones.write_text(f'zone "{ORIGIN}" {{ type master; file "{setting.data.zone}"; }};\n')
    folder.joinpath("pdns.conf").write_text(
        f"launch=bind\nbind-config={zones}\nbind-check-interval=0\n"
        f"local-address=127.0.0.1\nlocal-port={setting.port}\nsocket-dir={folder}\n"
        f"receiver-threads={setting.workers}\ndistributor-threads=1\nsigning-threads=1\n"
        "reuseport=yes\nloglevel=3\nlog-dns-queries=no\nsetuid=\nsetgid=\nguardian=no\n"
        "edns-cookie-secret=00112233445566778899aabbccddeeff\ndisable-syslog=yes\n"
        "webserver=no\napi=no\nsecurity-poll-suffix=\nconsistent-backends=yes\n"
    )
    return ["pdns_server", f"--config-dir={folder}", "--daemon=no"]


def _bind(setting: Setting) -> Sequence[str | Path]:
    config = setting.folder / "named.conf"
    config.write_text(
        f'options {{ directory "{setting.folder}"; pid-file none; session-keyfile none;\n'
        f"  lock-file none; listen-on port {setting.port} {{ 127.0.0.1; }};\n"
        "  listen-on-v6 { none; }; recursion no; empty-zones-enable no; querylog no;\n"
        "  minimal-responses yes; answer-cookie yes; notify no; dnssec-validation no;\n"
        "  allow-transfer { none; }; check-names primary ignore; zone-statistics none;\n};\n"
        "controls { };\nlogging { category default { null; }; };\n"
        f'zone "{ORIGIN}" {{ type primary; file "{setting.data.zone}"; }};\n'
    )
    return ["named", "-f", "-n", str(setting.workers), "-c", config]


def kinds(echo: Path) -> tuple[dict[str, Kind], dict[str, str]]:
    """Return the kinds that can be measured here, and the versions, "not installed" included."""
    known = (
        Kind(ECHO, lambda: "recvmmsg and sendmmsg, batches of 64", _echo(echo)),
        Kind(COMPILED, lambda: _own("compiled"), _failoverdns),
        Kind(LIMITED, lambda: _own("compiled"), _limited),
        Kind(PYTHON, lambda: _own("python"), _failoverdns, {FAST_PATH: "python"}),
        Kind("gdnsd", lambda: version_of("gdnsd", "-h").replace("invalid option", ""), _gdnsd),
        Kind("Knot", lambda: version_of("knotd", "--version"), _knot),
        Kind("NSD", lambda: version_of("nsd", "-v"), _nsd),
        Kind("PowerDNS", _powerdns_version, _powerdns),
        Kind("BIND", lambda: version_of("named", "-v"), _bind),
    )
    versions = {kind.name: kind.version() for kind in known}
    there = {kind.name: kind for kind in known if versions[kind.name]}
    return there, {name: version or "not installed" for name, version in versions.items()}


def limiting_kinds(limit: int) -> list[Kind]:
    """Return those servers that can limit replies, with `limit` a second for a network and name.

    0 turns the limit off.  Those that are not installed are left out.
    """

    def ours(setting: Setting) -> Sequence[str | Path]:
        text = f"rate_limit: {{responses_per_second: {limit}}}\n" if limit else ""
        return _failoverdns(setting, text)

    known = (
        Kind("failoverdns", lambda: _own("compiled"), ours),
        Kind("NSD", lambda: version_of("nsd", "-v"), partial(_nsd, limit=limit)),
        Kind("Knot", lambda: version_of("knotd", "--version"), partial(_knot, limit=limit)),
    )
    return [kind for kind in known if kind.version()]


def _powerdns_version() -> str:
    """Return the version of PowerDNS, without the time that the output begins with."""
    line = version_of("pdns_server", "--version")
    return line[max(0, line.find("PowerDNS")) :]


def _own(fast_path: str) -> str:
    """Return our version, or "" if the fast path is not the requested one."""
    done = subprocess.run(
        ["env", f"{FAST_PATH}={fast_path}", EXECUTABLE, "version"],
        capture_output=True,
        text=True,
        check=False,
    )
    wanted = "compiled" if fast_path == "compiled" else "pure Python"
    return done.stdout.strip() if wanted in done.stdout else ""
