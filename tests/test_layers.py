"""Imports point one way, libraries stay in their homes, and everything that is public is explained.

Every file of the installed package is parsed; an import inside a function counts like any other,
and so does one for type checkers only.
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

_DOMAIN = "model rules state draft store.interface wire"
_CONTROL = f"{_DOMAIN} store config ledger answering wire limiting reading commanding"

RULES: Mapping[str, tuple[str, str]] = {
    # part          may import, of ours             may import, of others
    "":             ("",                            ""),
    "__main__":     ("cli.main",                    ""),
    "_native":      ("",                            ""),
    "model":        ("",                            ""),
    "rules":        ("model",                       ""),
    "wire":         ("model",                       "dnslib dns"),
    "wire.certificates": ("model wire",             "cryptography"),
    "wire.compiled_table": ("model wire _native",  ""),
    "wire.cookies": ("model",                       "siphashc"),
    "wire.chains":  ("model wire",                  "cryptography"),
    "wire.key_pairs": ("model",                     "cryptography"),
    "wire.peer_certificates": ("model",             "cryptography"),
    "store":        ("model",                       "sqlite3"),
    "store.vault":  ("model",                       "cryptography"),
    "config":       ("model",                       "dns yaml pydantic"),
    "config.automation_values": ("model config",    "re2"),
    "state":        ("model rules.view rules.web_heads", ""),
    "draft":        ("model rules.web_heads state", ""),
    "steps":        ("model rules draft",           ""),
    "ledger":       (f"{_DOMAIN} steps",            ""),
    "rehearsing":   ("model rules state draft steps wire.zone_text", ""),
    "limiting":     ("model",                       ""),
    "lookup":       ("model wire",                  ""),
    "answering":    ("model wire limiting lookup",  ""),
    "filling":      ("model rules wire",           ""),
    "auditing":     (_DOMAIN,                       ""),
    "reading":      (f"{_DOMAIN} auditing rehearsing", ""),
    "commanding":   (f"{_DOMAIN} ledger reading",   ""),
    "net":          (_CONTROL,                      "twisted zope"),
    "net.tls":      ("config net",                  "twisted zope OpenSSL cryptography"),
    "delivery":     (f"{_DOMAIN} config",           ""),
    "delivery.channel": ("",                        "twisted"),
    "delivery.pull": (f"{_DOMAIN} delivery net.spawning", "twisted cryptography"),
    "issuing":      ("model issuing",               "acme josepy requests"),
    "issuing.accounts": (f"{_DOMAIN} config issuing", ""),
    "issuing.means": (f"{_DOMAIN} config issuing", ""),
    "issuing.orders": (f"{_DOMAIN} config issuing", ""),
    "issuing.renewing": (f"{_DOMAIN} config issuing", ""),
    "issuing.windows": (f"{_DOMAIN} config issuing", ""),
    "resolving":    ("model",                       ""),
    "resolving.client": ("model",                   "dns"),
    "resolving.refreshing": ("model rules resolving.client", ""),
    "resolving.running": ("config model rules net.spawning resolving", "twisted"),
    "probing":      ("model probing",               ""),
    "probing.http": ("model probing.responses probing.verdict", "re2"),
    "probing.certificates": ("model probing.verdict", "cryptography"),
    "probing.tls":  ("probing.certificates",        "OpenSSL"),
    "probing.polling": ("",                         "twisted zope"),
    "probing.prober": ("model probing",             "twisted"),
    "probing.running": ("model probing.prober probing.schedule", "twisted"),
    "automation":   ("model rules",                 ""),
    "automation.hostnames": ("config model rules net.spawning resolving.client", "twisted"),
    "automation.running": ("config model rules net.sockets net.spawning probing automation",
                     "twisted"),
    "reactions":    (f"{_CONTROL} net delivery issuing", "twisted"),
    "net.agreeing": (f"{_CONTROL}",                  "pydantic"),
    "answerer":     ("model wire limiting answering config net", "twisted"),
    "workers":      ("model wire config net",       "twisted"),
    "workers.child": ("model net config answerer workers", "twisted"),
    "workers.in_process": ("model wire config net answerer workers", ""),
    "workers.choosing": ("config net workers",      ""),
    "service":      (f"{_CONTROL} filling net workers reactions resolving.running "
                     "automation.running",          "twisted zope"),
    "cli":          ("",                            "click rich"),
    "cli.client":   ("model wire",                  ""),
    "cli.rendering": ("model wire cli.automation_rendering cli.certificate_rendering cli.tables",
                     "click"),
    "cli.certificate_rendering": ("cli.tables",     "click"),
    "cli.automation_rendering": ("cli.tables",      "click"),
    "cli.main":     ("model wire cli.client cli.rendering cli.waiting", "click"),
    "cli.serving":  (f"{_CONTROL} net service",    "click twisted zope"),
}  # fmt: skip
"""What each part of the package may import: the longest name that fits a module is its part.

A part may import itself, the version in `failoverdns`, and of the standard library all but what is
named here as a library.
"""

INSIDE_FUNCTIONS: Mapping[str, str] = {
    "cli.main": "config cli.serving",
}
"""What may be imported in addition, in functions only: so a client never loads it."""

LIBRARIES = frozenset(word for _, others in RULES.values() for word in others.split())
"""Everything that is not at home everywhere, though it may be in the standard library."""


@dataclass(frozen=True, slots=True)
class Import:
    """A module that a file imports, and where."""

    line: int
    module: str
    in_function: bool


def imports(tree: ast.AST, package: str) -> Iterator[Import]:
    """Yield the imports of a file of `package` (dotted); `from a import b` yields `a.b` too.

    Of these two the checker takes the longer one that is a module.
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


def part_of(module: str) -> str:
    """Return the name under which RULES has a module (`failoverdns` left out)."""
    while module not in RULES:
        module = module.rpartition(".")[0]
    return module


def covers(allowed: str, module: str) -> bool:
    """Tell whether `module` is one of the allowed (words), or inside one of them."""
    return any(f"{module}.".startswith(f"{word}.") for word in allowed.split())


def faults(module: str, source: str, *, is_package: bool = False) -> list[str]:
    """Return what the imports of a module (`failoverdns` left out) break of the rules."""
    name = ".".join(filter(None, ("failoverdns", module)))
    package = name if is_package else name.rpartition(".")[0]
    part = part_of(module)
    ours, others = RULES[part]
    late = INSIDE_FUNCTIONS.get(part, "")
    found = []
    for used in imports(ast.parse(source), package):
        first, _, rest = used.module.partition(".")
        if first == "failoverdns":
            allowed = f"{ours} {part} __version__" + (f" {late}" if used.in_function else "")
            is_fine = covers(allowed, rest)
        else:
            is_fine = first in others.split() or (
                first in sys.stdlib_module_names and first not in LIBRARIES
            )
        if not is_fine:
            found.append((used.line, f"line {used.line}: {part or name} imports {used.module}"))
    return [text for _, text in sorted(found)]


def modules() -> Iterator[tuple[str, Path]]:
    """Yield the name (`failoverdns` left out) and the file of every module of the package."""
    for path in sorted([*PACKAGE.rglob("*.py"), *PACKAGE.rglob("*.pyi")]):
        parts = path.relative_to(PACKAGE).with_suffix("").parts
        yield ".".join(parts[:-1] if parts[-1] == "__init__" else parts), path


MODULES = [pytest.param(name, path, id=name or "failoverdns") for name, path in modules()]


@pytest.mark.parametrize(("module", "path"), MODULES)
def test_a_module_imports_only_what_it_may(module: str, path: Path) -> None:
    is_package = path.name == "__init__.py"
    assert faults(module, path.read_text("utf-8"), is_package=is_package) == []


@pytest.mark.parametrize(
    "part", [pytest.param(part, id=part or "failoverdns") for part in [*RULES, *INSIDE_FUNCTIONS]]
)
def test_every_rule_is_about_modules_that_there_are(part: str) -> None:
    """A rule that is left behind by a rename would check nothing, and say nothing."""
    names = [name for name, _ in modules()]
    allowed = RULES[part][0].split() + INSIDE_FUNCTIONS.get(part, "").split()
    assert [word for word in (part, *allowed) if not any(covers(word, n) for n in names)] == (
        [""] if part == "" else []
    )


def test_the_package_is_found() -> None:
    names = {name for name, _ in modules()}
    assert {"", "__main__", "model.names", "state", "cli", "cli.main"} <= names


@pytest.mark.parametrize(
    ("module", "source", "fault"),
    [
        ("model.x", "from failoverdns.rules.view import View", "imports failoverdns.rules.view.Vi"),
        ("model.x", "import failoverdns.state", "imports failoverdns.state"),
        ("model.x", "import dnslib", "model imports dnslib"),
        ("model.x", "import sqlite3", "model imports sqlite3"),
        ("rules.x", "from failoverdns.wire.values import text", "rules imports failoverdns.wire"),
        ("rules.x", "from failoverdns import wire", "rules imports failoverdns.wire"),
        ("rules.x", "from failoverdns.state import State", "rules imports failoverdns.state"),
        ("wire.x", "from failoverdns.rules import groups", "wire imports failoverdns.rules.groups"),
        ("wire.x", "import yaml", "wire imports yaml"),
        ("store.x", "import failoverdns.config", "store imports failoverdns.config"),
        ("store.x", "from twisted.internet import defer", "store imports twisted.internet.defer"),
        ("config.x", "import dnslib", "config imports dnslib"),
        ("config.x", "from failoverdns.store import sqlite", "config imports failoverdns.store.sq"),
        ("state", "from failoverdns.rules.serving import x", "state imports failoverdns.rules.ser"),
        ("ledger", "from failoverdns.store.sqlite import x", "ledger imports failoverdns.store.sq"),
        ("ledger", "from failoverdns.reading import read", "ledger imports failoverdns.reading"),
        ("answering", "from failoverdns.state import State", "answering imports failoverdns.state"),
        ("reading", "from failoverdns.ledger import Done", "reading imports failoverdns.ledger"),
        ("commanding", "import failoverdns.net.udp", "commanding imports failoverdns.net.udp"),
        ("net.x", "from failoverdns.service import Service", "net imports failoverdns.service"),
        ("net.x", "import click", "net imports click"),
        ("service", "import failoverdns.cli.main", "service imports failoverdns.cli.main"),
        ("service", "import yaml", "service imports yaml"),
        ("cli.client", "import twisted", "cli.client imports twisted"),
        ("cli.client", "def f():\n import twisted", "line 2: cli.client imports twisted"),
        ("cli.main", "from failoverdns.config import x", "cli.main imports failoverdns.config.x"),
        ("cli.main", "import failoverdns.cli.serving", "cli.main imports failoverdns.cli.serving"),
        ("cli.main", "def f():\n import failoverdns.service", "imports failoverdns.service"),
        ("cli.rendering", "import failoverdns.rules.groups", "imports failoverdns.rules.groups"),
        ("cli.serving", "import yaml", "cli.serving imports yaml"),
        ("cli.new", "from failoverdns.net import udp", "cli imports failoverdns.net.udp"),
        ("new", "import failoverdns.model.names", "failoverdns.new imports failoverdns.model.name"),
        ("config.x", "import cryptography", "config imports cryptography"),
        ("model.x", "from ..rules import view", "model imports failoverdns.rules.view"),
        ("model.x", "from .. import state", "model imports failoverdns.state"),
        ("model.x", "def f():\n  class A:\n    import yaml", "line 3: model imports yaml"),
        ("model.x", "if TYPE_CHECKING:\n  import yaml", "line 2: model imports yaml"),
        ("model.x", "try:\n  import yaml\nexcept ImportError: pass", "model imports yaml"),
    ],
)
def test_an_import_that_points_the_wrong_way_is_seen(module: str, source: str, fault: str) -> None:
    (found,) = faults(module, source)
    assert fault in found


@pytest.mark.parametrize(
    ("module", "source"),
    [
        ("model.x", "import re\nfrom dataclasses import dataclass"),
        ("model.x", "from failoverdns.model.names import DomainName"),
        ("model.x", "from . import names\nfrom .names import DomainName"),
        ("rules.x", "from failoverdns.model import names"),
        ("wire.x", "import dnslib\nimport dns.rdata"),
        ("state", "from failoverdns.rules.view import View"),
        ("ledger", "from failoverdns.store.interface import Store"),
        ("store.x", "import sqlite3\nfrom failoverdns.store import documents"),
        ("service", "from failoverdns import __version__"),
        ("cli.main", "def serve():\n    from failoverdns.cli.serving import serve_forever"),
        ("cli.main", "async def check():\n    from failoverdns.config import load_config"),
    ],
)
def test_an_import_that_points_the_right_way_is_no_fault(module: str, source: str) -> None:
    assert faults(module, source) == []


def test_every_fault_of_a_file_is_named_in_its_order() -> None:
    source = "import yaml\nimport re, dnslib\n\nimport twisted"
    assert faults("model.x", source) == [
        "line 1: model imports yaml",
        "line 2: model imports dnslib",
        "line 4: model imports twisted",
    ]


@pytest.mark.parametrize("heavy", ["twisted", "pydantic", "yaml", "dnslib", "dns", "rich"])
def test_the_client_starts_without_loading(heavy: str) -> None:
    """A command on the command line must not wait for what only the server needs."""
    script = f"import sys, failoverdns.cli.main; sys.exit({heavy!r} in sys.modules)"
    path = os.pathsep.join(filter(None, (str(PACKAGE.parent), os.environ.get("PYTHONPATH"))))
    run = subprocess.run([sys.executable, "-c", script], env={**os.environ, "PYTHONPATH": path})
    assert run.returncode == 0


def unexplained(source: str) -> list[str]:
    """Return what a file holds that is public and has no docstring of a sentence or more."""
    tree = ast.parse(source)
    found = [] if is_sentence(ast.get_docstring(tree)) else ["the module"]
    return found + [name for name, node in _public(tree, "") if not ast.get_docstring(node)]


def is_sentence(text: str | None) -> bool:
    """Tell whether a docstring begins with a sentence: a paragraph with an end."""
    first = (text or "").split("\n\n")[0].rstrip()
    return (first[:1].isupper() or first[:1] == "`") and first.endswith((".", ":"))


_Explained = ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef


def _public(node: ast.AST, above: str) -> Iterator[tuple[str, _Explained]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, _Explained) and not child.name.startswith("_"):
            yield above + child.name, child
            if isinstance(child, ast.ClassDef):
                yield from _public(child, f"{above}{child.name}.")


@pytest.mark.parametrize(("module", "path"), MODULES)
def test_everything_that_is_public_is_explained(module: str, path: Path) -> None:
    assert unexplained(path.read_text("utf-8")) == []


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
def test_what_is_not_explained_is_seen(source: str, found: list[str]) -> None:
    assert unexplained(source) == found
