"""The trial of the version on disk as a child: its result is a report, or a refusal."""

from __future__ import annotations

import sys
from typing import Any

import pytest
from heads import reactor, turn_until
from twisted.internet.defer import Deferred
from twisted.internet.process import reapAllProcesses
from twisted.python.failure import Failure

from failoverdns.model.errors import Rejected
from failoverdns.restarting import MAX_OUTPUT, try_version
from failoverdns.trial import InUse

USED = InUse("/state", "/control", frozenset())


def tried(*command: str) -> Any:
    """Try a command as the version on disk; return its report or the refusal."""
    found: list[Any] = []
    trying = Deferred.fromCoroutine(try_version(reactor(), command, USED, {}))
    trying.addBoth(found.append)

    def is_over() -> bool:
        reapAllProcesses()  # what SIGCHLD does where the reactor runs
        return bool(found)

    turn_until(is_over)
    return found[0].value if isinstance(found[0], Failure) else found[0]


def python(code: str) -> Any:
    """Try a program in Python."""
    return tried(sys.executable, "-c", code)


def test_a_version_that_can_serve_reports_so() -> None:
    code = "import sys, os; print(sys.argv[1], os.environ['FAILOVERDNS_TRIAL'])"
    assert python(code) == '--trial ["/state", "/control", []]'


@pytest.mark.parametrize(
    ("code", "why"),
    [
        ("import sys; sys.exit('the state is new')", "cannot serve: the state is new"),
        ("import sys; sys.exit(3)", "its trial ended with status 3"),
        ("import os; os.kill(os.getpid(), 9)", "its trial ended"),
        ("import missing_module", "No module named 'missing_module'"),
        (
            "import sys; print('No such option: --trial', file=sys.stderr); sys.exit(2)",
            "it is older than the version that runs",
        ),
    ],
)
def test_a_version_that_cannot_serve_is_refused_with_its_words(code: str, why: str) -> None:
    refusal = python(code)
    assert isinstance(refusal, Rejected)
    assert refusal.code == "refused"
    assert refusal.message.startswith("nothing was changed: ")
    assert why in refusal.message


def test_a_program_that_does_not_exist_is_refused() -> None:
    assert isinstance(tried("/does/not/exist"), Rejected)


def test_output_without_end_is_cut() -> None:
    assert len(python("print('x' * 10_000_000)")) == MAX_OUTPUT
