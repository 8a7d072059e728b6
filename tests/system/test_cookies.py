"""DNS cookies (RFC 7873) with dig and dnspython, and servers that share a secret."""

from __future__ import annotations

import re
import signal
from contextlib import ExitStack
from pathlib import Path

import dns.edns
import dns.message
import dns.query
import dns.rcode
import pytest
from system.server import CONFIG, DEADLINE, Server, wait_for

SECRET = "e5e973e5a6b2a43f48e7dc849e37bfcf"
OTHER = "445536bcd2513298075a5d379663c962"
HOSTNAME = "414-262-781.failover.test"
COOKIE = re.compile(r"; COOKIE: ([0-9a-f]+) \(good\)")


@pytest.fixture(scope="module")
def servers(tmp_path_factory: pytest.TempPathFactory):
    """Start two servers with the same file of cookie secrets."""
    tmp_path = tmp_path_factory.mktemp("cookies")
    secrets = tmp_path / "secrets"
    secrets.write_text(f"{SECRET}\n")
    secrets.chmod(0o600)
    config = CONFIG + f"cookies: {{secret_file: {secrets}}}\nidentity: {{nsid: ns1}}\n"
    with ExitStack() as stack:
        pair = []
        for name in ("one", "two"):
            (tmp_path / name).mkdir()
            server = Server(tmp_path / name, config)
            stack.callback(server.kill)
            pair.append(server.start())
        yield pair


def cookie_of(server: Server, *words: str) -> str:
    """Return the cookie that dig prints: the client's and the server's part, in hex."""
    found = COOKIE.search(server.dig(HOSTNAME, *words))
    assert found, server.dig(HOSTNAME, *words)
    return found.group(1)


def test_servers_that_share_a_secret_accept_each_others_cookies(servers: list[Server]) -> None:
    """The second server returns a valid cookie unchanged, and replaces a forged one."""
    one, two = servers
    cookie = cookie_of(one, "+cookie")
    assert len(cookie) == 48
    assert cookie_of(two, f"+cookie={cookie}") == cookie
    forged = cookie[:-1] + ("0" if cookie[-1] != "0" else "1")
    assert cookie_of(two, f"+cookie={forged}") != forged


def test_a_reload_replaces_the_cookie_secrets(tmp_path: Path) -> None:
    """Old cookies stay valid while their secret is in the file; an invalid file changes nothing.

    The client network is over its rate limit, where only queries with valid cookies are answered.
    """
    secrets = tmp_path / "secrets"
    secrets.write_text(f"{SECRET}\n")
    secrets.chmod(0o600)
    limits = "rate_limit: {responses_per_second: 1, slip: 1, window: 3600}\n"
    server = Server(tmp_path, CONFIG + "cookies: {secret_file: secrets}\n" + limits)

    def reload(text: str, said: str) -> None:
        begin = server.log.stat().st_size
        secrets.write_text(text)
        assert server.process is not None
        server.process.send_signal(signal.SIGHUP)
        wait_for(lambda: said in server.log.read_text()[begin:], server.log.read_text)

    def is_valid(cookie: str) -> bool:
        """Exhaust the rate limit, then query with a cookie."""
        wait_for(lambda: "flags: qr tc" in server.dig(HOSTNAME, "+ignore", "+nocookie"))
        shown = server.dig(HOSTNAME, f"+cookie={cookie}", "+nobadcookie", "+ignore")
        assert ("status: NOERROR" in shown) != ("status: BADCOOKIE" in shown), shown
        return "status: NOERROR" in shown

    try:
        server.start().load_demo()
        old = cookie_of(server, "+cookie")
        assert is_valid(old)
        assert not is_valid(old[:-1] + ("0" if old[-1] != "0" else "1"))
        reload(f"{OTHER}\n{SECRET}\n", "reloaded")
        assert is_valid(old)
        new = cookie_of(server, f"+cookie={old}")
        assert new != old
        reload("oops\n", "line 1 is not a secret of 32 hex digits")
        assert cookie_of(server, f"+cookie={new}") == new
        assert is_valid(old)
        reload(f"{OTHER}\n", "reloaded")
        assert is_valid(new)
        assert not is_valid(old)
    finally:
        server.kill()


def test_a_secret_file_that_everybody_can_read_prevents_the_start(tmp_path: Path) -> None:
    """The log says how to restrict it."""
    secrets = tmp_path / "secrets"
    secrets.write_text(SECRET)
    secrets.chmod(0o644)
    server = Server(tmp_path, CONFIG + "cookies: {secret_file: secrets}\n")
    assert server.launch().wait(DEADLINE) == 1
    assert "`chmod o= " in server.log.read_text()


def test_a_query_without_a_question_gets_a_cookie(servers: list[Server]) -> None:
    """See RFC 7873 section 5.4."""
    message = dns.message.Message(4711)
    option = dns.edns.CookieOption(b"12345678", b"")
    message.use_edns(0, 0, 1232, options=[option])
    reply = dns.query.udp(message, "127.0.0.1", DEADLINE, servers[0].port)
    assert reply.rcode() == dns.rcode.NOERROR
    [cookie] = reply.options
    assert isinstance(cookie, dns.edns.CookieOption)
    assert (cookie.client, len(cookie.server)) == (b"12345678", 16)


def test_dig_understands_the_edns_options_of_replies(servers: list[Server]) -> None:
    """These are NSID, client subnet with scope 0, and keepalive over TCP only."""
    server = servers[0]
    assert '("ns1")' in server.dig(HOSTNAME, "+nsid")
    assert "NSID" not in server.dig(HOSTNAME)
    assert "CLIENT-SUBNET: 192.0.2.0/24/0" in server.dig(HOSTNAME, "+subnet=192.0.2.0/24")
    assert "KEEPALIVE: 10.0 secs" in server.dig(HOSTNAME, "+tcp", "+keepalive")
    assert "KEEPALIVE" not in server.dig(HOSTNAME, "+notcp", "+keepalive")
    assert "KEEPALIVE" not in server.dig(HOSTNAME, "+tcp")
