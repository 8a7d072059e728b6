"""Zone files give the records that BIND makes of them: `named-compilezone` is the judge."""

from __future__ import annotations

import subprocess
from pathlib import Path

import pytest
from system.server import tool

from failoverdns.config.errors import ConfigErrors, FaultReport, Place
from failoverdns.config.zones.record_text import parse_record
from failoverdns.config.zones.zone_file import LIMITS, read_zone_files
from failoverdns.model.names import DomainName
from failoverdns.model.records import SOA

ORIGIN = DomainName.from_text("t.test")
HEAD = "$TTL 60\n@ SOA ns h 1 2 3 4 5\n@ NS ns\nns A 192.0.2.53\n"

Found = set[tuple[str, int, int, bytes]]

GENERATED = r"""
$GENERATE 1-3 a$ A 192.0.2.$
$GENERATE 1-9/4 b$ A 192.0.2.$
$GENERATE 0-1 c${5} A 192.0.2.${5}
$GENERATE 0-1 d${-1} A 192.0.2.1
$GENERATE 0-1 e${-1,3} A 192.0.2.1
$GENERATE 1-2 f${+2,3,d} A 192.0.2.1
$GENERATE 9-11 g${0,3,x} TXT ${0,0,X}
$GENERATE 7-9 h${0,3,o} TXT ${0,0,o}
$GENERATE 171-172 i${0,1,n} TXT ${0,7,N}
$GENERATE 171-172 j${0,3,n} TXT ${0,0,n}
$GENERATE 1-1 k${-2,0,x} TXT ${-2,4,n}
$GENERATE 1-1 l$$ TXT $$
$GENERATE 1-1 m\$ TXT \$
$GENERATE 1-1 n$$$ TXT $$$$
$GENERATE 1-2 $.$.o TXT $-$
$GENERATE 1-1 p$x TXT \\$
$GENERATE 1-2 q$ 300 A 192.0.2.$
$GENERATE 1-2 r$ IN A 192.0.2.$
$GENERATE 1-2 s$ IN 5m A 192.0.2.$
$GENERATE 1-2 t$ 5m IN A 192.0.2.$
$GENERATE 1-2 u$ MX "10 mail$"
$GENERATE 1-2 v$ SRV "0 0 $ h$"
$GENERATE 1-2 w$ TXT "a $"
$GENERATE 1-2 x$ TXT "\"a $\""
$GENERATE 1-2 y$ TXT a\ $
$GENERATE 1-2 z$ CAA "0 issue \"x$.test\""
$GENERATE 1-2 aa$ TYPE65280 "\# 1 0$"
$GENERATE 1-2 bb$.t.test. CNAME $.0
$GENERATE 1-2 CC$ txt X ; a comment
$GENERATE 01-02/01 dd$ TXT $;x
$GENERATE 1-2 ee$ TXT "$;x"
$GENERATE 2147483647-2147483647 ff$ TXT \065$
$GENERATE 1-2 gg A 192.0.2.$
 A 192.0.2.9
"""
"""The last line has the owner of the line before all of these."""

SHAPES = r"""
a       in      300     a       192.0.2.1;glued
A2      1H      IN      A       192.0.2.1
        IN      AAAA    ::ffff:192.0.2.1
ns      TXT     "a;b" "c (d" e\;f \"g\" "\"h\"" a"b"c
txt     TXT     ( "x"   ; comment ) "
                  "y"
        z )
IN      A       192.0.2.2
10      A       192.0.2.3
3600    1w2d3h4m5s A 192.0.2.4
mx      MX      0 .
        MX      ( 10
                mail ) ; more
dkim._domainkey TXT ( "v=DKIM1; k=rsa; "
  "p=MIGfMA0GCSqGSIb3DQEBAQUAA4GNADCBiQKBgQC" )
sp\032ace A     192.0.2.5
o\.dd\000\255   TXT \000\255
@@      A       192.0.2.6
\@      A       192.0.2.7
(p A 192.0.2.8)
loop    CNAME   .
loc     LOC     52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m
loc2    LOC     42 S 71 W 0.29
loc3    LOC     0 0 0.001 S 179 59 59.999 W 42849672.95m 90000000.00m 9m 0.09m
loc7    LOC     52 1 .5 N 4 1 5. W .5m 10.m 00010.5
loc4    LOC     90 N 180 E -100000m
loc5    LOC     \# 4 01020304
loc6    LOC     \# 16 01121612800000018000000080000000
svcb    SVCB    0 @
        SVCB    16 svc mandatory=alpn,ipv4hint alpn="f\\\\oo\\,bar,h2" ( ipv4hint=192.0.2.1
                key667="a\210" )
https   HTTPS   1 . alpn=h2,h3 no-default-alpn port=53 ipv6hint=2001:db8::1
https0  TYPE65  \# 3 000100
naptr   NAPTR   100 10 "u" "E2U+sip" "!^.*$!sip:info@t.test!" .
srv     SRV     0 5 5060 sip
sshfp   SSHFP   4 2 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971
tlsa    TLSA    ( 3 1 1 d2abde240d7cd3ee6b4b28c54df034b9
                  7983a1d16e8a410e4561cb106618e971 )
caa     CAA     0 issue "ca.test; accounturi=https://ca.test/1"
ds      CDS     1 13 2 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971
hip     HIP     2 200100107B1A74DF365639CC39F1D578 AwEAAbdxyhNuSutc5EMzxTs9LBPCIkOFH8cIvM4p rvs
ipsec   IPSECKEY 10 1 2 192.0.2.38 AQNRU3mG7TVTO2BkR47usntb102uFJtugbo6BSGvgqt4AQ==
apl     APL     1:192.0.2.0/24 !2:2001:db8::/32
cert    CERT    PKIX 2 RSASHA1 AAAA
wks     WKS     192.0.2.1 TCP 25 80
nsap    NSAP    0x47.0005.80
csync   CSYNC   66 3 A NS AAAA
uri     URI     10 1 "ftp://ftp.t.test/public"
eui     EUI48   00-00-5e-00-53-2a
nid     NID     10 14:4fff:ff20:ee64
l64     L64     10 2001:db8:1140:1000
lp      LP      10 l64
rp      RP      admin.people info
afsdb   AFSDB   1 a
x25     X25     311061700956
isdn    ISDN    150862028003217 004
rt      RT      10 a
px      PX      10 a b
gpos    GPOS    -32.6882 116.8652 10.0
kx      KX      1 a
dhcid   DHCID   AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=
avc     AVC     "x" "y"
spf     SPF     "v=spf1 -all"
mb      MB      mail
mg      MG      mail
mr      MR      mail
minfo   MINFO   a b
talink  TALINK  a b
ta      TA      1 13 2 D2ABDE240D7CD3EE6B4B28C54DF034B97983A1D16E8A410E4561CB106618E971
rkey    RKEY    0 3 5 AAAA
eid     EID     0102 03
nimloc  NIMLOC  01
null    NULL    \# 2 0102
t1      TYPE1   \# 4 C000 0201
t2      A       \# 4 ( C000
                0201 )
t3      TYPE65280 \# 0
t4      type65535 \# 1 FF
        300     TXT ""
$ORIGIN sub
@       A       192.0.2.9
x.t.test. CNAME @
$ttl 2h
*.w     A       192.0.2.10
$origin t.test.
$INCLUDE "other zone" inner
after   A       192.0.2.11
        IN      TXT     "\065\"" ; the end"""

OTHER = "$TTL 7\n@ A 192.0.2.1\n$ORIGIN deep\na A 192.0.2.2\n"


def ours(folder: Path) -> Found | str:
    """Return the records that the file has for us, or its first error."""
    faults = FaultReport("f")
    records = read_zone_files([(Place(1, 1), folder / "z")], ORIGIN, 60, LIMITS, faults)
    try:
        faults.raise_if_any()
    except ConfigErrors as found:
        return str(found.errors[0])
    return {(str(r.owner), r.ttl, r.rtype, r.canonical) for _, r in records if r.rtype != SOA}


def as_bind(folder: Path) -> Found | str:
    """Return the records that BIND makes of the file, or its first error."""
    command = [tool("named-compilezone"), "-i", "none", "-k", "ignore", "-s", "full", "-o", "-"]
    done = subprocess.run(
        [*command, "t.test", "z"], cwd=folder, capture_output=True, check=False, timeout=20
    )
    if done.returncode:
        return done.stderr.decode("utf-8", "replace")
    records = [parse_record(line, ORIGIN, 60) for line in done.stdout.decode("utf-8").splitlines()]
    return {(str(r.owner), r.ttl, r.rtype, r.canonical) for r in records if r.rtype != SOA}


def write(folder: Path, text: str, head: str = HEAD) -> None:
    """Write the files that both read."""
    folder.joinpath("z").write_text(head + text)
    folder.joinpath("other zone").write_text(OTHER)


@pytest.mark.parametrize(
    ("head", "text", "count"),
    [
        pytest.param(HEAD, GENERATED, 67, id="generated"),
        pytest.param(HEAD, SHAPES, 81, id="shapes"),
        pytest.param(HEAD.replace("$TTL 60\n@", "@ 900"), "a A 192.0.2.1\n", 3, id="last TTL"),
        pytest.param(HEAD.replace("$TTL 60\n", ""), "b 7 A 192.0.2.1\n", 3, id="minimum"),
    ],
)
def test_a_file_gives_the_records_that_bind_makes_of_it(
    tmp_path: Path, head: str, text: str, count: int
) -> None:
    """Owner, TTL, type and data of each record, and none more."""
    write(tmp_path, text, head)
    found, judge = ours(tmp_path), as_bind(tmp_path)
    assert isinstance(found, set), found
    assert isinstance(judge, set), judge
    assert found == judge
    assert len(found) == count


@pytest.mark.parametrize(
    "text",
    [
        'a TXT "x\ny"',
        'a TXT "x',
        "a TXT x\\",
        "a TXT ( x",
        "a TXT x )",
        "a A 192.0.2.1 192.0.2.2",
        "$TTL 60 70",
        "$ORIGIN",
        "$INCLUDE nothing",
        "$INCLUDE z sub more",
        "$GENERATE 3-1 a$ A 192.0.2.$",
        "$GENERATE 1 a$ A 192.0.2.$",
        "$GENERATE 1-2 a${} A 192.0.2.$",
        "$GENERATE 1-2 a${0 A 192.0.2.$",
        "$GENERATE 1-2 a${0,1,q} A 192.0.2.$",
        "$GENERATE 2147483648-2147483648 a TXT x",
        "$GENERATE 1-1 a${2147483647} TXT x",
        "a LOC 52 N 4 E 42849673m",
        "a LOC 52 N 4 E -100000.01m",
        "a LOC 90 0 0.001 N 4 E 0m",
        "a LOC 52 N 4 E 1e3m",
        "a LOC 52 N 4 E nan",
        "a LOC 52 N 4 E 0m 90000001m",
        "a LOC 52 N 181 E 0m",
        "a A \\# 3 c00002",
        "a CNAME \\# 2 c00c",
        "a MX \\# 3 000a01",
        "a TYPE65280 \\# 2 01",
        "a OPENPGPKEY A$AA",
        "a MD mail",
        'a TXT "\\25"',
        "a TXT \\300",
        "a CH TXT x",
        "a 1.5h A 192.0.2.1",
    ],
)
def test_what_bind_refuses_is_refused(tmp_path: Path, text: str) -> None:
    """With an error of ours, and never with a traceback."""
    write(tmp_path, text)
    assert isinstance(ours(tmp_path), str)
    assert isinstance(as_bind(tmp_path), str)
