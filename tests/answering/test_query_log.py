"""The query log: limited in file size and memory, and no query ever waits for it."""

from __future__ import annotations

import json
import os
import time
from collections.abc import Iterator
from pathlib import Path

import dns.message
import pytest

from failoverdns.answering.query_log import MAX_WAITING, QueryLog
from failoverdns.model.commands.server import QueryLogOff, QueryLogOn, QueryLogStatus
from failoverdns.model.errors import Rejected
from failoverdns.model.settings import QueryLogSettings

QUERY = dns.message.make_query("www.failover.test", "AAAA", use_edns=0, want_dnssec=True).to_wire()
REPLY = QUERY[:2] + b"\x85\x03" + QUERY[4:]
DEADLINE = 30.0


@pytest.fixture
def log(tmp_path: Path) -> Iterator[QueryLog]:
    """Return a query log of at most 2,000 bytes per file."""
    made = QueryLog(QueryLogSettings(tmp_path / "queries", 2000))
    yield made
    made.close()


def note(log: QueryLog, count: int = 1, packet: bytes = QUERY) -> None:
    """Log a number of queries."""
    for _ in range(count):
        log.note(packet, REPLY, "192.0.2.1", 1.5, udp=True)


def written(log: QueryLog, count: int) -> None:
    """Wait until a number of lines are written or lost."""
    until = time.monotonic() + DEADLINE
    while True:
        told = log.carry_out(QueryLogStatus())
        if int(str(told["written"])) + int(str(told["lost"])) >= count:
            return
        assert time.monotonic() < until, told
        time.sleep(0.01)


def test_a_line_has_the_client_the_question_and_the_outcome(log: QueryLog, tmp_path: Path) -> None:
    """Nothing is logged before the log is on, nor after it is off."""
    note(log)
    log.carry_out(QueryLogOn())
    note(log)
    written(log, 1)
    log.carry_out(QueryLogOff())
    note(log)
    [line] = (tmp_path / "queries").read_text().splitlines()
    assert json.loads(line) == {
        "time": "1970-01-01T00:00:01.500Z",
        "client": "192.0.2.1",
        "transport": "udp",
        "length": len(QUERY),
        "name": "www.failover.test",
        "type": 28,
        "class": 1,
        "edns": {"payload": 1232, "do": True, "cookie": False},
        "rcode": 3,
        "truncated": False,
        "size": len(REPLY),
    }
    assert (tmp_path / "queries").stat().st_mode & 0o777 == 0o640 & ~_umask()


def _umask() -> int:
    mask = os.umask(0)
    os.umask(mask)
    return mask


def test_a_sample_is_every_nth_query(log: QueryLog, tmp_path: Path) -> None:
    """The other queries cost almost nothing."""
    assert log.carry_out(QueryLogOn(sample=3))["sample"] == 3
    note(log, 7)
    written(log, 2)
    assert len((tmp_path / "queries").read_text().splitlines()) == 2


def test_the_size_of_files_is_limited(log: QueryLog, tmp_path: Path) -> None:
    """The previous file is deleted when the current one is full; lines are complete."""
    log.carry_out(QueryLogOn())
    for round_ in range(1, 13):
        note(log, 2)
        written(log, 2 * round_)
    files = sorted(tmp_path.iterdir())
    assert [file.name for file in files] == ["queries", "queries.1"]
    for file in files:
        assert 0 < file.stat().st_size <= 2000
        assert all(json.loads(line) for line in file.read_text().splitlines())


def test_lines_that_do_not_fit_into_the_queue_are_lost_and_counted(tmp_path: Path) -> None:
    """A full disk delays no query, and memory does not grow beyond the queue."""
    os.mkfifo(tmp_path / "pipe")
    reader = os.open(tmp_path / "pipe", os.O_RDONLY | os.O_NONBLOCK)
    log = QueryLog(QueryLogSettings(tmp_path / "pipe", 10**9))
    log.carry_out(QueryLogOn())
    note(log, MAX_WAITING * 4)
    written(log, MAX_WAITING * 4)
    assert int(str(log.carry_out(QueryLogStatus())["lost"])) > 0
    log.close()
    os.close(reader)


def test_malformed_and_long_packets_are_logged_too(log: QueryLog, tmp_path: Path) -> None:
    """Of a long packet only the length is logged."""
    log.carry_out(QueryLogOn())
    note(log, packet=b"\1" * 5)
    note(log, packet=QUERY + bytes(60_000))
    log.note(QUERY, None, "::1", 0.0, udp=False)
    written(log, 3)
    lines = [json.loads(line) for line in (tmp_path / "queries").read_text().splitlines()]
    assert [(line["length"], line["name"]) for line in lines[:2]] == [
        (5, None),
        (len(QUERY) + 60_000, None),
    ]
    assert (lines[2]["transport"], lines[2]["rcode"], lines[2]["size"]) == ("tcp", None, None)


def test_turning_it_on_is_refused_if_it_is_not_configured_or_cannot_be_written(
    tmp_path: Path,
) -> None:
    """The message has a remedy; a symbolic link is not followed."""
    with pytest.raises(Rejected, match="give `querylog` a `file`"):
        QueryLog(None).carry_out(QueryLogOn())
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    for file in (tmp_path / "no" / "where", tmp_path / "link"):
        with pytest.raises(Rejected, match=f"querylog.file: {file}"):
            QueryLog(QueryLogSettings(file, 10)).carry_out(QueryLogOn())
    assert QueryLog(None).carry_out(QueryLogStatus())["on"] is False
