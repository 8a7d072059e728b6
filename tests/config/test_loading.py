"""A configuration file is loaded as a whole, or all its errors are reported at once."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Callable
from ipaddress import ip_address
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from failoverdns.config import ConfigError, ConfigErrors, load_config
from failoverdns.config.errors import FaultReport
from failoverdns.config.loading import read_text
from failoverdns.model.settings import (
    Config,
    ControlSettings,
    Identity,
    ListenAddress,
    StateSettings,
)

Load = Callable[[str | bytes], Config]
Errors = Callable[[str | bytes], list[ConfigError]]
Shown = Callable[[str | bytes], list[str]]
MIB = 1024 * 1024
SHIPPED = sorted(Path(__file__).parents[2].glob("config/*.yaml"))


def test_a_key_that_is_left_out_has_its_default(load: Load, right: str, tmp_path: Path) -> None:
    config = load(right)
    assert config.file == tmp_path / "failoverdns.yaml"
    assert config.listen == (ListenAddress(ip_address("127.0.0.1"), 5300),)
    assert config.workers is None
    assert config.control == ControlSettings(Path("/run/failoverdns/control.sock"), 0o660)
    assert config.state == StateSettings(Path("/var/lib/failoverdns/failoverdns.db"))
    assert config.identity == Identity(None, None)


def test_a_key_that_is_given_has_its_value(load: Load, right: str, tmp_path: Path) -> None:
    config = load(
        right
        + "workers: 2\n"
        + "control: {socket: ../run/./control.sock, mode: 0600}\n"
        + "state: {sqlite: var/failoverdns.db}\n"
        + "identity: {id: ns1, version: null}\n"
    )
    assert config.workers == 2
    assert config.control == ControlSettings(tmp_path.parent / "run/control.sock", 0o600)
    assert config.state == StateSettings(tmp_path / "var/failoverdns.db")
    assert config.identity == Identity("ns1", None)


def test_paths_are_relative_to_the_file_and_not_to_the_working_directory(
    right: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "etc").mkdir()
    (tmp_path / "etc/f.yaml").write_text(right + "state: {sqlite: a.db}\n")
    monkeypatch.chdir(tmp_path)
    config = load_config(Path("etc/f.yaml"))
    assert config.file == Path("etc/f.yaml")
    assert config.state.sqlite == tmp_path / "etc/a.db"


def test_a_byte_order_mark_is_ignored(load: Load, right: str) -> None:
    assert load(b"\xef\xbb\xbf" + right.encode()).zones == load(right).zones


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: path.name)
def test_a_file_that_we_ship_is_valid(path: Path) -> None:
    assert load_config(path).zones


def test_the_demo_and_the_sample_are_shipped() -> None:
    assert {path.name for path in SHIPPED} >= {"demo.yaml", "failoverdns.yaml"}


def test_the_sample_shows_the_defaults(load: Load, right: str) -> None:
    [path] = [path for path in SHIPPED if path.name == "failoverdns.yaml"]
    sample, defaults = load_config(path), load(right)
    assert sample.workers == defaults.workers
    assert sample.control == defaults.control
    assert sample.state == defaults.state
    assert sample.identity == defaults.identity
    assert sample.zones[0].ttl == defaults.zones[0].ttl
    assert sample.zones[0].negative_ttl == defaults.zones[0].negative_ttl
    assert sample.certificates == defaults.certificates
    assert sample.delivery is None
    assert sample.hooks == ()
    assert sample.acme is None


def test_a_missing_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "none.yaml"
    with pytest.raises(ConfigErrors) as raised:
        load_config(path)
    assert str(raised.value) == f"{path}:1:1: error: cannot be read: No such file or directory"


def test_a_folder_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(ConfigErrors, match="1:1: error: cannot be read: Is a directory"):
        load_config(tmp_path)


def test_a_pipe_is_refused_at_once(tmp_path: Path) -> None:
    """Opening it would wait for somebody who writes to it."""
    os.mkfifo(tmp_path / "pipe")
    with pytest.raises(ConfigErrors, match="1:1: error: cannot be read: not a regular file"):
        load_config(tmp_path / "pipe")


@pytest.mark.parametrize("path", ["/dev/zero", "/dev/tty", "/dev/null"])
def test_a_device_is_refused_at_once(path: str) -> None:
    """Reading one may never end."""
    with pytest.raises(ConfigErrors, match="1:1: error: cannot be read: "):
        load_config(Path(path))


@pytest.mark.parametrize(
    "text",
    [
        "root:$6$hunter2$hunter2hunter2:19000:0:99999:7:::\ndaemon:*:19000:0:99999:7:::\n",
        "root:$6$hunter2$hunter2hunter2:19000:0:99999:7:::\n",
        "hunter2\n",
        "- hunter2\n",
        "token: hunter2\nhunter2: 1\n",
        '{"hunter2": {"hunter2": 1}}',
        "-----BEGIN PRIVATE KEY-----\nhunter2\n-----END PRIVATE KEY-----\n",
        "hunter2: [\n",
        "A=hunter2\nB=c: hunter2\n",
        "!hunter2 1\n",
        "*hunter2\n",
        "? hunter2\n",
        "user hunter2: x\nuser hunter2: x\n",
        "%hunter2\n---\n",
        "hunter2: x\nhunter2: x\n[",
        "hunter2: x\nhunter2: x\n\x01",
    ],
)
def test_nothing_is_quoted_of_a_file_that_is_not_a_configuration(errors: Errors, text: str) -> None:
    """Who may run it with sudo could read other users' files with it."""
    found = errors(text)
    assert found
    assert not any("hunter2" in str(error) for error in found)


def test_an_impossible_path_is_an_error() -> None:
    with pytest.raises(ConfigErrors, match="cannot be read: embedded null byte"):
        load_config(Path("a\0b"))


def test_text_that_is_not_utf_8_is_an_error(shown: Shown) -> None:
    assert shown(b"zones:\n  caf\xe9.test:\n") == ["1:1 : not UTF-8: the byte 0xe9 in line 2"]


def test_a_file_of_more_than_16_mib_is_an_error(shown: Shown, right: str, tmp_path: Path) -> None:
    """One of 16 MiB is read whole; it is not parsed here, which would take ten seconds."""
    largest = right + "#" * (16 * MIB - len(right))
    path, report = tmp_path / "largest.yaml", FaultReport("f")
    path.write_text(largest)
    assert read_text(path, report) == largest
    report.raise_if_any()
    assert shown(largest + "#") == ["1:1 : larger than 16 MiB; is this a configuration file?"]


def test_a_repeated_listen_address_is_an_error(shown: Shown, right: str) -> None:
    text = right.replace('listen: ["127.0.0.1:5300"]', 'listen: ["[::1]:53", 5, "[0::1]:53"]')
    assert shown(text) == [
        '6:22 listen[1]: "5" is not an address with a port; write ADDRESS:PORT, such as '
        '"192.0.2.53:53" or "[2001:db8::53]:53"',
        "6:25 listen[2]: the address [::1]:53 is given twice",
    ]


def test_the_path_of_a_socket_has_at_most_107_bytes(
    load: Load, shown: Shown, right: str, tmp_path: Path
) -> None:
    room = 107 - len(os.fsencode(tmp_path)) - 1
    longest = "é" * (room // 2) + "x" * (room % 2)
    assert load(right + f"control: {{socket: {longest}}}\n").control.socket == tmp_path / longest
    assert shown(right + f"control: {{socket: {longest}x}}\n") == [
        f"7:19 control.socket: the path {tmp_path}/{longest}x is 108 bytes long; "
        "a Unix socket's can have at most 107"
    ]


def test_every_error_is_reported_in_one_run(errors: Errors, tmp_path: Path) -> None:
    text = """\
zones:
  failover.test:
    nameservers:
      ns1: [192.0.2.53, localhost]
      ns2: []
    ttl: yes
    contat: me@failover.test
    records:
      - "@ MX 10 mail.example.net."
      - "www CNAME"
      - "@ NS ns3"
      - "@ MX 10 mail.example.net."
    ttl: 60
  www.failover.test: {}
listen: ["127.0.0.1", "[::1]:53", "[::1]:53"]
workers: -1
control: {mode: "0666"}
state: *default
delivery:
  listen: ["[::1]:53", "[::1]:8443", "[::1]:8443"]
  certificate: 5
  clients: {a.test: [x], A.test: [y z], "sha256:0": []}
hooks:
  tell: {run: [], event: [switch], timeout: 0}
  a/b: {run: x, events: [switch, switch]}
acme:
  directory: http://ca.test
  accept_terms: no
  contact: [me]
certificates: {key: x}
"""
    found = errors(text)
    assert {error.file for error in found} == {str(tmp_path / "failoverdns.yaml")}
    assert [f"{error.line}:{error.column} {error.path}" for error in found] == [
        "4:25 zones.failover.test.nameservers.ns1[1]",
        "5:7 zones.failover.test.nameservers.ns2",
        "6:10 zones.failover.test.ttl",
        "7:5 zones.failover.test.contat",
        "10:9 zones.failover.test.records[1]",
        "11:9 zones.failover.test.records[2]",
        "12:9 zones.failover.test.records[3]",
        "13:5 zones.failover.test.ttl",
        "14:3 zones.www.failover.test",
        "14:22 zones.www.failover.test.nameservers",
        "15:10 listen[0]",
        "15:35 listen[2]",
        "16:10 workers",
        "17:17 control.mode",
        "18:8 state",
        "20:3 delivery.client_ca",
        "20:3 delivery.key",
        "20:12 delivery.listen[0]",
        "20:38 delivery.listen[2]",
        "21:16 delivery.certificate",
        "22:26 delivery.clients.A.test",
        "22:35 delivery.clients.A.test[0]",
        "22:41 delivery.clients.sha256:0",
        "22:53 delivery.clients.sha256:0",
        "24:9 hooks.tell.events",
        "24:15 hooks.tell.run",
        "24:19 hooks.tell.event",
        "24:45 hooks.tell.timeout",
        "25:3 hooks.a/b",
        "25:34 hooks.a/b.events[1]",
        "27:14 acme.directory",
        "28:17 acme.accept_terms",
        "29:13 acme.contact[0]",
        "30:16 certificates.key",
    ]


DOCUMENTATION = Path(__file__).parents[2] / "docs/configuration.md"


def test_the_documentation_shows_a_valid_file_and_the_real_errors_of_a_wrong_one(
    tmp_path: Path, load: Load, monkeypatch: pytest.MonkeyPatch
) -> None:
    blocks = re.findall(r"```(?:yaml|text)\n(.*?)```", DOCUMENTATION.read_text("utf-8"), re.DOTALL)
    right, wrong, output = blocks[:3]
    assert load(right).zones
    monkeypatch.chdir(tmp_path)
    Path("example.yaml").write_text(wrong)
    with pytest.raises(ConfigErrors) as raised:
        load_config(Path("example.yaml"))
    assert str(raised.value) + "\n" == output


def test_the_documented_records_are_valid(load: Load, right: str) -> None:
    text = DOCUMENTATION.read_text("utf-8")
    [records] = re.findall(r"```yaml\n(records:\n.*?)```", text, re.DOTALL)
    indented = "".join(f"    {line}\n" for line in records.splitlines())
    config = load(right.replace("listen:", indented + "listen:"))
    assert len(config.zones[0].records) == 6


def test_the_documented_sections_are_valid(load: Load, right: str) -> None:
    text = DOCUMENTATION.read_text("utf-8").partition("## Keys")[2]
    blocks = re.findall(
        r"```yaml\n((?:certificates|delivery|hooks|acme):\n.*?)```", text, re.DOTALL
    )
    assert [block.partition(":")[0] for block in blocks] == [
        *("certificates", "delivery", "delivery", "hooks", "acme", "acme")
    ]
    delivery = "delivery:\n  listen: ['[::1]:1']\n  certificate: a\n  key: b\n  client_ca: c\n"
    for block in blocks:
        is_part = block.startswith("delivery:") and "listen:" not in block
        load(
            right
            + (block.replace("delivery:\n", f"{delivery}  clients: {{}}\n") if is_part else block)
        )
    [clients] = re.findall(r"```yaml\n(clients:\n.*?)```", text, re.DOTALL)
    indented = "".join(f"  {line}\n" for line in clients.splitlines())
    settings = load(right + delivery + indented).delivery
    assert settings is not None
    assert len(settings.clients) == 3


def load_or_refuse(folder: Path, content: bytes) -> None:
    """Load a file; anything but a Config, or ConfigErrors on one line each, is raised."""
    path = folder / "any.yaml"
    path.write_bytes(content)
    config: Config | None = None
    found: tuple[ConfigError, ...] = ()
    try:
        config = load_config(path)
    except ConfigErrors as raised:
        found = raised.errors
    assert (config is None) == (found != ())
    for error in found:
        assert str(error).isprintable()
        assert str(error).startswith(f"{path}:{error.line}:{error.column}: error: ")
        assert error.line >= 1
        assert error.column >= 1


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("any")


@given(content=st.binary() | st.text().map(lambda text: text.encode("utf-8", "surrogatepass")))
def test_any_bytes_are_loaded_or_refused(folder: Path, content: bytes) -> None:
    load_or_refuse(folder, content)


fragments = st.sampled_from(
    [
        *("zones", "listen", "workers", "control", "state", "identity", "socket", "mode", "sqlite"),
        *("id", "version", "nameservers", "contact", "ttl", "negative_ttl", "records", "auto"),
        *("failover.test", "a.failover.test", "ns1", "ns.example.net", "192.0.2.1", "::1", "0660"),
        *("127.0.0.1:53", "[::1]:53", "me@a.test", "a CNAME a", "@ MX 10 m", "d NS x", "x.d TXT y"),
        *(
            "key_file",
            "certificate",
            "key",
            "client_ca",
            "clients",
            "run",
            "events",
            "applications",
        ),
        *("timeout", "attempts", "before_switch", "required", "switch", "directory", "letsencrypt"),
        *("accept_terms", "key_type", "profile", "ca_file", "external_account", "ec256", "key_id"),
        *("hmac_key_file", "https://ca.test", "sha256:" + "0" * 64, "shop-eu", "web1.internal"),
        *("\ud800", "\0", "", ".", "@", "*", "é"),
    ]
)
leaves = st.none() | st.booleans() | st.integers() | fragments | st.text(max_size=5)
nested = st.recursive(
    leaves,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(fragments, inner, max_size=5),
    max_leaves=25,
)
zone = st.dictionaries(
    st.sampled_from(["nameservers", "contact", "ttl", "negative_ttl", "records", "x"]),
    nested
    | st.lists(fragments)
    | st.dictionaries(fragments, st.lists(fragments, max_size=2), max_size=3),
)
hook = st.dictionaries(
    st.sampled_from(["run", "events", "applications", "timeout", "attempts", "before_switch", "x"]),
    nested | st.lists(fragments, max_size=3),
)
delivery = st.fixed_dictionaries(
    {},
    optional={
        "listen": nested | st.lists(fragments, max_size=3),
        "certificate": leaves,
        "key": leaves,
        "client_ca": leaves,
        "clients": nested | st.dictionaries(fragments, st.lists(fragments), max_size=3),
    },
)
acme = st.dictionaries(
    st.sampled_from(["directory", "accept_terms", "contact", "key_type", "external_account"]),
    nested,
)
document = st.fixed_dictionaries(
    {},
    optional={
        "zones": nested | st.dictionaries(fragments, zone | nested, max_size=3),
        "listen": nested | st.lists(fragments, max_size=3),
        "workers": leaves,
        "control": nested,
        "state": nested,
        "identity": nested,
        "certificates": nested,
        "delivery": nested | delivery,
        "hooks": nested | st.dictionaries(fragments, hook | nested, max_size=3),
        "acme": nested | acme,
        "other": nested,
    },
)


@given(value=document | nested)
def test_any_values_are_loaded_or_refused(folder: Path, value: object) -> None:
    load_or_refuse(folder, json.dumps(value).encode())
