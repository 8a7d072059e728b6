"""The limits in the documents are those in the code.

A row holds a text that a document contains, the constant in the code, and its expected value.
Changing only the document or only the code fails.  `tests/config/test_documented_defaults.py` does
this for the types and defaults of configuration keys.
"""

from __future__ import annotations

import inspect
from pathlib import Path

import pytest
from attacks import exchanges, judging, losses, power, traffic
from attacks.streams import Stream
from twisted.web.http import HTTPChannel

from failoverdns import reactions, service
from failoverdns.answering import forwarding, tcp_clients, tls, udp
from failoverdns.answering import settings as agreeing
from failoverdns.automation import acting
from failoverdns.automation import automation_loop as running
from failoverdns.changes import overlay, queue
from failoverdns.cli import client
from failoverdns.config import loading, reading_child
from failoverdns.config.zones import record_text, zone_entries, zone_file
from failoverdns.control import (
    auditing,
    certificate_reading,
    connection,
    conversation,
    intake,
    line_buffer,
    places,
    shares,
)
from failoverdns.control.language import requests, words
from failoverdns.delivery import hook, known_heads, pull, revoked_clients, warnings
from failoverdns.delivery import one_request as channel
from failoverdns.issuing import orders, renewing, windows
from failoverdns.model import health, resolution, zone
from failoverdns.model.limits import ALL_FACTOR, RateLimits
from failoverdns.model.settings import TCPSettings
from failoverdns.net import arrivals, budgets, prefixes
from failoverdns.net.places import KNOWN_FOR, MAX_KNOWN
from failoverdns.probing import fast_places, probe_loop
from failoverdns.protocol import cookies, options, query, reply
from failoverdns.protocol.table import lookup
from failoverdns.rules.decisions import planning
from failoverdns.rules.derived import health as health_rules
from failoverdns.rules.derived import renewing as renewal_rules
from failoverdns.rules.derived import resolving, web_heads
from failoverdns.store import chain
from failoverdns.store.interface import OPERATIONS_KEPT
from failoverdns.workers import heartbeat

DOCS = Path(__file__).parents[1] / "docs"
KIB, MIB = 1024, 1024 * 1024
MINUTE, HOUR, DAY = 60, 3600, 86400

CERTIFICATES = [
    ("and the last 20 fetches; never the key", certificate_reading.SHOWN_FETCHES, 20),
    ("waits up to that many seconds, at most 300, until", pull.MAX_WAIT, 300),
    ("after the handshake | 30 s, even if the client keeps", channel.REQUEST_TIME, 30),
    ("another 30 s to read the reply |", channel.REPLY_TIME, 30),
    ("| connections with a client certificate | 250,", arrivals.MAX_CLIENTS, 250),
    ("including 100 with the same one; if there", arrivals.MAX_OF_ONE, 100),
    ("shown no certificate yet | 400; if there", arrivals.MAX_NEWCOMERS, 400),
    ("| 5 s for the first message, then", arrivals.FIRST_BYTES_TIME, 5),
    ("message, then 10 s for the handshake |", arrivals.HANDSHAKE_TIME, 10),
    ("| 1,500 from one network, 2,500 in all;", budgets.ARRIVALS_OF_ONE, 1500),
    ("one network, 2,500 in all; another 1,500", budgets.ARRIVALS, 2500),
    ("| 40 % of the control process's time, and another", budgets.TIME_SHARE, 0.4),
    ("and another 20 % for known addresses;", budgets.KNOWN_TIME_SHARE, 0.2),
    ("A network is a /24 (IPv4) or /56 (IPv6).\nAn", prefixes.IPV4_PREFIX, 24),
    ("is a /24 (IPv4) or /56 (IPv6).\nAn address", prefixes.IPV6_PREFIX, 56),
    ("An address is known for 7 days after", KNOWN_FOR, 7 * DAY),
    ("those of the last 20 fetches of each application", known_heads.FETCHES, 20),
    ("At most 2,000 networks and addresses are known", MAX_KNOWN, 2000),
    ("has 20 places before it competes", arrivals.KNOWN_PLACES, 20),
    ("| header | 16 KiB; a request body is discarded |", HTTPChannel.totalHeadersSize, 16 * KIB),
    (
        "tried again after 1, 5, 30, 120 and then every 300 seconds, up to `attempts` times",
        hook.BACK_OFF,
        (1, 5, 30, 120, 300),
    ),
    ("While a program hangs, 1,000 events wait in memory", hook.MAX_WAITING, 1000),
    ("output of a program is kept, up to 2,000 characters", hook.SHOWN_OUTPUT, 2000),
    ("as not more than 64 programs run at a time", reactions.PROGRAMS_AT_ONCE, 64),
    ("warns once a day of every name that no application", warnings.WARNING_INTERVAL, DAY),
    ("the log says so once a day, and", warnings.WARNING_INTERVAL, DAY),
    ("from the second failure in a row on", renewal_rules.AT_ONCE, 2),
    ("in a row on after 15 minutes at most;", renewal_rules.RETRIES[0], 15 * MINUTE),
    ("is tried again after 15 minutes, then", renewal_rules.RETRIES[0], 15 * MINUTE),
    (
        "then after twice as long each time, up to a day",
        renewal_rules.RETRIES,
        (
            *(15 * MINUTE, 30 * MINUTE, HOUR, 2 * HOUR, 4 * HOUR, 8 * HOUR),
            *(12 * HOUR, DAY),
        ),
    ),
    ("and up to a tenth longer for some", renewal_rules._RETRY_JITTER, 0.1),
    ("not later than at nine tenths of its lifetime", renewal_rules.LATEST, 0.9),
    ("or half of one under ten days", renewal_rules.SHORT_LIFETIME, 10 * DAY),
    ("it is renewed once a day at most, or", renewing.RENEWED_INTERVAL, DAY),
    ("| 300 new orders in 3 hours |", orders.PLACED_IN, 3 * HOUR),
    ("hours | 250, four at a time;", orders.PLACED_AT_MOST, 250),
    ("| 250, four at a time; the rest waits", orders.CONCURRENT, 4),
    ("no other one is placed for 15 minutes", orders.HOLD, 15 * MINUTE),
    ("while that fails, after 15 minutes and up", windows.HOLDS[0], 15 * MINUTE),
    ("15 minutes and up to 6 hours, for all", windows.HOLDS[-1], 6 * HOUR),
]

HUNG = heartbeat.HEARTBEAT + heartbeat.PATIENCE
"""Seconds after which an answering process that hangs is killed, at most."""

CONFIGURATION = [
    ("The file is UTF-8, at most 16 MiB, and one YAML document", loading.MAX_SIZE, 16 * MIB),
    ("An origin has at most 183 bytes in wire form", zone.MAX_ORIGIN, 183),
    ("are served with a TTL of 3600 seconds", zone.APEX_TTL, 3600),
    ("The TTL is in seconds, 0 to 2147483647, or", record_text.MAX_TTL, 2147483647),
    ("All files of a zone have at most 16 MiB and", zone_file.LIMITS.size, 16 * MIB),
    ("at most 16 MiB and 100,000 records, unless", zone_file.LIMITS.records, 100_000),
    ("and 100 inclusions, 8 deep", zone_file.LIMITS.files, 100),
    ("100 inclusions, 8 deep.", zone_file.LIMITS.depth, 8),
    ("One record has at most 1 MiB of text", zone_entries.MAX_ENTRY, MIB),
    ("with file and line; at most 1,000 of a zone", zone_file.MAX_FAULTS, 1000),
    ("may take 300 seconds of processor time", reading_child.CPU, 300),
    ("is killed within two seconds, and replaced", HUNG <= 2, True),
    ("warns once a day of names that no application", warnings.WARNING_INTERVAL, DAY),
    ("from one /24 (IPv4) or /56 (IPv6)", prefixes.IPV4_PREFIX, 24),
    ("of them from one /24 (IPv4) or /56 (IPv6).\n", prefixes.IPV6_PREFIX, 56),
    ("secrets of its own, a new one a day", agreeing.ROTATION, DAY),
    ("up to two more are accepted as well", cookies.MAX_SECRETS, 1 + 2),
    ("after an hour remove the old one and reload", cookies.MAX_AGE, HOUR),
    ("in the first 64 KiB of its body |", health.MAX_BODY, 64 * KIB),
    ("PEM file of at most 4 MiB with the", revoked_clients.MAX_LIST, 4 * MIB),
    ("at most 2,048 run at a time, and", running.PROBES_AT_ONCE, 2048),
    ("run at a time, and 32 programs", running.PROGRAMS_AT_ONCE, 32),
]

CONTROL = [
    (
        "else `/run/failoverdns/control.sock`",
        client.DEFAULT_SOCKET,
        "/run/failoverdns/control.sock",
    ),
    ("Replies are kept for at least 7 days and", OPERATIONS_KEPT, 7 * DAY),
    ("An application has at most 1,000 addresses", web_heads.MAX_ADDRESSES, 1000),
    ("| these addresses | t / 2, from 10 to 3600 seconds |", resolving.MIN_TTL, 10),
    ("| after t / 2, from 10 to 3600 seconds |", resolving.MAX_TTL, 3600),
    ("| after 10 seconds, then 20, 40, 60 |", resolving.MAX_RETRY, 60),
    ("At most 100 addresses of a family are served", resolution.MAX_ADDRESSES, 100),
    ("text: words of at most 64 KiB, or JSON", words.MAX_WORDS, 64 * KIB),
    ("or JSON of at most 1 MiB, which is enough", requests.MAX_LINE, MIB),
    ("A request has at most 5,000 values, for", requests.MAX_VALUES, 5000),
    ("(a text of up to 1,000 characters, or a number)", requests.MAX_ID, 1000),
    ("| clients that give commands | 100 | 60 | 10 each |", places.LIMITS.clients, 100),
    ("that give commands | 100 | 60 | 10 each |", places.LIMITS.clients_of_one, 60),
    ("give commands | 100 | 60 | 10 each |", places.LIMITS.clients_kept, 10),
    ("| clients of `watch` | 100 | 50 | 10 each |", places.LIMITS.watchers, 100),
    ("of `watch` | 100 | 50 | 10 each |", places.LIMITS.watchers_of_one, 50),
    ("`watch` | 100 | 50 | 10 each |", places.LIMITS.watchers_kept, 10),
    ("long requests (over 64 KiB) in memory", line_buffer.SHORT, 64 * KIB),
    ("(over 64 KiB) in memory | 16 | 4 | 4 each |", shares.LONG_IN_ALL, 16),
    ("64 KiB) in memory | 16 | 4 | 4 each |", shares.LONG_OF_ONE, 4),
    ("reading commands that are carried out at a time | 8 | 4 | 4", shares.READS_IN_ALL, 8),
    ("commands that are carried out at a time | 8 | 4 | 4", shares.READS_OF_ONE, 4),
    ("left its replies unread for 5 seconds counts as", connection.STALLED, 5),
    ("it must arrive within 10 seconds", intake.LONG_TIMEOUT, 10),
    ("has at most 1,000 requests, or 256 KiB", conversation.MAX_PENDING, 1000),
    ("1,000 requests, or 256 KiB of them and", conversation.MAX_PENDING_BYTES, 256 * KIB),
    ("after 60 seconds it is disconnected", connection.STALLED_TIMEOUT, 60),
    ("`op_id` (a text of up to 200 characters)", requests.MAX_OP_ID, 200),
    ("a list of at most 500 changes, oldest first", auditing.EXPORTED, 500),
    ("The first change follows 64 zeros.", chain.START, "0" * 64),
]

FAILOVER = [
    ("has stood still for more than five seconds", running.STALL, 5),
    ("but not in the first 60 seconds after it came up", health_rules.RESTING, 60),
    ("| down | for 20 seconds, because it may", health_rules.SETTLING, 20),
    ("they add at most 200 probes a second, or", fast_places.FAST_RATE, 200),
    ("one by a program counts as ten", probe_loop.PROGRAM_COST, 10),
    ("asked again after a minute while they do not agree", acting.ASK_AGAIN, MINUTE),
    ("more than a minute late because no server ran", planning.MISSED_AFTER, MINUTE),
    ("(the server tries once a second)", service.CATCH_UP_INTERVAL, 1),
    ("After 10,000 steps in one outage, health still counts", overlay.MAX_STEPS, 10000),
]

FULL_DISK = [
    ("10,000 steps are kept.", overlay.MAX_STEPS, 10000),
    ("An attempt stores the first hundred steps,", queue.MAX_BATCH, 100),
    ("65,536 numbers above the stored one", zone.RESERVED_SERIALS, 65536),
]

DEPTH = inspect.signature(Stream).parameters["depth"].default

RELIABILITY = [
    (
        "up to seven before they read the replies:",
        DEPTH,
        7,
    ),
    ("runs on the dead disk for up to 0.2 seconds;", power.LINGERING, 0.2),
    ("is killed within two seconds, and replaced", HUNG <= 2, True),
    ("send 2,000 queries a second over UDP", traffic.UDP_RATE, 2000),
    ("over UDP from 16 ports, 2,000 over", exchanges.PORTS, 16),
    ("from 16 ports, 2,000 over 16 TCP", traffic.TCP_RATE, 2000),
    ("2,000 over 16 TCP connections that stay open", exchanges.OPEN_CONNECTIONS, 16),
    ("stay open (4 of them are idle, with", exchanges.IDLE_CONNECTIONS, 4),
    ("with one query every six seconds)", exchanges.IDLE_SHARE / traffic.TCP_RATE, 6),
    ("and 100 over a new TCP connection each", traffic.VISITS, 100),
    ("switches ten groups in turn, ten", len(judging.GROUPS), 10),
    ("in turn, ten switches a second in all", losses.SWITCHES, 10),
    ("a query without a reply within 2 seconds", traffic.PATIENCE, 2),
    ("is a reply after more than 0.1 seconds", judging.LATE, 0.1),
]

STANDARDS = [
    ("A query may have 32 records beside its question; more are", query.MAX_RECORDS, 32),
    ("of which the first 1,024 are read: as many as", options.MAX_OPTIONS, 1024),
    ("A chain ends after 16 CNAME records", lookup.MAX_CHAIN, 16),
    ("| 1232 bytes advertised; replies over UDP", reply.UDP_PAYLOAD, 1232),
    ("with EDNS the client's size or 1232, whichever", reply.UDP_PAYLOAD, 1232),
    ("at most 512 bytes without EDNS, with", reply.PLAIN_UDP_PAYLOAD, 512),
    ("is ignored, and the limit is 65,535 bytes", reply.TCP_PAYLOAD, 65535),
    (
        "another length than 8 or 16 to 40 bytes is FORMERR",
        cookies.LENGTHS,
        {8, *range(16, 40 + 1)},
    ),
    ("A cookie is valid for an hour, and", cookies.MAX_AGE, HOUR),
    ("for a new one after half of it; the", cookies.RENEWED_AFTER, HOUR / 2),
    ("made it may be five minutes ahead", cookies.MAX_AHEAD, 5 * MINUTE),
    ("A query is read up to 4,096 bytes; a", udp.MAX_PACKET, 4096),
    ("a new one, before its first query, after 3 seconds.", TCPSettings().initial_timeout, 3),
    ("without a complete query for 10 seconds is closed;", TCPSettings().idle_timeout, 10),
    ("With more than 1000 connections, or", TCPSettings().max_connections, 1000),
    ("or 200 of one /24 or /56", TCPSettings().max_connections_per_prefix, 200),
    ("of all connections together take at most 16 MiB.", TCPSettings().max_buffered, 16 * MIB),
    ("by client network (/24 and /56)", RateLimits().ipv4_prefix_length, 24),
    ("client network (/24 and /56) and:", RateLimits().ipv6_prefix_length, 56),
    ("all replies together, up to 10 times the rate", ALL_FACTOR, 10),
    ("Every second reply over the limit is truncated", RateLimits().slip, 2),
    ("replies are counted, too, down to 15 seconds' worth", RateLimits().window, 15),
    ("or 200 of one /24 or /56, the one", prefixes.IPV4_PREFIX, 24),
    ("one /24 or /56, the one that has been", prefixes.IPV6_PREFIX, 56),
    ("reactor 16 queries of a connection and", tcp_clients.MESSAGES_IN_A_ROW, 16),
    ("of a connection and 64 of all are", tcp_clients.MESSAGES_A_TURN, 64),
    ("is read up to 64 KiB of its body, whole or", health.MAX_BODY, 64 * KIB),
    ("process: 500 messages a second from the address", forwarding.SECONDARY[0], 500),
    ("secondary; 50 a second and 200 at once from another", forwarding.NETWORK, (50, 200)),
    ("500 a second and 1,000 at once from all such networks", forwarding.OTHERS, (500, 1000)),
    ("256 messages that wait for a reply, at most 64 of them", forwarding.MOST, 256),
    ("for a reply, at most 64 of them not from secondaries", forwarding.MOST_OTHERS, 64),
    ("connection has 5 seconds for its first message", arrivals.FIRST_BYTES_TIME, 5),
    ("first message and 10 for its handshake", arrivals.HANDSHAKE_TIME, 10),
    ("400 may be in their handshakes", arrivals.MAX_NEWCOMERS, 400),
    ("take at most 40 % of the time of their", budgets.TIME_SHARE, 0.4),
    ("100 connections at a time are carried", tls.MAX_CARRIED, 100),
]

ROWS = [
    pytest.param(document, text, number, written, id=f"{document}: {text}")
    for document, rows in (
        ("certificates.md", CERTIFICATES),
        ("configuration.md", CONFIGURATION),
        ("control.md", CONTROL),
        ("failover.md", FAILOVER),
        ("decisions/disk-full.md", FULL_DISK),
        ("reliability.md", RELIABILITY),
        ("standards.md", STANDARDS),
    )
    for text, number, written in rows
]


@pytest.mark.parametrize(("document", "text", "number", "written"), ROWS)
def test_a_documented_number_equals_the_constant(
    document: str, text: str, number: object, written: object
) -> None:
    assert text in (DOCS / document).read_text("utf-8")
    assert number == written
