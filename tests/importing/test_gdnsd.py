"""`import gdnsd`: zones, simplefo, multifo and metafo, and what has no counterpart."""

from __future__ import annotations

from pathlib import Path

import pytest
from adopting import adopt, short, static

from failoverdns.importing.gdnsd_zone import split_strings
from failoverdns.importing.plan import Plan, PlannedApplication, PlannedHead
from failoverdns.importing.sources import gdnsd_plan
from failoverdns.importing.writing import configuration, files_of
from failoverdns.model.errors import Malformed

HEAD = "@ SOA ns1 hostmaster 1 7200 1800 259200 900\n@ NS ns1\nns1 A 192.0.2.53\n"
WEB = "service_types => { web => { plugin => http_status, up_thresh => 3 } }\n"


class Importing:
    """Imports a configuration, and a zone `shop.example`, which begins with SOA and NS."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder / "gdnsd"
        (self.folder / "zones").mkdir(parents=True)

    def __call__(self, zone: str, config: str | None = None) -> Plan:
        """Return the plan after a server has taken it."""
        (self.folder / "zones" / "shop.example").write_text(HEAD + zone)
        if config is not None:
            (self.folder / "config").write_text(config)
        plan = gdnsd_plan(self.folder)
        adopt(plan, self.folder.parent / "adopted")
        return plan


@pytest.fixture
def importing(tmp_path: Path) -> Importing:
    """Import a zone and a configuration."""
    return Importing(tmp_path)


def application(plan: Plan, name: str) -> PlannedApplication:
    """Return an application by its name."""
    return next(found for found in plan.applications if found.name == name)


def test_a_simplefo_resource_is_a_group(importing: Importing) -> None:
    config = (
        WEB
        + """plugins => { simplefo => { r => {
      service_types => web, primary => 192.0.2.1, secondary => 192.0.2.2
    } } }"""
    )
    plan = importing("www 60 DYNA simplefo!r\n", config)
    (group,) = plan.groups
    assert (group.name, group.label, group.ttl, group.policy) == ("www", "www", 60, "simplefo")
    assert application(plan, "r-primary").heads == (PlannedHead("lb", ("192.0.2.1",)),)
    assert application(plan, "r-backup").checks == ("web",)
    assert set(plan.policies) == {"simplefo"}
    assert plan.not_taken == ()
    assert set(short(plan.notes)) == {"the policy simplefo"}
    assert "only after `grace`" in plan.notes[0].reason


def test_names_of_one_resource_share_its_applications(importing: Importing) -> None:
    config = "plugins => { simplefo => { r => { primary => 192.0.2.1, secondary => 192.0.2.2 } } }"
    plan = importing("a 60 DYNA simplefo!r\nb 60 DYNC simplefo!r\n", config)
    assert {group.primary for group in plan.groups} == {"r-primary"}
    assert {group.policy for group in plan.groups} == {None}


def test_a_multifo_resource_is_an_application_of_web_servers(importing: Importing) -> None:
    config = (
        WEB
        + """plugins => { multifo => { service_types => web, r => {
      addrs_v4 => [ 192.0.2.1, 192.0.2.2, 192.0.2.3 ]
      addrs_v6 => { LB_1 => 2001:db8::1, up_thresh => 0.1 }
    } } }"""
    )
    plan = importing("www DYNA multifo!r\n", config)
    (group,) = plan.groups
    assert (group.primary, group.backup, group.policy) == ("r", None, "multifo")
    assert [head.name for head in application(plan, "r").heads] == ["web1", "web2", "web3", "lb_1"]
    assert plan.policies == {"multifo": {"answer": "healthy"}}
    assert "fewer than 3 of 4" in short(plan.notes)["multifo!r: up_thresh"]


def test_a_metafo_resource_of_two_datacenters_is_a_group(importing: Importing) -> None:
    """The threshold of its parts decides when a side is down, so it is kept."""
    config = (
        WEB
        + """plugins => {
      multifo => { m => { service_types => web, a => 192.0.2.1, b => 192.0.2.2, c => 192.0.2.3 } }
      metafo => { service_types => web, resources => { r => {
        datacenters => [ one, two ], dcmap => { one => !m, two => 192.0.2.9 }
    } } } }"""
    )
    plan = importing("www DYNA metafo!r\nfar DYNA metafo!r/two\n", config)
    both, far = plan.groups
    assert (both.primary, both.backup, both.policy) == ("m", "r-two", "metafo")
    assert (far.primary, far.backup) == ("r-two", None)
    assert application(plan, "m").require_heads == 2
    assert application(plan, "r-two").checks == ("web",)


@pytest.mark.parametrize(
    ("record", "reason"),
    [
        ("DYNA simplefo!nothing", "simplefo has no resource 'nothing'"),
        ("DYNA weighted!w", "differ from query to query"),
        ("DYNA geoip!g", "place of the client"),
        ("DYNA reflect", "'reflect' has no counterpart"),
        ("DYNA null", "'null' has no counterpart"),
        ("DYNA multifo!m", "plugins has no multifo"),
        ("DYNA simplefo!odd", "has no option 'tertiary'"),
        ("DYNA simplefo!half", "half has no secondary"),
        ("DYNA simplefo!name", "'x.example' is not an address"),
        ("DYNA simplefo!six", "not an address for IPv4"),
    ],
)
def test_resources_without_a_counterpart_are_listed(
    importing: Importing, record: str, reason: str
) -> None:
    config = """plugins => { simplefo => {
      odd => { primary => 192.0.2.1, secondary => 192.0.2.2, tertiary => 192.0.2.3 }
      half => { primary => 192.0.2.1 }
      name => { primary => x.example, secondary => 192.0.2.1 }
      six => { addrs_v4 => { primary => 2001:db8::1, secondary => 192.0.2.1 } }
    } }"""
    plan = importing(f"www 60 {record}\n", config)
    (remark,) = plan.not_taken
    assert reason in remark.reason
    assert remark.advice
    assert remark.place.endswith("zones/shop.example:4")


def test_a_misspelt_option_is_no_address(importing: Importing) -> None:
    config = "plugins => { multifo => { r => { a => 192.0.2.1, up_tresh => 0.03 } } }"
    plan = importing("www DYNA multifo!r\n", config)
    assert short(plan.not_taken) == {"multifo!r: up_tresh": "'0.03' is not an address"}
    assert len(application(plan, "r").heads) == 1


def test_static_resources_are_static_records(importing: Importing) -> None:
    config = "plugins => { static => { a => 192.0.2.1, b => 2001:db8::1, c => host.example.net } }"
    plan = importing("a 60 DYNA static!a\nb 60 DYNC static!b\nc 60 DYNC static!c\n", config)
    assert static(plan) == [
        "a.shop.example. 60 IN A 192.0.2.1",
        "b.shop.example. 60 IN AAAA 2001:db8::1",
        "c.shop.example. 60 IN CNAME host.example.net.",
    ]


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        (
            "plugin => http_status",
            {"type": "http", "port": 80, "path": "/", "status": [200], "interval": 10,
             "timeout": 5, "up_after": 20, "down_after": 10},
        ),
        ("plugin => http_status, vhost => a.example, ok_codes => [ 200, 301 ]",
         {"host": "a.example", "status": [200, 301]}),
        ("plugin => tcp_connect, port => 25, interval => 3",
         {"type": "tcp", "port": 25, "timeout": 1}),
        ("plugin => extmon, cmd => [ /bin/check, now ], direct => true",
         {"type": "exec", "run": ["/bin/check", "now"], "up_after": 1, "down_after": 1}),
        ("plugin => extmon, cmd => [ /bin/check, \"it's-%%ITEM%%\", \"\" ]",
         {"run": ["/bin/sh", "-c", "exec /bin/check 'it'\"'\"'s-'\"$FAILOVERDNS_ADDRESS\" ''"]}),
        ("plugin => tcp_connect, port => 25, up_thresh => 500", {"up_after": 100}),
    ],
)  # fmt: skip
def test_service_types_become_checks(
    importing: Importing, options: str, expected: dict[str, object]
) -> None:
    config = f"""service_types => {{ t => {{ {options} }} }}
      plugins => {{ multifo => {{ r => {{ service_types => t, a => 192.0.2.1 }} }} }}"""
    plan = importing("www DYNA multifo!r\n", config)
    assert plan.checks["t"].items() >= expected.items()
    assert plan.not_taken == ()


@pytest.mark.parametrize(
    "options",
    [
        "plugin => extfile, file => states",
        "plugin => null",
        "plugin => static, state => DOWN",
        "plugin => tcp_connect",
        "plugin => tcp_connect, port => 70000",
        "plugin => http_status, ok_codes => [ 2xx ]",
        'plugin => http_status, url_path => "/a b"',
        "plugin => extmon",
        'plugin => http_status, vhost => "a b"',
        "plugin => http_status, vhost => \u00e9",
        "plugin => http_status, interval => 10, timeout => 20",
        "plugin => custom",
        "port => 80",
    ],
)
def test_service_types_without_a_counterpart_are_listed(importing: Importing, options: str) -> None:
    config = f"""service_types => {{ t => {{ {options} }} }}
      plugins => {{ multifo => {{ r => {{ service_types => [ t, up ], a => 192.0.2.1 }} }} }}"""
    plan = importing("www DYNA multifo!r\nwww2 DYNA multifo!r\n", config)
    assert set(short(plan.not_taken)) == {"service type t"}
    assert plan.checks == {}
    assert len(plan.groups) == 2


def test_undefined_and_trivial_service_types(importing: Importing) -> None:
    config = (
        "plugins => { multifo => { r => { service_types => [ up, down, lost ], a => 192.0.2.1 } } }"
    )
    plan = importing("www DYNA multifo!r\n", config)
    assert set(short(plan.not_taken)) == {"service type down", "service type lost"}


def test_what_is_peculiar_to_zone_files(importing: Importing) -> None:
    """`@Z`, `@F`, long strings, the default TTL, and limits of addresses."""
    (importing.folder / "zones" / ".hidden").write_text("not a zone")
    (importing.folder / "zones" / "parts").mkdir()
    (importing.folder / "part").write_text("$ORIGIN x\na A 192.0.2.1\n$ORIGIN y.@F\nb CNAME c.@Z\n")
    long = "k=" + "A" * 253 + '\\"\\065'
    plan = importing(
        f'$ADDR_LIMIT_V4 2\n$INCLUDE ../part sub\nw 5m A 192.0.2.2\n TXT "{long}"\n'
        "$ttl 7\n@z MX 10 @f\nbad A 192.0.2.300\n TXT kept\n",
        "options => { zones_default_ttl = 77 }",
    )
    assert static(plan) == [
        "a.x.sub.shop.example. 77 IN A 192.0.2.1",
        "b.y.sub.shop.example. 77 IN CNAME c.shop.example.",
        "w.shop.example. 300 IN A 192.0.2.2",
        f'w.shop.example. 77 IN TXT "k={"A" * 253}" "\\"A"',
        "shop.example. 7 IN MX 10 shop.example.",
        'bad.shop.example. 7 IN TXT "kept"',
    ]
    assert len(plan.not_taken) == 1
    assert "$ADDR_LIMIT_V4" in short(plan.notes)


def test_the_zone_has_its_own_settings(importing: Importing) -> None:
    text = configuration(
        importing("x A 192.0.2.1\n", "options => { listen => any, dns_port = 5353 }")
    )
    assert 'contact: "hostmaster@shop.example"' in text
    assert "negative_ttl: 900" in text
    assert "expire: 259200" in text
    assert 'ns1.shop.example: ["192.0.2.53"]' in text
    assert 'listen: ["0.0.0.0:5353", "[::]:5353"]' in text


@pytest.mark.parametrize(
    ("listen", "expected"),
    [
        ("[ 192.0.2.1, 2001:db8::1 ]", "192.0.2.1:53 [2001:db8::1]:53"),
        ('[ "[2001:db8::1]:5353" 192.0.2.1:54 192.0.2.1:054 ]', "[2001:db8::1]:5353 192.0.2.1:54"),
        ("{ 192.0.2.1 => { tcp_timeout = 15 } }", "192.0.2.1:53"),
        ("any", "0.0.0.0:53 [::]:53"),
        ("[ name, 192.0.2.1:0, 192.0.2.1:99999 ]", "0.0.0.0:53 [::]:53"),
    ],
)
def test_addresses_to_listen_on(importing: Importing, listen: str, expected: str) -> None:
    plan = importing("x A 192.0.2.1\n", f"options => {{ listen => {listen} }}")
    assert " ".join(plan.listen) == expected
    assert len(plan.not_taken) == (3 if "name" in listen else 0)


def test_a_server_with_a_name_of_one_label(importing: Importing) -> None:
    """Such a name is absolute in the source, and relative in `nameservers` without its dot."""
    assert "      ns.: []" in configuration(importing("@ NS ns.\n", ""))


def test_strings_are_split_between_bytes() -> None:
    assert split_strings('"a" b "c;\\"d"') == '"a" b "c;\\"d"'
    first, second = split_strings('"' + "x" * 254 + "\\200\\201" + '"').split(" ")
    assert (len(first), second) == (254 + 4 + 2, '"\\201"')


def test_several_zones_have_groups_with_different_names(importing: Importing) -> None:
    (importing.folder / "zones" / "B.example.").write_text(
        "@ SOA ns1.shop.example. h 1 2 3 4 5\n@ NS ns1.shop.example.\nwww DYNA simplefo!r\n"
    )
    config = "plugins => { simplefo => { r => { primary => 192.0.2.1, secondary => 192.0.2.2 } } }"
    plan = importing("www DYNA simplefo!r\n", config)
    assert [group.name for group in plan.groups] == ["www.b.example", "www.shop.example"]


def test_zones_that_cannot_be_here_are_listed(importing: Importing) -> None:
    for name in ("ROOT_ZONE", "sub.shop.example", "a@27.2.0.192.in-addr.arpa", "a..b"):
        (importing.folder / "zones" / name).write_text(HEAD)
    plan = importing("x A 192.0.2.1\n", "")
    assert {remark.subject for remark in plan.not_taken} == {
        "the zone ROOT_ZONE",
        "the zone sub.shop.example",
        "the zone a@27.2.0.192.in-addr.arpa",
        "the zone a..b",
    }


def test_a_part_of_a_reverse_zone_is_taken(importing: Importing) -> None:
    """RFC 2317; gdnsd writes `@` for `/` in the name of a file, and here no file has a slash."""
    (importing.folder / "zones" / "0@27.2.0.192.in-addr.arpa").write_text(
        "@ SOA ns1 h 1 7200 1800 1209600 900\n@ NS ns1\nns1 A 192.0.2.53\n1 PTR a.shop.example.\n"
    )
    plan = importing("x A 192.0.2.1\n", "")
    assert not plan.not_taken
    files = files_of(plan)
    assert "zones/0%2f27.2.0.192.in-addr.arpa.zone" in files
    assert "1.0/27.2.0.192.in-addr.arpa. " in files["zones/0%2f27.2.0.192.in-addr.arpa.zone"]


def test_a_folder_without_anything_is_refused(tmp_path: Path) -> None:
    with pytest.raises(Malformed, match="no such folder"):
        gdnsd_plan(tmp_path / "nothing")
    with pytest.raises(Malformed, match="neither a file `config` nor a folder `zones`"):
        gdnsd_plan(tmp_path)
    (tmp_path / "zones").mkdir()
    with pytest.raises(Malformed, match="has no zone"):
        gdnsd_plan(tmp_path)


def test_binary_files_and_files_elsewhere_are_refused(tmp_path: Path) -> None:
    folder = tmp_path / "gdnsd"
    (folder / "zones").mkdir(parents=True)
    (folder / "zones" / "a.example").write_text(HEAD)
    (tmp_path / "outside").write_text("options => { }")
    (folder / "config").write_bytes(b"\n\x89PNG\xff")
    with pytest.raises(Malformed, match=r"config:2: not text"):
        gdnsd_plan(folder)
    (folder / "config").write_text("\n$include{../outside}")
    with pytest.raises(Malformed, match=r"config:2: .*outside is not below .*copy it there"):
        gdnsd_plan(folder)
    (folder / "config").unlink()
    assert gdnsd_plan(folder).zones[0].origin.to_text() == "a.example"


def test_the_delays_of_several_policies_are_listed_once() -> None:
    plan = gdnsd_plan(Path(__file__).parent / "gdnsd")
    subjects = [note.subject for note in plan.notes if "`cooldown`" in note.reason]
    assert subjects == ["the policies simplefo, metafo"]
