"""The history shows dynamic updates in the language of nsupdate, shortened where they are long."""

from __future__ import annotations

import dns.update
from updates import command

from failoverdns.rules.reports.update_words import LONGEST, MOST, update_in_words


def test_an_update_is_recorded_as_nsupdate_would_take_it() -> None:
    def write(update: dns.update.UpdateMessage) -> None:
        update.present("c", "A")
        update.present("a")
        update.absent("b")
        update.absent("d", "TYPE65280")
        update.present("e", "A", "192.0.2.1")
        update.add("f", 300, "MX", "10 mail")
        update.delete("g", "TXT", '"a b"')
        update.delete("h", "TXT")
        update.delete("i")

    assert update_in_words(command(write).update) == {
        "command": "update",
        "zone": "failover.test",
        "prerequisites": [
            "yxrrset c.failover.test A",
            "yxdomain a.failover.test",
            "nxdomain b.failover.test",
            "nxrrset d.failover.test TYPE65280",
            "yxrrset e.failover.test A 192.0.2.1",
        ],
        "updates": [
            "add f.failover.test 300 MX 10 mail.failover.test.",
            'delete g.failover.test TXT "a b"',
            "delete h.failover.test TXT",
            "delete i.failover.test",
        ],
    }


def test_an_update_of_many_long_records_is_shortened() -> None:
    def write(update: dns.update.UpdateMessage) -> None:
        for number in range(110):
            update.add(f"a{number}", 300, "TXT", '"' + "x" * 255 + '" "' + "x" * 255 + '"')

    words = update_in_words(command(write).update)
    texts = words["updates"]
    assert isinstance(texts, list)
    assert len(texts) == MOST + 1
    assert texts[-1] == f"and {110 - MOST} more"
    assert all(len(str(text)) <= LONGEST + 3 for text in texts)
