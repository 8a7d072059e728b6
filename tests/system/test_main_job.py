"""The main job with real clients: answer, switch, and answer differently at once."""

from __future__ import annotations

import subprocess

import dns.message
import dns.query
import dns.rcode
import dns.rdatatype
import pytest
from system.server import DEADLINE, Server, tool

HOSTNAME = "414-262-781.failover.test"


def test_dig_after_a_switch_shows_the_backup(demo: Server) -> None:
    """This is the README's promise, with the command line and dig."""
    assert demo.short(HOSTNAME) == ["192.0.2.10"]
    done = demo.ctl("switch", "shop")
    assert "switched from primary to backup" in done.stdout
    assert demo.short(HOSTNAME) == ["198.51.100.20"]


@pytest.mark.parametrize("transport", ["+notcp", "+tcp"])
@pytest.mark.parametrize("address", ["@127.0.0.1", "@::1"])
def test_every_transport_answers_authoritatively(
    demo: Server, transport: str, address: str
) -> None:
    """The transports are UDP and TCP, over IPv4 and IPv6."""
    text = demo.dig(address, transport, HOSTNAME)
    assert "status: NOERROR" in text
    assert "flags: qr aa rd;" in text
    assert f"{HOSTNAME}. 60\tIN\tA\t192.0.2.10" in text


def test_both_sides_can_be_queried_whichever_is_active(demo: Server) -> None:
    """So an operator can test the backup before a switch."""
    for _ in range(2):
        assert demo.short(f"primary.{HOSTNAME}") == ["192.0.2.10"]
        assert demo.short(f"backup.{HOSTNAME}") == ["198.51.100.20"]
        demo.do(command="switch", groups=["shop"])


def test_the_status_record_shows_whether_an_application_is_active(demo: Server) -> None:
    """Cron jobs can query `_status.<application>` to learn on which side they run."""
    status = "_status.{}.failover.test"
    demo.do(command="application add", name="loner")
    assert demo.short("TXT", status.format("shop-eu")) == ['"online"']
    assert demo.short("TXT", status.format("shop-us")) == ['"offline"']
    assert demo.short("TXT", status.format("loner")) == ['"none"']
    demo.do(command="switch", groups=["shop"])
    assert demo.short("TXT", status.format("shop-eu")) == ['"offline"']
    assert demo.short("TXT", status.format("shop-us")) == ['"online"']


def test_a_new_load_balancer_is_active_at_once(demo: Server) -> None:
    """Removing it makes the earlier one active again."""
    head = {"application": "shop-eu", "name": "lb2"}
    demo.do(
        command="head add", **head, role="load-balancer", address=["192.0.2.11", "2001:db8::11"]
    )
    assert demo.short(HOSTNAME) == ["192.0.2.11"]
    assert demo.short("AAAA", HOSTNAME) == ["2001:db8::11"]
    demo.do(command="head remove", **head)
    assert demo.short(HOSTNAME) == ["192.0.2.10"]


def test_without_a_load_balancer_the_answer_is_all_web_servers(demo: Server) -> None:
    """Their addresses are one RRset."""
    for number in (1, 2, 3):
        demo.ctl(
            *("head", "add", "shop-eu", f"web{number}", "--role", "web-server"),
            *("--address", f"192.0.2.2{number}"),
        )
    assert demo.short(HOSTNAME) == ["192.0.2.10"]
    demo.ctl("head", "remove", "shop-eu", "lb1")
    assert demo.short(HOSTNAME) == ["192.0.2.21", "192.0.2.22", "192.0.2.23"]


def test_renaming_a_head_or_application_changes_its_template_hostname(demo: Server) -> None:
    """The group's answer changes in the same step."""
    demo.ctl("application", "add", "cloud", "--hostname-template", "{head}.{application}.example.")
    demo.ctl("head", "add", "cloud", "elb", "--role", "load-balancer")
    demo.ctl("group", "add", "apex", "--label", "apex", "--primary", "cloud")
    assert demo.short("apex.failover.test") == ["elb.cloud.example."]
    demo.ctl("head", "rename", "cloud", "elb", "nlb")
    assert demo.short("apex.failover.test") == ["nlb.cloud.example."]
    demo.ctl("application", "rename", "cloud", "sky")
    assert demo.short("apex.failover.test") == ["nlb.sky.example."]


def test_the_name_of_a_group_without_heads_is_reserved(demo: Server) -> None:
    """It is NODATA with SOA, while a name beside it is NXDOMAIN with SOA."""
    demo.ctl("group", "add", "later", "--label", "later")
    text = demo.dig("later.failover.test")
    assert "status: NOERROR" in text
    assert "ANSWER: 0, AUTHORITY: 1" in text
    assert "SOA\tns1.failover.test. hostmaster.failover.test." in text
    text = demo.dig("sooner.failover.test")
    assert "status: NXDOMAIN" in text
    assert "SOA\tns1.failover.test." in text


def test_a_name_outside_all_zones_is_refused(demo: Server) -> None:
    """The reply has no data and no AA; with EDNS it has Extended DNS Error 20 (RFC 8914)."""
    text = demo.dig("www.example.com")
    assert "status: REFUSED" in text
    assert "flags: qr rd;" in text
    assert "EDE: 20" in text
    assert "EDE" not in demo.dig("+noedns", "www.example.com")


def test_a_large_answer_is_truncated_over_udp_and_complete_over_tcp(demo: Server) -> None:
    """80 web servers do not fit in a UDP reply; dig retries over TCP."""
    addresses = [f"203.0.113.{number}" for number in range(1, 81)]
    demo.do(command="application add", name="wide")
    demo.do(command="head add", application="wide", name="w", role="web-server", address=addresses)
    demo.do(command="group add", name="wide", label="wide", primary="wide")
    assert len(demo.short("wide.failover.test")) == 80
    text = demo.dig("+ignore", "wide.failover.test")
    assert "flags: qr aa tc rd;" in text
    assert "ANSWER: 0" in text


def test_several_groups_switch_together_or_not_at_all(demo: Server) -> None:
    """If one group cannot switch, none does, and the reply has the reasons."""
    demo.do(command="group add", name="docs", label="docs", primary="shop-eu", backup="shop-us")
    demo.do(command="group add", name="blog", label="blog", primary="shop-eu")
    reply = demo.ask(command="switch", groups=["shop", "docs", "blog"], to="backup")
    assert reply["error"]["code"] == "refused"
    assert [rule["rule"] for rule in reply["error"]["rules"]] == ["no-application"]
    assert demo.short(HOSTNAME) == demo.short("docs.failover.test") == ["192.0.2.10"]
    demo.do(command="switch", groups=["shop", "docs"], to="backup")
    assert demo.short(HOSTNAME) == demo.short("docs.failover.test") == ["198.51.100.20"]


def test_dnspython_agrees_with_dig(demo: Server) -> None:
    """dnspython is a second independent client, over UDP and TCP, with and without EDNS."""
    for use_edns in (-1, 0):
        query = dns.message.make_query(HOSTNAME, "A", use_edns=use_edns)
        for ask in (dns.query.udp, dns.query.tcp):
            reply = ask(query, "127.0.0.1", port=demo.port, timeout=DEADLINE)
            assert reply.rcode() == dns.rcode.NOERROR
            assert [str(rdata) for rdata in reply.answer[0]] == ["192.0.2.10"]
            assert (reply.edns == 0) == (use_edns == 0)


def test_records_prints_a_zone_file_that_bind_accepts(demo: Server) -> None:
    """`records` prints everything that is served."""
    file = demo.folder / "zone"
    file.write_text(demo.ctl("records").stdout)
    done = subprocess.run(
        [tool("named-checkzone"), "failover.test", file],
        capture_output=True,
        text=True,
        timeout=DEADLINE,
        check=False,
    )
    assert done.returncode == 0, done.stdout
    assert done.stdout.endswith("OK\n")
    assert f"{HOSTNAME}. 60 IN A 192.0.2.10\n" in file.read_text()


def test_the_serial_rises_with_every_change_of_served_data(demo: Server) -> None:
    """Secondaries and people can see from it that something changed."""

    def serial() -> int:
        return int(demo.short("SOA", "failover.test")[0].split()[2])

    before = serial()
    demo.do(command="switch", groups=["shop"])
    switched = serial()
    assert switched > before
    demo.do(command="group rename", old="shop", new="store")
    assert serial() == switched, "the name of a group is not served data"
