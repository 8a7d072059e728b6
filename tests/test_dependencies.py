"""What the package imports is declared in setup.cfg, and what is installed has versions and hashes.

No test uses the network.
"""

from __future__ import annotations

import ast
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from configparser import ConfigParser
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version
from test_layers import imports

PROJECT = Path(__file__).parents[1]
REQUIREMENTS = PROJECT / "requirements"
EXTRAS = ("acme", "simulate", "test", "check")

ONLY_WITH_AN_EXTRA = {"issuing": "acme"}
"""Parts of the package that work only with an extra."""

PULLED_IN: Mapping[str, str] = {
    "idna": "by twisted[tls]: versions below 3.7 take very long for some names",
    "urllib3": "by requests: versions below 2.6.3 have known holes",
}
"""Packages that are declared, although nothing imports them, so that they are not too old."""

OURS = {"failoverdns"} | {
    path.stem for folder in ("tests", "scripts") for path in (PROJECT / folder).iterdir()
}
"""What tests and scripts import of this project."""

SAFE: Mapping[str, str] = {
    "cryptography": "46.0.7",
    "idna": "3.7",
    "pyopenssl": "26.0",
    "requests": "2.33",
    "urllib3": "2.6.3",
}
"""The lowest versions without a known hole."""


def declared(extra: str = "") -> dict[str, Requirement]:
    """Return the requirements of the package, or of one of its extras, by name."""
    config = ConfigParser()
    config.read(PROJECT / "setup.cfg")
    text = (
        config["options.extras_require"][extra] if extra else config["options"]["install_requires"]
    )
    found: dict[str, Requirement] = {}
    for line in filter(None, text.splitlines()):
        requirement = Requirement(line)
        if requirement.name == "failoverdns":
            for other in requirement.extras:
                found |= declared(other)
        else:
            found[canonicalize_name(requirement.name)] = requirement
    return found


def imported(folder: Path) -> Iterator[tuple[str, Path]]:
    """Yield the distributions that files in a folder import, with the file."""
    homes = packages_distributions()
    for path in sorted(folder.rglob("*.py")):
        for found in imports(ast.parse(path.read_text()), ""):
            top = found.module.partition(".")[0]
            if top == "zope":  # a namespace
                yield "zope-interface", path
            elif top not in sys.stdlib_module_names and top not in OURS:
                yield canonicalize_name(homes.get(top, [top])[0]), path


def pins(name: str) -> dict[str, list[tuple[Version, int]]]:
    """Return the versions of each package in a file, with the number of their hashes."""
    found: dict[str, list[tuple[Version, int]]] = {}
    text = (REQUIREMENTS / f"{name}.txt").read_text().replace("\\\n", "")
    for line in text.splitlines():
        if match := re.match(r"([a-z0-9-]+)==([^ ;]+)(.*)", line):
            hashes = len(re.findall(r" --hash=sha256:[0-9a-f]{64}\b", match[3]))
            found.setdefault(match[1], []).append((Version(match[2]), hashes))
        else:
            assert line.startswith("#"), line
    return found


def test_everything_that_the_package_imports_is_declared() -> None:
    """What another package pulls in today may be gone tomorrow, or be too old."""
    package = PROJECT / "failoverdns"
    seen = set()
    for name, path in imported(package):
        part = path.relative_to(package).parts[0]
        extra = ONLY_WITH_AN_EXTRA.get(part)
        assert name in declared() or (extra and name in declared(extra)), f"{path}: {name}"
        seen.add(name)
    assert len(seen) > 10
    assert declared().keys() | declared("acme").keys() == seen | PULLED_IN.keys()


@pytest.mark.parametrize(
    ("folder", "extra"), [("tests", "test"), ("scripts/simulation", "simulate")]
)
def test_everything_that_tests_and_scripts_import_is_declared(folder: str, extra: str) -> None:
    """The same, with the extra that they are run with."""
    for name, path in imported(PROJECT / folder):
        assert name in declared() | declared(extra), f"{path}: {name}"


def test_no_version_with_a_known_hole_may_be_installed() -> None:
    """The lowest version that each requirement allows is a safe one."""
    allowed = declared() | declared("acme")
    for name, lowest in SAFE.items():
        [bound] = allowed[name].specifier
        assert bound.operator == ">=", name
        assert Version(bound.version) >= Version(lowest), name


@pytest.mark.parametrize("extra", ["", *EXTRAS])
def test_every_requirement_is_pinned_to_a_version_that_it_allows(extra: str) -> None:
    """`scripts/pin` was run after the last change of setup.cfg."""
    pinned = pins("run") | (pins(extra) if extra else {})
    for name, requirement in declared(extra).items():
        assert name in pinned, f"{name}: run scripts/pin"
        assert all(version in requirement.specifier for version, _ in pinned[name]), name


def test_what_builds_the_package_is_pinned() -> None:
    """It runs code at the time of installation, like everything else."""
    import tomllib

    build = tomllib.loads((PROJECT / "pyproject.toml").read_text())["build-system"]["requires"]
    for requirement in map(Requirement, build):
        [(version, _)] = pins("build")[requirement.name]
        assert version in requirement.specifier


@pytest.mark.parametrize("path", sorted(REQUIREMENTS.glob("*.txt")), ids=lambda p: p.stem)
def test_every_pin_has_hashes(path: Path) -> None:
    """Pip refuses the whole file otherwise.  The index is the one that pip is configured with."""
    found = pins(path.stem)
    assert found
    assert all(hashes for versions in found.values() for _, hashes in versions)
    assert "://" not in path.read_text()


def test_one_package_has_one_version() -> None:
    """Pip cannot install two files that contradict each other."""
    together: dict[str, list[tuple[Version, int]]] = {}
    for name in ("run", *EXTRAS):
        for package, versions in pins(name).items():
            assert together.setdefault(package, versions) == versions, package


def test_install_prints_its_usage_and_refuses_an_unknown_extra() -> None:
    """Neither makes or changes an environment."""
    script = PROJECT / "scripts" / "install"
    run = subprocess.run([script, "--help"], capture_output=True, text=True)
    assert run.returncode == 0
    assert "FAILOVERDNS_PINS=off" in run.stdout
    run = subprocess.run([script, "nonsense"], capture_output=True, text=True)
    assert run.returncode == 2
    assert "there is no extra 'nonsense'" in run.stderr


def test_install_says_what_to_do_if_the_pins_do_not_fit(tmp_path: Path) -> None:
    """An index without these files is refused, and the way without pins is named."""
    for name in ("scripts", "requirements"):
        shutil.copytree(PROJECT / name, tmp_path / name)
    run = subprocess.run(
        [tmp_path / "scripts" / "install", "acme"],
        env={**os.environ, "PIP_NO_INDEX": "1", "PIP_FIND_LINKS": "", "PYTHON": sys.executable},
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert run.returncode == 1
    assert "FAILOVERDNS_PINS=off" in run.stderr


def test_pin_prints_its_usage() -> None:
    """A wrong argument gets it, too."""
    for word, status in (("--help", 0), ("--nonsense", 2)):
        run = subprocess.run([PROJECT / "scripts" / "pin", word], capture_output=True, text=True)
        assert run.returncode == status
        assert "--upgrade" in run.stdout
