"""Mutants: every kind of change, code that stays, and a draw that can be repeated."""

from __future__ import annotations

import ast

import pytest
from mutation.mutants import Mutant, draw, mutants_of


@pytest.mark.parametrize(
    ("source", "kind", "changed"),
    [
        ("a == b", "comparison", ["a != b"]),
        ("a < b <= c", "comparison", ["a <= b <= c"]),
        ("a is None", "comparison", ["a is not None"]),
        ("a not in b", "comparison", ["a in b"]),
        ("a and b", "boolean", ["a or b", "b"]),
        ("a or b or c", "boolean", ["a and b and c", "b or c"]),
        ("not a", "not", ["a"]),
        ("if a:\n    b", "branch", ["if not a:\n    b"]),
        ("a if b else c", "branch", ["c if b else a"]),
        ("a = 60.0", "constant", ["a = 61.0", "a = 59.0"]),
        ("def f(a: b[1] = 3) -> c[1]:\n    pass", "constant", None),
        ("a // b", "arithmetic", ["a % b"]),
        ("f(x)", "statement", ["pass"]),
        ("raise A", "statement", ["pass"]),
        ("a += b", "statement", ["pass"]),
        ("def f():\n    return a", "return", ["def f():\n    return None"]),
    ],
)
def test_mutants_of_every_kind_are_made(source: str, kind: str, changed: list[str] | None) -> None:
    mutants = [mutant for mutant in mutants_of(source) if mutant.kind == kind]
    if changed is None:
        assert [m.change for m in mutants] == ["3 -> 4", "3 -> 2"], "annotations are not changed"
    else:
        assert [mutant.text for mutant in mutants] == changed


@pytest.mark.parametrize(
    "source",
    [
        '"""A docstring, == and not."""',
        "a = True",
        "def f():\n    return None",
        "f'{a:3}'",
        "a | b",
    ],
)
def test_code_without_a_decision_has_no_mutant(source: str) -> None:
    assert mutants_of(source) == []


def test_a_mutant_has_its_line_and_its_difference() -> None:
    (mutant,) = mutants_of("a = b\n\nc = not a\n")
    assert (mutant.line, mutant.kind, mutant.change) == (3, "not", "not a -> a")
    assert mutant.text == "a = b\nc = a"


def test_every_mutant_is_valid_python_and_a_different_program() -> None:
    source = "def f(a, *, b=1):\n    if a and not b:\n        return a[b - 1 : 2] + b\n    g()\n"
    mutants = mutants_of(source)
    assert len({mutant.text for mutant in mutants}) == len(mutants) > 10
    assert all(ast.unparse(ast.parse(m.text)) != ast.unparse(ast.parse(source)) for m in mutants)


def many(kind: str, lines: range) -> list[tuple[str, Mutant]]:
    """Return mutants of a kind, two on each line."""
    return [("x.py", Mutant(line, kind, f"{kind} {n}", "")) for line in lines for n in range(2)]


def test_a_draw_is_the_same_for_the_same_seed_only() -> None:
    mutants = [each for n in range(8) for each in many(f"kind {n}", range(n * 50, n * 50 + 50))]
    drawn = draw(mutants, 20, seed=1)
    assert len(drawn) == 20
    assert draw(reversed(mutants), 20, seed=1) == drawn
    assert draw(mutants, 20, seed=2) != drawn


def test_a_draw_has_one_mutant_of_each_line_and_a_share_of_each_kind() -> None:
    drawn = draw(many("constant", range(100)) + many("not", range(50)), 10, seed=1)
    kinds = [mutant.kind for _, mutant in drawn]
    assert kinds.count("constant") == 3
    assert kinds.count("not") == 3
    lines = [mutant.line for _, mutant in draw(many("not", range(3)), 100, seed=1)]
    assert lines == [0, 1, 2]
