"""Packages import only what they may, and every public module, class and function is documented.

The tests parse every file of the installed package.  An import inside a function, or for type
checkers only, counts like any other.
"""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import pytest

import failoverdns

PACKAGE = Path(next(iter(failoverdns.__path__)))

FLOORS: Mapping[str, str] = {
    # package          may import
    "":                "",
    "_native":         "",
    "model":           "",
    "tallies":         "",
    "rules.derived":   "model",
    "rules.reports":   "model rules.derived",
    "rules.decisions": "model rules.derived rules.reports",
    "rules":           "model rules.derived rules.reports rules.decisions",
    "protocol":        "model",
    "protocol.table":  "model protocol _native",
    "pki":             "model",
    "store":           "model",
    "regular_files":   "model",
    "known_roots":     "model pki regular_files",
    "program_faults":  "model regular_files",
    "confinement":     "",
    "config":          "model regular_files program_faults confinement.user",
    "secret_files":    "model regular_files",
    "net":             "model regular_files secret_files",
    "changes":         "model rules protocol store.interface tallies",
    "control.language": "model pki",
    "effects":         "model rules.derived",
    "control":         "model rules protocol pki store.interface net changes effects "
                       "control.language tallies",
    "answering":       "model protocol net secret_files _native",
    "workers":         "model rules.derived protocol net answering confinement tallies",
    "transfers":       "model rules.derived protocol net answering workers confinement "
                       "secret_files tallies",
    "following":       "model rules.derived protocol.transfer effects",
    "delivery":        "model rules pki store.interface net effects regular_files "
                       "program_faults tallies",
    "metrics":         "",
    "web":             "model rules.derived protocol net answering workers confinement pki "
                       "control.language delivery.fields tallies metrics",
    "issuing":         "model rules pki store.interface effects regular_files secret_files",
    "resolving":       "model rules.derived net effects",
    "probing":         "model pki regular_files program_faults tallies",
    "automation":      "model rules net effects resolving probing",
    "reactions":       "model rules pki known_roots store.interface net changes effects delivery "
                       "issuing resolving tallies",
    "change_counts":   "model rules.reports control.language tallies",
    "statistics":      "model net change_counts",
    "trimming":        "model store.interface net effects",
    "token_uses":      "model rules.derived store.interface net",
    "outages":         "model store.interface net changes",
    "own_commands":    "model changes",
    "running":         "model store.interface net changes effects control workers.interface "
                       "resolving automation reactions trimming transfers.control_side "
                       "following token_uses web.calls web.certificate web.control_side "
                       "web.interface change_counts statistics own_commands",
    "reading":         "model config net",
    "reloading":       "model config net changes answering workers.interface "
                       "workers.full_table reactions own_commands running reading "
                       "transfers.control_side "
                       "web.control_side",
    "starting":        "model store net changes control.language",
    "service":         "model rules store net changes control answering workers "
                       "automation reactions own_commands running outages reloading starting "
                       "transfers.calls transfers.control_side web.control_side",
    "privileges":      "model net confinement",
    "trial":           "model rules protocol.table store net changes answering reactions "
                       "privileges transfers.keys web.certificate",
    "restarting":      "model confinement trial",
    "importing":       "model regular_files config.checks config.errors config.scalars "
                       "config.zones protocol.zone_text rules.deciding changes.state "
                       "control.language.requests",
    "cli":             "model control.language",
    "cli.serving":     "model config net control.language protocol.table workers.rendezvous "
                       "confinement privileges service starting trial restarting",
    "__main__":        "cli",
}  # fmt: skip
"""What each package may import, from the lowest floor up: only packages in the rows above it.

A module belongs to the package with the longest name that fits it.  A package may always import
itself, and the version in `failoverdns`.  Of the store, most packages may use only
`store.interface`.
"""

HOMES: Mapping[str, str] = {
    "dnslib":       "protocol",
    "dns":          "protocol config.zones resolving.client resolving.challenge_lookup",
    "siphashc":     "protocol.cookies answering.limiting transfers.image",
    "cryptography": "pki store.vault net.tls net.tls_context net.dns_tls net.arrivals web.tls "
                    "delivery.pull delivery.revoked_clients probing.certificates",
    "OpenSSL":      "net.tls net.tls_context net.dns_tls net.arrivals web.tls probing.tls",
    "yaml":         "config",
    "pydantic":     "config answering.settings",
    "re2":          "config.checks probing.http",
    "sqlite3":      "store",
    "acme":         "issuing",
    "josepy":       "issuing",
    "requests":     "issuing",
    "click":        "cli",
    "prometheus_client": "metrics",
    "rich":         "cli",
    "twisted":      "net control.connection control.conversation control.intake control.server "
                    "control.reading_rest control.shared control.turns control.web_lane "
                    "answering.answerer answering.forwarding answering.listening "
                    "answering.query_log answering.tcp "
                    "answering.tcp_clients answering.tls answering.udp "
                    "workers transfers following delivery.one_request delivery.pull "
                    "delivery.revoked_clients "
                    "web.asking web.channel web.child web.event_lane web.event_stream web.events "
                    "web.http_request web.lanes web.metrics_page "
                    "web.responding web.routes web.server web.tls "
                    "web.certificate web.control_side web.process web.reports "
                    "resolving.refresh_loop probing.polling probing.prober probing.probe_loop "
                    "automation.hostnames automation.automation_loop reactions trimming token_uses "
                    "outages own_commands running restarting reading reloading starting service "
                    "cli.serving",
    "zope":         "net control.connection control.web_lane "
                    "answering.tcp answering.tls answering.udp workers.channel "
                    "transfers.connections transfers.link "
                    "web.event_stream web.responding web.tls "
                    "probing.polling cli.serving",
}  # fmt: skip
"""The modules that may import a library; standard library modules without a row are free."""

INSIDE_FUNCTIONS: Mapping[str, str] = {
    "cli": "config protocol.table cli.serving importing",
    "control.language": "config.zones",
}
"""Additional imports inside functions only, so that a command line client never loads them."""


@dataclass(frozen=True, slots=True)
class Import:
    """An imported module, the line of the import, and whether it is inside a function."""

    line: int
    module: str
    in_function: bool


def imports(tree: ast.AST, package: str) -> Iterator[Import]:
    """Yield the imports of a file of `package` (dotted); `from a import b` yields `a.b`.

    `a.b` may also be an attribute `b` of the module `a`.
    """
    functions = (ast.FunctionDef, ast.AsyncFunctionDef, ast.Lambda)
    waiting: list[tuple[ast.AST, bool]] = [(tree, False)]
    while waiting:
        node, inside = waiting.pop()
        inside = inside or isinstance(node, functions)
        waiting += [(child, inside) for child in ast.iter_child_nodes(node)]
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(node.lineno, alias.name, inside)
        elif isinstance(node, ast.ImportFrom):
            above = package.split(".")[: 1 - node.level or None] if node.level else []
            base = ".".join([*above, *([node.module] if node.module else [])])
            for alias in node.names:
                yield Import(node.lineno, f"{base}.{alias.name}", inside)


def package_of(module: str) -> str:
    """Return the name of the row in FLOORS to which a module belongs (without `failoverdns.`)."""
    while module not in FLOORS:
        module = module.rpartition(".")[0]
    return module


def covers(allowed: str, module: str) -> bool:
    """Return whether `module` is one of the space-separated names in `allowed`, or inside one."""
    return any(f"{module}.".startswith(f"{word}.") for word in allowed.split())


def may_import(package: str, used: str, *, in_function: bool) -> bool:
    """Return whether a package may import one of our modules (without `failoverdns.`)."""
    allowed = f"{FLOORS[package]} __version__"
    if in_function:
        allowed += f" {INSIDE_FUNCTIONS.get(package, '')}"
    return package_of(used) == package or covers(allowed, used)


def faults(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """Return the forbidden imports of a module (without `failoverdns.`), in order of lines."""
    name = ".".join(filter(None, ("failoverdns", module)))
    enclosing = name if is_package else name.rpartition(".")[0]
    package = package_of(module)
    found = []
    for used in imports(ast.parse(source), enclosing):
        first, _, rest = used.module.partition(".")
        if first == "failoverdns":
            is_fine = may_import(package, rest, in_function=used.in_function)
        elif first in HOMES:
            is_fine = covers(HOMES[first], module)
        else:
            is_fine = first in sys.stdlib_module_names
        if not is_fine:
            found.append((used.line, f"line {used.line}: {package or name} imports {used.module}"))
    return [text for _, text in sorted(found)]


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the name (without `failoverdns.`) and the file of every module of the package."""
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")]):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = list(modules())


def test_every_module_imports_only_what_it_may() -> None:
    found = {
        name or "failoverdns": faults(
            name, path.read_text("utf-8"), is_package=path.name == "__init__.py"
        )
        for name, path in MODULES
    }
    assert {name: lines for name, lines in found.items() if lines} == {}


WORDS = sorted(
    {
        word
        for table in (FLOORS, INSIDE_FUNCTIONS, HOMES)
        for words in table.values()
        for word in words.split()
    }
)


def test_every_name_in_the_tables_belongs_to_a_module() -> None:
    """A row that a rename left behind would silently check nothing."""
    words = {*filter(None, FLOORS), *WORDS}
    assert {word for word in words if not any(covers(word, name) for name, _ in MODULES)} == set()


def test_packages_import_only_from_lower_floors() -> None:
    """This excludes circular imports between packages."""
    floors = list(FLOORS)
    upwards = [
        f"{package} imports {word}"
        for number, (package, words) in enumerate(FLOORS.items())
        for word in words.split()
        if package_of(word) not in floors[:number]
    ]
    assert upwards == []


def test_configuration_files_are_read_at_the_start_and_by_reloads_only() -> None:
    """All other packages get values of `model.settings`."""
    assert [package for package, words in FLOORS.items() if covers(words, "config")] == [
        "reading",
        "reloading",
        "cli.serving",
    ]


def test_the_package_is_found() -> None:
    names = {name for name, _ in MODULES}
    assert {"", "__main__", "model.names", "changes.state", "cli", "cli.main"} <= names


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        (
            "model.x",
            "from failoverdns.rules.deciding import x",
            "imports failoverdns.rules.deciding",
        ),
        ("model.x", "import failoverdns.changes.state", "imports failoverdns.changes.state"),
        ("model.x", "from failoverdns.config import Config", "imports failoverdns.config.Config"),
        ("model.x", "import dnslib", "model imports dnslib"),
        ("model.x", "import sqlite3", "model imports sqlite3"),
        (
            "rules.derived.x",
            "from failoverdns.rules.reports.events import Event",
            "rules.derived imports failoverdns.rules.reports.events.Event",
        ),
        (
            "rules.reports.x",
            "from failoverdns.rules.decisions import groups",
            "rules.reports imports failoverdns.rules.decisions.groups",
        ),
        (
            "rules.decisions.x",
            "from failoverdns.rules.deciding import decide",
            "rules.decisions imports failoverdns.rules.deciding.decide",
        ),
        (
            "rules.x",
            "from failoverdns.control.language.values import text",
            "rules imports failoverdns.control.language",
        ),
        ("rules.x", "from failoverdns import protocol", "rules imports failoverdns.protocol"),
        (
            "rules.x",
            "from failoverdns.changes.state import State",
            "imports failoverdns.changes.st",
        ),
        (
            "protocol.x",
            "from failoverdns.rules import deciding",
            "imports failoverdns.rules.deciding",
        ),
        (
            "protocol.x",
            "from failoverdns.protocol.table import table",
            "imports failoverdns.protoco",
        ),
        ("protocol.x", "import yaml", "protocol imports yaml"),
        (
            "pki.x",
            "from failoverdns.protocol import query",
            "pki imports failoverdns.protocol.query",
        ),
        ("store.x", "import failoverdns.config", "store imports failoverdns.config"),
        ("store.x", "from twisted.internet import defer", "store imports twisted.internet.defer"),
        ("config.x", "import dnslib", "config imports dnslib"),
        ("config.x", "from failoverdns.store import sqlite", "config imports failoverdns.store.sq"),
        (
            "changes.x",
            "from failoverdns.store.sqlite import x",
            "changes imports failoverdns.store.",
        ),
        (
            "changes.x",
            "from failoverdns.control.reading import read",
            "imports failoverdns.control.",
        ),
        (
            "answering.x",
            "from failoverdns.changes.state import State",
            "imports failoverdns.changes",
        ),
        ("answering.responding", "import twisted", "answering imports twisted"),
        (
            "control.x",
            "import failoverdns.answering.udp",
            "control imports failoverdns.answering.udp",
        ),
        (
            "control.x",
            "from failoverdns.config import Config",
            "control imports failoverdns.config.",
        ),
        (
            "control.language.x",
            "import failoverdns.control.server",
            "imports failoverdns.control.se",
        ),
        ("net.x", "from failoverdns.service import Service", "net imports failoverdns.service"),
        ("net.x", "import click", "net imports click"),
        (
            "workers.x",
            "from failoverdns.config import Config",
            "workers imports failoverdns.config.",
        ),
        ("service", "import failoverdns.cli.main", "service imports failoverdns.cli.main"),
        ("service", "import yaml", "service imports yaml"),
        ("cli.client", "import twisted", "cli imports twisted"),
        ("cli.client", "def f():\n import twisted", "line 2: cli imports twisted"),
        ("cli.main", "from failoverdns.config import x", "cli imports failoverdns.config.x"),
        ("cli.main", "import failoverdns.cli.serving", "cli imports failoverdns.cli.serving"),
        ("cli.main", "def f():\n import failoverdns.service", "imports failoverdns.service"),
        (
            "cli.rendering",
            "import failoverdns.rules.deciding",
            "imports failoverdns.rules.deciding",
        ),
        ("cli.serving", "import yaml", "cli.serving imports yaml"),
        ("cli.new", "from failoverdns.net import spawning", "cli imports failoverdns.net.spawning"),
        ("new", "import failoverdns.model.names", "failoverdns.new imports failoverdns.model.name"),
        ("config.x", "import cryptography", "config imports cryptography"),
        ("model.x", "from ..rules import deciding", "model imports failoverdns.rules.deciding"),
        ("model.x", "from .. import changes", "model imports failoverdns.changes"),
        ("model.x", "def f():\n  class A:\n    import yaml", "line 3: model imports yaml"),
        ("model.x", "if TYPE_CHECKING:\n  import yaml", "line 2: model imports yaml"),
        ("model.x", "try:\n  import yaml\nexcept ImportError: pass", "model imports yaml"),
    ],
)
def test_an_import_in_the_wrong_direction_is_reported(module: str, source: str, fault: str) -> None:
    (found,) = faults(module, source)
    assert fault in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("model.x", "import re\nfrom dataclasses import dataclass"),
        ("model.x", "from failoverdns.model.names import DomainName"),
        ("model.x", "from . import names\nfrom .names import DomainName"),
        ("rules.x", "from failoverdns.model import names"),
        ("rules.decisions.x", "from failoverdns.rules.reports.events import Event"),
        ("protocol.x", "import dnslib\nimport dns.rdata"),
        ("protocol.table.x", "from failoverdns.protocol import records"),
        ("changes.x", "from failoverdns.rules.derived.view import View"),
        ("changes.x", "from failoverdns.store.interface import Store"),
        ("store.x", "import sqlite3\nfrom failoverdns.store import documents"),
        ("service", "from failoverdns import __version__"),
        ("cli.main", "def serve():\n    from failoverdns.cli.serving import serve_forever"),
        ("cli.main", "async def check():\n    from failoverdns.config import load_config"),
    ],
)
def test_an_import_in_the_right_direction_is_not_reported(module: str, source: str) -> None:
    assert faults(module, source) == []


def test_the_faults_of_a_file_are_reported_in_the_order_of_its_lines() -> None:
    source = "import yaml\nimport re, dnslib\n\nimport twisted"
    assert faults("model.x", source) == [
        "line 1: model imports yaml",
        "line 2: model imports dnslib",
        "line 4: model imports twisted",
    ]


def test_the_command_line_client_loads_nothing_that_only_the_server_needs() -> None:
    """A command must not wait for large libraries."""
    script = "import sys, failoverdns.cli.main; print(*sys.modules)"
    path = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
    loaded = subprocess.run(
        [sys.executable, "-c", script],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        text=True,
        check=True,
    ).stdout.split()
    assert "failoverdns.cli.main" in loaded
    heavy = {"twisted", "pydantic", "yaml", "dnslib", "dns", "rich"}
    assert heavy.intersection(loaded) == set()


def unexplained(source: str) -> list[str]:
    """Return the public things of a file that lack a docstring, or a first sentence in it."""
    tree = ast.parse(source)
    found = [] if is_sentence(ast.get_docstring(tree)) else ["the module"]
    return found + [name for name, node in _public(tree, "") if not ast.get_docstring(node)]


def is_sentence(text: str | None) -> bool:
    """Return whether a docstring begins with a complete sentence."""
    first = (text or "").split("\n\n")[0].rstrip()
    return (first[:1].isupper() or first[:1] == "`") and first.endswith((".", ":"))


_Explained = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(node: ast.AST, above: str) -> Iterator[tuple[str, _Explained]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Explained) and not child.name.startswith("_"):
            yield above + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from _public(child, f"{above}{child.name}.")


def test_everything_public_has_a_docstring() -> None:
    found = {name or "failoverdns": unexplained(path.read_text("utf-8")) for name, path in MODULES}
    assert {name: lacking for name, lacking in found.items() if lacking} == {}


@pytest.mark.parametrize(
    ("source", "found"),
    [
        pytest.param('"""Rules of the house."""', [], id="a sentence"),
        pytest.param('"""Rules of the house.\n\nAnd more"""', [], id="a sentence and more"),
        pytest.param("x = 1", ["the module"], id="nothing"),
        pytest.param('"""rules"""', ["the module"], id="a word"),
        pytest.param('"""Rules of the house"""', ["the module"], id="an unfinished sentence"),
        pytest.param('"""A."""\ndef f(): pass', ["f"], id="a function"),
        pytest.param('"""A."""\nasync def f(): pass', ["f"], id="a coroutine"),
        pytest.param('"""A."""\ndef _f(): pass', [], id="a private function"),
        pytest.param('"""A."""\nclass A: pass', ["A"], id="a class"),
        pytest.param('"""A."""\nclass A:\n  "B."\n  def f(self): 1', ["A.f"], id="a method"),
        pytest.param('"""A."""\nclass A:\n  "B."\n  def __init__(self): 1', [], id="a magic one"),
        pytest.param('"""A."""\nclass _A:\n  def f(self): pass', [], id="a private class"),
        pytest.param('"""A."""\ndef f():\n  "B."\n  def g(): pass', [], id="a function inside"),
    ],
)
def test_a_missing_docstring_is_reported(source: str, found: list[str]) -> None:
    assert unexplained(source) == found
