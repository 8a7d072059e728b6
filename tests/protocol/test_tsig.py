"""TSIG: requests and replies are signed and verified as RFC 8945 has it, and as dnspython does."""

from __future__ import annotations

import time
from dataclasses import replace
from struct import pack

import dns.flags
import dns.message
import dns.name
import dns.tsig
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from failoverdns.model.errors import Malformed
from failoverdns.model.names import DomainName
from failoverdns.model.numbers import Rcode, TSIGError
from failoverdns.protocol.tsig import (
    Algorithm,
    Failed,
    NotVerified,
    ReplySigner,
    TSIGKey,
    Unsigned,
    Verified,
    error_reply,
    sign_reply,
    sign_request,
    tsig_size,
    verify,
    verify_reply,
)
from failoverdns.protocol.tsig_records import MisplacedTSIG, TSIGRecord, read_tsig

NOW = 1_800_000_000
NAME = DomainName.from_text("xfr.failover.test").wire
KEY = TSIGKey(NAME, Algorithm.HMAC_SHA256, bytes(range(32)))
KEYS = {NAME: KEY}
QUERY = b"\x12\x34\1\0\0\1\0\0\0\0\0\0\10failover\4test\0\0\6\0\1"
REPLY = QUERY[:2] + b"\x84\0" + QUERY[4:]

EACH_ALGORITHM = pytest.mark.parametrize("algorithm", Algorithm, ids=lambda one: one.value)


def verified(message: bytes, now: int = NOW, key: TSIGKey = KEY) -> Verified:
    found = verify(message, {key.name: key}, now)
    assert isinstance(found, Verified), found
    return found


def failed(message: bytes, now: int = NOW, key: TSIGKey = KEY) -> Failed:
    found = verify(message, {key.name: key}, now)
    assert isinstance(found, Failed), found
    return found


def record_of(message: bytes) -> TSIGRecord:
    found = read_tsig(message)
    assert found is not None
    return found


def with_record(
    message: bytes,
    *,
    name: bytes = NAME,
    rclass: int = 255,
    ttl: int = 0,
    algorithm: bytes = Algorithm.HMAC_SHA256.wire,
    mac: bytes = bytes(32),
    error: int = 0,
    after: bytes = b"",
) -> bytes:
    """Return a message with a TSIG record made by hand."""
    data = algorithm + pack(">6sHH", NOW.to_bytes(6, "big"), 300, len(mac)) + mac
    data += message[:2] + pack(">HH", error, 0) + after
    additionals = int.from_bytes(message[10:12], "big") + 1
    head = message[:10] + additionals.to_bytes(2, "big") + message[12:]
    return head + name + pack(">HHIH", 250, rclass, ttl, len(data)) + data


def dnspython_key(key: TSIGKey = KEY) -> dns.tsig.Key:
    name, _ = dns.name.from_wire(key.name, 0)
    return dns.tsig.Key(name, key.secret, key.algorithm.value)


# Beside dnspython.


@EACH_ALGORITHM
def test_a_request_that_dnspython_signed_is_verified(algorithm: Algorithm) -> None:
    key = TSIGKey(NAME, algorithm, b"secret of the key")
    query = dns.message.make_query("failover.test", "AXFR")
    query.use_tsig(dnspython_key(key))
    found = verify(query.to_wire(), {NAME: key}, int(time.time()))
    assert isinstance(found, Verified)
    plain = dns.message.from_wire(found.message)
    assert plain.question == query.question
    assert plain.id == query.id
    assert not plain.had_tsig


def test_the_name_of_a_key_may_be_compressed() -> None:
    """dnspython does so where the key has a name below the zone that it asks for."""
    query = dns.message.make_query("failover.test", "SOA")
    query.use_tsig(dnspython_key())
    message = query.to_wire()
    assert b"\3xfr\xc0\x0c" in message
    assert isinstance(verify(message, KEYS, int(time.time())), Verified)


@EACH_ALGORITHM
def test_dnspython_verifies_the_reply(algorithm: Algorithm) -> None:
    key = TSIGKey(NAME, algorithm, b"secret of the key")
    query = dns.message.make_query("failover.test", "SOA")
    query.use_tsig(dnspython_key(key))
    now = int(time.time())
    request = verified(query.to_wire(), now, key)
    reply = sign_reply(REPLY, request, now)
    read = dns.message.from_wire(reply, keyring=dnspython_key(key), request_mac=request.mac)
    assert read.had_tsig
    with pytest.raises(dns.tsig.BadSignature):
        dns.message.from_wire(reply, keyring=dnspython_key(key), request_mac=bytes(32))


@EACH_ALGORITHM
def test_dnspython_verifies_a_reply_of_many_messages(algorithm: Algorithm) -> None:
    key = TSIGKey(NAME, algorithm, b"secret of the key")
    query = dns.message.make_query("failover.test", "AXFR")
    query.use_tsig(dnspython_key(key))
    now = int(time.time())
    request = verified(query.to_wire(), now, key)
    signer, context = ReplySigner(request), None
    for _ in range(4):
        read = dns.message.from_wire(
            signer.sign(REPLY, now),
            keyring=dnspython_key(key),
            request_mac=request.mac,
            tsig_ctx=context,
            multi=True,
            xfr=True,
        )
        assert read.had_tsig
        context = read.tsig_ctx


@EACH_ALGORITHM
def test_dnspython_verifies_a_request_and_its_reply_is_verified(algorithm: Algorithm) -> None:
    key = TSIGKey(NAME, algorithm, b"secret of the key")
    now = int(time.time())
    request, mac = sign_request(QUERY, key, now)
    read = dns.message.from_wire(request, keyring=dnspython_key(key))
    assert read.had_tsig
    reply = dns.message.make_response(read)
    plain = verify_reply(reply.to_wire(), key, mac, now)
    assert dns.message.from_wire(plain).flags & dns.flags.QR


# Requests.


def test_a_message_without_tsig_is_unsigned() -> None:
    assert verify(QUERY, KEYS, NOW) == Unsigned()


def test_a_signed_request_is_verified() -> None:
    message, mac = sign_request(QUERY, KEY, NOW)
    assert verify(message, KEYS, NOW) == Verified(KEY, mac, QUERY, NOW)
    assert len(message) == len(QUERY) + tsig_size(KEY)


def test_names_of_keys_and_algorithms_are_compared_without_case() -> None:
    message, _ = sign_request(QUERY, KEY, NOW)
    start = record_of(message).start
    upper = message[start:].replace(b"xfr", b"XFR").replace(b"hmac-sha256", b"HMAC-sha256")
    assert verified(message[:start] + upper).key is KEY


def test_a_forwarded_request_gets_its_original_id_back() -> None:
    """A forwarder may change the id of the message (RFC 8945 section 4.2)."""
    message, _ = sign_request(QUERY, KEY, NOW)
    assert verified(b"\x99\x99" + message[2:]).message == QUERY


@pytest.mark.parametrize(
    "key",
    [
        pytest.param(replace(KEY, name=b"\5other\0"), id="another name"),
        pytest.param(replace(KEY, algorithm=Algorithm.HMAC_SHA512), id="another algorithm"),
    ],
)
def test_a_request_with_an_unknown_key_gets_badkey(key: TSIGKey) -> None:
    message, _ = sign_request(QUERY, key, NOW)
    found = failed(message)
    assert (found.rcode, found.error, found.key) == (Rcode.NOTAUTH, TSIGError.BADKEY, None)
    tsig = record_of(error_reply(message, found, NOW))
    assert (tsig.error, tsig.mac, tsig.name) == (TSIGError.BADKEY, b"", key.name)
    assert tsig.algorithm == key.algorithm.wire


def test_an_algorithm_that_is_not_supported_gets_badkey() -> None:
    message = with_record(QUERY, algorithm=b"\x08hmac-md5\7sig-alg\3reg\3int\0", mac=bytes(16))
    assert failed(message).error is TSIGError.BADKEY


@pytest.mark.parametrize("at", [3, 20, -7], ids=["flags", "question", "MAC"])
def test_a_changed_request_gets_badsig(at: int) -> None:
    message = bytearray(sign_request(QUERY, KEY, NOW)[0])
    message[at] ^= 1
    found = failed(bytes(message))
    assert (found.rcode, found.error, found.key) == (Rcode.NOTAUTH, TSIGError.BADSIG, None)
    reply = error_reply(bytes(message), found, NOW)
    assert (record_of(reply).error, record_of(reply).mac) == (TSIGError.BADSIG, b"")
    assert len(reply) <= len(message)


@pytest.mark.parametrize("shift", [-300, 300])
def test_clocks_may_differ_by_the_fudge(shift: int) -> None:
    assert verified(sign_request(QUERY, KEY, NOW)[0], NOW + shift).time == NOW


@pytest.mark.parametrize("shift", [-301, 301])
def test_a_request_out_of_time_gets_badtime_with_our_time(shift: int) -> None:
    """The reply is signed, with the client's time, so that the client can check it."""
    message, mac = sign_request(QUERY, KEY, NOW)
    found = failed(message, NOW + shift)
    assert (found.rcode, found.error) == (Rcode.NOTAUTH, TSIGError.BADTIME)
    reply = error_reply(message, found, NOW + shift)
    tsig = record_of(reply)
    assert (tsig.error, tsig.time) == (TSIGError.BADTIME, NOW)
    assert tsig.other == (NOW + shift).to_bytes(6, "big")
    with pytest.raises(NotVerified, match=r"BADTIME: its clock is 301 seconds") as caught:
        verify_reply(reply, KEY, mac, NOW)
    assert caught.value.server_time == NOW + shift
    assert caught.value.error == TSIGError.BADTIME
    assert caught.value.rcode == Rcode.NOTAUTH


def test_a_fudge_of_hours_counts_as_five_minutes() -> None:
    """Otherwise a request could be replayed for as long as its sender said."""
    query = dns.message.make_query("failover.test", "SOA")
    query.use_tsig(dnspython_key(), fudge=60_000)
    message, now = query.to_wire(), int(time.time())
    assert isinstance(verify(message, KEYS, now + 295), Verified)
    assert failed(message, now + 400).error is TSIGError.BADTIME


def truncated(size: int, key: TSIGKey = KEY) -> bytes:
    """Return a signed request whose MAC has `size` bytes."""
    _, mac = sign_request(QUERY, key, NOW)
    made = (mac + bytes(64))[:size]
    return with_record(QUERY, name=key.name, algorithm=key.algorithm.wire, mac=made)


@pytest.mark.parametrize(
    ("algorithm", "size"),
    [
        (Algorithm.HMAC_SHA256, 16),
        (Algorithm.HMAC_SHA256, 31),
        (Algorithm.HMAC_SHA384, 24),
        (Algorithm.HMAC_SHA512, 32),
    ],
)
def test_a_truncated_mac_of_at_least_half_is_accepted(algorithm: Algorithm, size: int) -> None:
    key = replace(KEY, algorithm=algorithm)
    found = verified(truncated(size, key), key=key)
    assert len(found.mac) == size
    tsig = record_of(sign_reply(REPLY, found, NOW))
    assert len(tsig.mac) == algorithm.size


@pytest.mark.parametrize("size", [0, 9, 10, 15, 33, 64])
def test_a_mac_of_another_length_is_a_format_error(size: int) -> None:
    found = failed(truncated(size))
    assert (found.rcode, found.error) == (Rcode.FORMERR, None)
    reply = error_reply(truncated(size), found, NOW)
    assert read_tsig(reply) is None
    assert reply[3] & 0xF == Rcode.FORMERR


def test_a_key_may_demand_more_of_the_mac_than_half() -> None:
    key = replace(KEY, least_mac=32)
    message = truncated(16)
    found = failed(message, key=key)
    assert (found.rcode, found.error) == (Rcode.NOTAUTH, TSIGError.BADTRUNC)
    reply = error_reply(message, found, NOW)
    with pytest.raises(NotVerified, match="TSIG error 22"):
        verify_reply(reply, KEY, record_of(message).mac, NOW)
    assert isinstance(verify(truncated(32), {NAME: key}, NOW), Verified)


def test_a_wrong_signature_is_found_before_a_wrong_time_or_length() -> None:
    """Only who has the key learns our time (RFC 8945 section 5.2)."""
    message = with_record(QUERY, mac=bytes(16))
    assert failed(message, NOW + 9999, replace(KEY, least_mac=32)).error is TSIGError.BADSIG


@pytest.mark.parametrize(
    "message",
    [
        pytest.param(with_record(with_record(QUERY)), id="two TSIG records"),
        pytest.param(
            with_record(QUERY)[:11] + b"\2" + with_record(QUERY)[12:] + b"\0\0\1\0\1" + bytes(6),
            id="a record after it",
        ),
        pytest.param(with_record(QUERY, rclass=1), id="class IN"),
        pytest.param(with_record(QUERY, ttl=1), id="a TTL"),
        pytest.param(with_record(QUERY, after=b"x"), id="bytes after its data"),
        pytest.param(with_record(QUERY, name=b"\xc0\xff"), id="a name out of the message"),
        pytest.param(with_record(QUERY, algorithm=b"\x70x\0"), id="an algorithm with a bad label"),
        pytest.param(
            QUERY[:6] + b"\0\1\0\0\0\0" + with_record(QUERY)[12:], id="in the answer section"
        ),
    ],
)
def test_a_misplaced_tsig_record_is_a_format_error(message: bytes) -> None:
    found = failed(message)
    assert (found.rcode, found.error) == (Rcode.FORMERR, None)
    assert error_reply(message, found, NOW)[12:] == QUERY[12:]


def test_the_error_reply_repeats_question_opcode_and_rd() -> None:
    update = QUERY[:2] + b"\x29\0" + QUERY[4:]
    message = with_record(update)
    reply = error_reply(message, failed(message), NOW)
    assert reply[:4] == b"\x12\x34\xa9\x09"
    assert reply[12 : len(QUERY)] == QUERY[12:]


def test_an_error_reply_with_long_names_has_no_tsig_record() -> None:
    """It is sent to an address that nobody verified, and must not be larger than a request."""
    message = with_record(QUERY, name=(b"\x3f" + b"k" * 63) * 3 + b"\0")
    assert read_tsig(error_reply(message, failed(message), NOW)) is None


@settings(max_examples=60)
@given(st.binary(max_size=120), st.booleans())
def test_arbitrary_bytes_are_malformed_or_judged(data: bytes, is_after_header: bool) -> None:
    message = QUERY[:10] + b"\0\1" + QUERY[12:] + data if is_after_header else data
    try:
        found = verify(message, KEYS, NOW)
    except Malformed:
        return
    assert not isinstance(found, Verified)
    if isinstance(found, Failed):
        error_reply(message, found, NOW)


@settings(max_examples=60)
@given(st.data())
def test_a_signed_request_with_any_other_byte_is_not_verified(data: st.DataObject) -> None:
    message, mac = sign_request(QUERY, KEY, NOW)
    at = data.draw(st.integers(2, len(message) - 1))
    other = bytes((data.draw(st.integers(0, 255)),))
    changed = message[:at] + other + message[at + 1 :]
    try:
        found = verify(changed, KEYS, NOW)
    except Malformed:
        return
    if isinstance(found, Verified):  # the case of the names in the TSIG record is not signed
        assert found == Verified(KEY, mac, QUERY, NOW)
        assert changed.lower() == message.lower()


def test_a_key_does_not_show_its_secret() -> None:
    assert "secret" not in repr(KEY)
    message, _ = sign_request(QUERY, KEY, NOW)
    assert repr(KEY.secret)[2:-1] not in repr(verified(message))


# Replies to requests of ours.


def reply_to(request: bytes, now: int = NOW) -> bytes:
    return sign_reply(REPLY, verified(request), now)


def test_a_reply_is_verified() -> None:
    request, mac = sign_request(QUERY, KEY, NOW)
    assert verify_reply(reply_to(request), KEY, mac, NOW) == REPLY


@pytest.mark.parametrize(
    ("reply", "why"),
    [
        (REPLY, "not signed"),
        (REPLY[:3] + b"\x09" + REPLY[4:], "not signed"),
        (with_record(REPLY), "wrong signature"),
        (with_record(REPLY, error=TSIGError.BADKEY), "wrong signature"),
        (with_record(REPLY, mac=bytes(8)), "a MAC of 8 bytes"),
        (with_record(REPLY, mac=bytes(15)), "a MAC of 15 bytes"),
        (with_record(REPLY, name=b"\5other\0"), "another key"),
    ],
)
def test_a_reply_that_proves_nothing_is_not_verified(reply: bytes, why: str) -> None:
    _, mac = sign_request(QUERY, KEY, NOW)
    with pytest.raises(NotVerified, match=why) as caught:
        verify_reply(reply, KEY, mac, NOW)
    assert caught.value.rcode == reply[3] & 0xF


def test_the_reply_to_another_request_is_not_verified() -> None:
    request, _ = sign_request(QUERY, KEY, NOW)
    _, other = sign_request(QUERY, KEY, NOW + 1)
    with pytest.raises(NotVerified, match="wrong signature"):
        verify_reply(reply_to(request), KEY, other, NOW)


@pytest.mark.parametrize(("shift", "word"), [(-400, "ago"), (400, "ahead")])
def test_an_old_reply_is_not_verified(shift: int, word: str) -> None:
    request, mac = sign_request(QUERY, KEY, NOW)
    with pytest.raises(NotVerified, match=f"400 seconds {word}"):
        verify_reply(reply_to(request, NOW + shift), KEY, mac, NOW)


@pytest.mark.parametrize("error", [TSIGError.BADKEY, TSIGError.BADSIG])
def test_the_error_of_a_server_that_lacks_the_key_is_reported(error: TSIGError) -> None:
    other = replace(KEY, secret=b"x" * 32) if error is TSIGError.BADSIG else KEY
    keys = {NAME: other} if error is TSIGError.BADSIG else {}
    request, mac = sign_request(QUERY, KEY, NOW)
    found = verify(request, keys, NOW)
    assert isinstance(found, Failed)
    with pytest.raises(NotVerified, match=f"replies {error.name}") as caught:
        verify_reply(error_reply(request, found, NOW), KEY, mac, NOW)
    assert caught.value.error == error


@settings(max_examples=60)
@given(st.binary(max_size=120))
def test_arbitrary_bytes_are_never_a_reply(data: bytes) -> None:
    with pytest.raises((Malformed, NotVerified)):
        verify_reply(data, KEY, bytes(32), NOW)


def test_a_misplaced_tsig_record_of_a_reply_is_malformed() -> None:
    with pytest.raises(Malformed, match="class"):
        verify_reply(with_record(REPLY, rclass=1), KEY, bytes(32), NOW)
    with pytest.raises(MisplacedTSIG):
        read_tsig(with_record(REPLY, ttl=5))
