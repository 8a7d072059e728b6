"""The messages of zone transfers are those of RFC 5936 and RFC 1995, as dnspython reads them."""

from __future__ import annotations

from collections.abc import Iterator

import dns.message
import dns.rrset
import dns.xfr
import dns.zone
import pytest
from transferred import (
    KEY,
    ZONE,
    Names,
    as_text,
    content,
    operations,
    read_messages,
    records_of,
    soa_record,
)

from failoverdns.model.numbers import Rcode
from failoverdns.protocol.transfer.contents import Difference, Snapshot
from failoverdns.protocol.transfer.messages import (
    MESSAGE,
    RecordTooLong,
    axfr_messages,
    ixfr_messages,
    ixfr_over_udp,
    refusal,
    soa_message,
)
from failoverdns.protocol.transfer.requests import TransferRequest, read_transfer_request
from failoverdns.transfers.image import ZoneImage

NAMES: Names = {
    "@": ["60 NS ns1.failover.test.", "60 NS ns2.failover.test."],
    "a": ["60 A 192.0.2.1", "60 A 192.0.2.2", '30 TXT "one" "two"'],
    "*.w": ["60 CNAME other.test."],
    "primary.a": ["60 AAAA 2001:db8::1"],
}


def request(
    rdtype: str = "AXFR",
    serial: int = 1,
    name: str = "failover.test",
    payload: int | None = None,
    *,
    edns: bool = False,
) -> TransferRequest:
    query = dns.message.make_query(name, rdtype, id=4711, payload=payload)
    if edns:
        query.use_edns(0)
    if rdtype == "IXFR":
        data = f"ns. ops. {serial} 1 2 3 4"
        query.authority.append(dns.rrset.from_text("failover.test.", 0, "IN", "SOA", data))
    return read_transfer_request(query.to_wire())


def zone(serial: int, names: Names) -> Snapshot:
    image = ZoneImage(ZONE.wire, KEY)
    image.apply(operations(serial, names))
    return image.snapshot()


def soa(serial: int) -> str:
    return f"failover.test. 60 SOA ns1.failover.test. ops.failover.test. {serial} 300 60 1209600 60"


def change(deleted: Names, added: Names, old: int = 1, new: int = 2) -> Difference:
    records = [b"".join(chunk.data for chunk in zone(1, part).chunks) for part in (deleted, added)]
    return Difference(soa_record(old), soa_record(new), *records)


def many(count: int) -> Names:
    return {f"n{number}": [f"60 A 10.0.{number >> 8}.{number & 255}"] for number in range(count)}


def test_the_whole_zone_is_between_two_soa_records() -> None:
    (answers,) = read_messages(axfr_messages(request(), zone(9, NAMES)))
    assert answers[0] == answers[-1] == soa(9)
    assert frozenset(answers[1:-1]) == records_of(NAMES)
    assert len(answers) == 9
    assert answers[1].startswith("failover.test. 60 NS")


def test_a_zone_with_nothing_but_its_soa_record_is_transferred() -> None:
    assert read_messages(axfr_messages(request(), zone(9, {}))) == [[soa(9), soa(9)]]


def test_every_message_has_the_question_and_the_id() -> None:
    """The case of the question is that of the request, and owner names follow it."""
    asked = request(name="FAILOVER.test")
    messages = list(axfr_messages(asked, zone(1, many(1800))))
    assert len(messages) > 1
    for message in messages:
        read = dns.message.from_wire(message)
        assert (read.id, read.question[0].to_text()) == (4711, "FAILOVER.test. IN AXFR")


def test_a_large_zone_is_sent_in_messages_of_limited_size() -> None:
    messages = list(axfr_messages(request(), zone(1, many(2500))))
    assert all(len(message) <= MESSAGE + 64 for message in messages)
    assert all(len(message) > MESSAGE / 2 for message in messages[:-1])
    answers = [answer for some in read_messages(messages) for answer in some]
    assert answers[0] == answers[-1] == soa(1)
    assert frozenset(answers[1:-1]) == records_of(many(2500))
    assert len(answers) == 2502


def test_messages_are_made_one_by_one() -> None:
    messages = axfr_messages(request(), zone(1, many(2500)))
    assert isinstance(messages, Iterator)
    first = next(messages)
    assert len(read_messages([first])[0]) < 2500


def text_of(size: int) -> str:
    """Return a TXT record whose RDATA has about `size` bytes."""
    return " ".join(["60 TXT", *[f'"{"x" * 255}"'] * (size // 256)])


def test_long_records_have_messages_of_their_own() -> None:
    names = {"a": [text_of(65_000)], "b": [text_of(65_000)], "c": ["60 A 192.0.2.1"]}
    messages = list(axfr_messages(request(), zone(1, names), 120))
    assert max(map(len, messages)) > 64_000
    answers = [answer for some in read_messages(messages) for answer in some]
    assert frozenset(answers[1:-1]) == records_of(names)


def test_names_with_many_long_records_are_cut_between_them() -> None:
    names = {"a": [f'{text_of(9_000)} "{number}"' for number in range(20)]}
    messages = list(axfr_messages(request(), zone(1, names)))
    assert max(map(len, messages)) < MESSAGE + 10_000
    answers = [answer for some in read_messages(messages) for answer in some]
    assert frozenset(answers[1:-1]) == records_of(names)


def test_a_record_that_fits_into_no_message_is_an_error() -> None:
    with pytest.raises(RecordTooLong, match="fit into a message"):
        list(axfr_messages(request(), zone(1, {"a": [text_of(65_300)]}), 400))


def test_a_message_with_its_signature_is_at_most_as_long_as_tcp_allows() -> None:
    snapshot = zone(1, {"a": [text_of(65_000)]})
    room = 65535 - max(map(len, axfr_messages(request(), snapshot)))
    list(axfr_messages(request(), snapshot, room))
    with pytest.raises(RecordTooLong):
        list(axfr_messages(request(), snapshot, room + 1))


def test_only_the_first_message_has_opt() -> None:
    messages = list(axfr_messages(request(edns=True), zone(1, many(1800))))
    assert [dns.message.from_wire(message).edns for message in messages[:2]] == [0, -1]
    assert dns.message.from_wire(next(axfr_messages(request(), zone(1, {})))).edns == -1


def test_a_change_is_sent_between_soa_records() -> None:
    difference = change(
        {"a": ["60 A 192.0.2.1"]}, {"a": ["60 A 192.0.2.9"], "b": ["60 A 192.0.2.2"]}
    )
    (answers,) = read_messages(ixfr_messages(request("IXFR"), difference))
    assert answers == [
        soa(2),
        soa(1),
        "a.failover.test. 60 A 192.0.2.1",
        soa(2),
        *sorted(as_text(difference.added)),
        soa(2),
    ]


def test_a_change_of_the_serial_alone_is_sent() -> None:
    (answers,) = read_messages(ixfr_messages(request("IXFR"), change({}, {})))
    assert answers == [soa(2), soa(1), soa(2), soa(2)]


def test_a_large_change_is_sent_in_messages_of_limited_size() -> None:
    difference = change(many(1500), {f"x{name}": data for name, data in many(1700).items()})
    messages = list(ixfr_messages(request("IXFR"), difference))
    assert all(len(message) <= MESSAGE + 64 for message in messages)
    answers = [answer for some in read_messages(messages) for answer in some]
    assert answers[:2] == [soa(2), soa(1)]
    assert answers[1502] == answers[-1] == soa(2)
    assert frozenset(answers[2:1502]) == as_text(difference.deleted)
    assert frozenset(answers[1503:-1]) == as_text(difference.added)


def test_a_long_record_in_a_change_has_a_message_of_its_own() -> None:
    difference = change({"a": [text_of(65_000)], "b": [text_of(64_000)]}, {"c": ["60 A 192.0.2.1"]})
    messages = list(ixfr_messages(request("IXFR"), difference, 100))
    answers = [answer for some in read_messages(messages) for answer in some]
    assert frozenset(answers[2:4]) == as_text(difference.deleted)


def test_dnspython_follows_a_transfer_and_two_changes() -> None:
    """Its client keeps the rules of both RFCs."""
    names = [dict(NAMES), {**NAMES, "b": ["60 A 192.0.2.3"]}, {**NAMES, "a": ["60 A 192.0.2.7"]}]
    copy = dns.zone.Zone("failover.test", relativize=False)
    image = ZoneImage(ZONE.wire, KEY)
    image.apply(operations(1, names[0]))
    with dns.xfr.Inbound(copy, dns.rdatatype.AXFR) as inbound:
        for wire in axfr_messages(request(), image.snapshot()):
            message = dns.message.from_wire(wire, xfr=True, one_rr_per_rrset=True)
            done = inbound.process_message(message)
        assert done
    for serial in (2, 3):
        present = {name: names[serial - 1].get(name, ()) for name in {*names[1], *names[0]}}
        difference = image.apply(operations(serial, present))
        assert difference is not None
        with dns.xfr.Inbound(copy, dns.rdatatype.IXFR, serial - 1) as inbound:
            for wire in ixfr_messages(request("IXFR", serial - 1), difference):
                message = dns.message.from_wire(wire, xfr=True, one_rr_per_rrset=True)
                done = inbound.process_message(message)
            assert done
        lines = copy.to_text(relativize=False).splitlines()
        found = frozenset(line.replace(" IN ", " ", 1) for line in lines if " SOA " not in line)
        assert found == content(image.snapshot())


def test_the_reply_to_a_client_that_is_current_is_the_soa_record() -> None:
    assert read_messages([soa_message(request("IXFR", 9), soa_record(9))]) == [[soa(9)]]


def test_a_small_change_is_sent_over_udp() -> None:
    difference = change({"a": ["60 A 192.0.2.1"]}, {"a": ["60 A 192.0.2.9"]})
    wire = ixfr_over_udp(request("IXFR"), soa_record(2), difference, 0)
    (answers,) = read_messages([wire])
    assert len(answers) == 6


@pytest.mark.parametrize(("payload", "limit"), [(None, 512), (800, 800), (4096, 1232)])
def test_a_change_that_does_not_fit_over_udp_becomes_the_soa_record(
    payload: int | None, limit: int
) -> None:
    """The limit is that of the client, at most 1232 bytes, and the signature counts."""
    asked = request("IXFR", payload=payload)
    sizes = set()
    for count in range(1, 64):
        for room in (0, 100):
            wire = ixfr_over_udp(asked, soa_record(2), change({}, many(count)), room)
            assert len(wire) + room <= limit
            (answers,) = read_messages([wire])
            assert answers == [soa(2)] or len(answers) == 4 + count
            sizes.add(len(wire) + room if len(answers) > 1 else 0)
    assert limit - 30 < max(sizes) <= limit


def test_without_a_difference_the_reply_over_udp_is_the_soa_record() -> None:
    wire = ixfr_over_udp(request("IXFR"), soa_record(5), None, 0)
    assert read_messages([wire]) == [[soa(5)]]


@pytest.mark.parametrize("rcode", [Rcode.REFUSED, Rcode.NOTAUTH, Rcode.SERVFAIL, Rcode.BADVERS])
def test_a_refusal_has_the_question_and_the_rcode(rcode: Rcode) -> None:
    read = dns.message.from_wire(refusal(request(edns=True), rcode))
    assert (int(read.rcode()), len(read.answer), read.edns) == (rcode, 0, 0)
    assert read.question[0].to_text() == "failover.test. IN AXFR"
    assert dns.message.from_wire(refusal(request(), Rcode.REFUSED)).edns == -1
