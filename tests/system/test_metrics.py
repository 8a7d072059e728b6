"""Metrics of real servers: read by promtool, and scraped by a real Prometheus.

One server has public metrics on loopback, the other HTTPS and tokens; one Prometheus scrapes both.
"""

from __future__ import annotations

import json
import os
import signal
import socket
import subprocess
import urllib.parse
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from prometheus_client.parser import text_string_to_metric_families
from system.server import CONFIG, DEADLINE, Server, tool, wait_for

PROJECT = Path(__file__).parents[2]
SCRAPE = "1s"


def free_port() -> int:
    """Return a TCP port that is free at this moment."""
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
        return port


@dataclass(frozen=True)
class Scraped:
    """A server with an HTTP address, and the words with which curl reaches it."""

    server: Server
    port: int
    words: tuple[str, ...] = ()
    scheme: str = "http"

    def curl(self, path: str, *words: str) -> str:
        """Return what curl prints of a path."""
        url = f"{self.scheme}://127.0.0.1:{self.port}{path}"
        command = [tool("curl"), "-sS", "--max-time", "30", *self.words, *words, url]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def value(self, name: str, **labels: str) -> float:
        """Return the value of a sample; 0 if it is not there."""
        for family in text_string_to_metric_families(self.curl("/metrics")):
            for sample in family.samples:
                if sample.name == name and labels.items() <= sample.labels.items():
                    return float(sample.value)
        return 0.0


def launch(folder: Path, workers: int, http: str) -> tuple[Server, int]:
    """Start a server with HTTP, and wait until it serves."""
    port = free_port()
    folder.mkdir()
    settings = f'http: {{listen: ["127.0.0.1:{port}"]{http}}}\n'
    server = Server(folder, CONFIG.replace("workers: 0", f"workers: {workers}") + settings)
    server.start()
    server.load_demo()
    return server, port


@pytest.fixture(scope="module")
def public(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """Return a server with an answering process and public metrics."""
    server, port = launch(tmp_path_factory.mktemp("public") / "a", 1, "")
    try:
        scraped = Scraped(server, port)
        wait_for(lambda: answers(scraped))
        yield scraped
    finally:
        server.kill()


@pytest.fixture(scope="module")
def private(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scraped]:
    """Return a server without answering processes, with HTTPS and metrics for tokens."""
    folder = tmp_path_factory.mktemp("private")
    chain, key, token = folder / "chain.pem", folder / "key.pem", folder / "token"
    subprocess.run(
        [
            *(tool("openssl"), "req", "-x509", "-newkey", "ec", "-nodes", "-days", "2"),
            *("-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=localhost"),
            *("-addext", "subjectAltName=IP:127.0.0.1", "-out", chain, "-keyout", key),
        ],
        check=True,
        capture_output=True,
    )
    key.chmod(0o600)
    server, port = launch(
        folder / "a", 0, f', certificate: "{chain}", key: "{key}", metrics: token'
    )
    try:
        token.write_text(server.do(command="token add", name="prometheus", role="viewer")["token"])
        header = f"Authorization: Bearer {token.read_text()}"
        scraped = Scraped(server, port, ("--cacert", str(chain), "-H", header), "https")
        wait_for(lambda: answers(scraped))
        yield scraped
    finally:
        server.kill()


def answers(scraped: Scraped) -> bool:
    """Return whether HTTP is served."""
    try:
        return "failoverdns_build_info" in scraped.curl("/metrics")
    except AssertionError:
        return False


@dataclass(frozen=True)
class Prometheus:
    """A Prometheus that was started."""

    port: int

    def query(self, expression: str) -> list[dict[str, Any]]:
        """Return the samples that an expression has now."""
        words = urllib.parse.urlencode({"query": expression})
        url = f"http://127.0.0.1:{self.port}/api/v1/query?{words}"
        try:
            with urllib.request.urlopen(url, timeout=DEADLINE) as response:
                found: list[dict[str, Any]] = json.load(response)["data"]["result"]
                return found
        except OSError:
            return []


@pytest.fixture(scope="module")
def prometheus(
    public: Scraped, private: Scraped, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Prometheus]:
    """Start Prometheus, which scrapes both servers each second, with our alert rules."""
    program, port = tool("prometheus"), free_port()
    folder = tmp_path_factory.mktemp("prometheus")
    credentials = private.server.folder.parent / "token"
    authority = private.server.folder.parent / "chain.pem"
    file = folder / "prometheus.yml"
    file.write_text(
        f"global: {{scrape_interval: {SCRAPE}, evaluation_interval: {SCRAPE}}}\n"
        f"rule_files: ['{PROJECT}/config/monitoring/alerts.yml']\n"
        "scrape_configs:\n"
        f"  - job_name: failoverdns\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{public.port}']}}]\n"
        f"  - job_name: failoverdns-private\n"
        f"    scheme: https\n"
        f"    authorization: {{credentials_file: '{credentials}'}}\n"
        f"    tls_config: {{ca_file: '{authority}'}}\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{private.port}']}}]\n"
        f"  - job_name: failoverdns-without\n"
        f"    scheme: https\n"
        f"    tls_config: {{ca_file: '{authority}'}}\n"
        f"    static_configs: [{{targets: ['127.0.0.1:{private.port}']}}]\n"
    )
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [
                *(program, f"--config.file={file}", f"--storage.tsdb.path={folder / 'data'}"),
                f"--web.listen-address=127.0.0.1:{port}",
            ],
            stdout=log,
            stderr=log,
        )
    try:
        yield Prometheus(port)
    finally:
        process.terminate()
        process.wait(DEADLINE)


def check_metrics(text: str) -> None:
    """Check a text with `promtool check metrics`."""
    done = subprocess.run(
        [tool("promtool"), "check", "metrics"],
        input=text,
        capture_output=True,
        text=True,
        check=False,
    )
    assert (done.returncode, done.stdout, done.stderr) == (0, "", "")


def test_promtool_finds_nothing_to_correct(public: Scraped) -> None:
    """Neither in a scrape of everything nor in one of some groups."""
    everything = public.curl("/metrics")
    check_metrics(everything)
    assert 'failoverdns_group_active{group="shop",side="primary"}' in everything
    check_metrics(public.curl("/metrics?groups=sh*"))
    others = public.curl("/metrics?groups=other-*")
    assert "failoverdns_group_active" not in others
    assert "failoverdns_groups_omitted 1.0" in others


def test_openmetrics_and_gzip_are_served(public: Scraped) -> None:
    """To who asks for them."""
    accept = "Accept: application/openmetrics-text; version=1.0.0"
    text = public.curl("/metrics", "-H", accept, "--compressed", "-i")
    assert "application/openmetrics-text; version=1.0.0" in text
    assert text.endswith("# EOF\n")
    assert "content-encoding: gzip" in text.lower()


def test_metrics_for_tokens_are_for_tokens(private: Scraped) -> None:
    words = tuple(word for word in private.words if not word.startswith(("-H", "Auth")))
    stranger = Scraped(private.server, private.port, words, "https")
    assert " 401 " in stranger.curl("/metrics", "-i").partition("\n")[0]
    assert "failoverdns_build_info" in private.curl("/metrics")


@pytest.mark.parametrize("where", ["public", "private"])
def test_queries_are_counted_by_transport_and_rcode(
    where: str, request: pytest.FixtureRequest
) -> None:
    """By an answering process, and by the control process itself."""
    scraped: Scraped = request.getfixturevalue(where)
    name = "failoverdns_queries_total"
    cases = [
        ({"transport": "udp", "rcode": "NOERROR"}, ["414-262-781.failover.test"]),
        ({"transport": "udp", "rcode": "NXDOMAIN"}, ["nothing.failover.test"]),
        ({"transport": "udp", "rcode": "REFUSED"}, ["elsewhere.example"]),
        ({"transport": "udp", "rcode": "BADVERS"}, ["+edns=9", "+noednsneg", "failover.test"]),
        ({"transport": "tcp", "rcode": "NOERROR"}, ["+tcp", "414-262-781.failover.test"]),
    ]
    before = [scraped.value(name, **labels) for labels, _ in cases]
    for _, words in cases:
        scraped.server.dig(*words)
    after = [scraped.value(name, **labels) for labels, _ in cases]
    assert [b - a for a, b in zip(before, after, strict=True)] == [1.0] * len(cases)


def test_prometheus_knows_of_a_switch(public: Scraped, prometheus: Prometheus) -> None:
    """By its own query language; the other server was scraped with the token, over HTTPS."""
    wait_for(lambda: prometheus.query("count(up) == 3"))
    wait_for(lambda: prometheus.query("sum(up) == 2"))
    assert {s["metric"]["job"] for s in prometheus.query("up == 0")} == {"failoverdns-without"}
    backup = 'failoverdns_group_active{group="shop",side="backup",job="failoverdns"}'
    assert [s["value"][1] for s in prometheus.query(backup)] == ["0"]
    public.server.do(command="switch", groups=["shop"], to="backup")
    wait_for(lambda: prometheus.query(f"{backup} == 1"))
    switches = 'failoverdns_switches_total{group="shop",to="backup",by="manual"} == 1'
    wait_for(lambda: prometheus.query(switches))
    wait_for(lambda: prometheus.query('ALERTS{alertname="FailoverDNSGroupOnBackup"}'))


def test_a_refused_switch_is_counted_by_its_rule(public: Scraped) -> None:
    """And one that was only tried is not."""
    public.server.do(command="application add", name="empty")
    public.server.do(command="group add", name="bare", primary="shop-eu", backup="empty")
    for words in ({}, {"dry_run": True}):
        reply = public.server.ask(command="switch", groups=["bare"], to="backup", **words)
        assert reply["error"]["code"] == "refused"
    assert public.value("failoverdns_refused_total", rule="target-empty") == 1
    labels = {"command": "switch", "code": "refused"}
    assert public.value("failoverdns_commands_total", **labels) == 2


def worker_of(scraped: Scraped) -> int:
    """Return the process id of the answering process; 0 while there is none that answers."""
    workers = scraped.server.do(command="status")["server"]["workers"]
    return next((one["pid"] for one in workers if one["answering"]), 0)


def test_counters_never_go_back(public: Scraped) -> None:
    """Neither when an answering process is killed, nor at a reload."""
    queries = {"transport": "udp", "rcode": "NOERROR"}

    def count() -> float:
        return public.value("failoverdns_queries_total", **queries)

    for _ in range(5):
        public.server.dig("414-262-781.failover.test")
    before, pid = count(), worker_of(public)
    assert before >= 5
    os.kill(pid, signal.SIGKILL)
    wait_for(replaced(public, pid))
    assert count() == before
    assert public.value("failoverdns_workers_ended_total") == 1
    public.server.dig("414-262-781.failover.test")
    assert count() == before + 1
    public.server.process.send_signal(signal.SIGHUP)
    wait_for(lambda: "reloaded" in public.server.log.read_text())
    assert count() == before + 1


def replaced(scraped: Scraped, pid: int) -> Callable[[], bool]:
    """Return a condition: another answering process answers in place of `pid`."""
    return lambda: worker_of(scraped) not in (0, pid)
