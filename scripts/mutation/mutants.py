"""The mutants of a module: one for every small change in this table.

| kind       | change                                                              |
|------------|---------------------------------------------------------------------|
| comparison | `==` and `!=`, `<` and `<=`, `>` and `>=`, `is`, `in` are exchanged |
| boolean    | `and` and `or` are exchanged, or the first operand is dropped       |
| not        | is dropped                                                          |
| branch     | the condition of an `if` is negated                                 |
| constant   | a number is one more or one less                                    |
| arithmetic | `+` and `-`, `*` and `/`, `//` and `%` are exchanged                |
| statement  | a call, a `raise`, a `del` or an augmented assignment is removed    |
| return     | None is returned                                                    |
"""

from __future__ import annotations

import ast
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import partial
from math import ceil
from random import Random

Node = ast.expr | ast.stmt

KIND_PART = 0.24
"""The largest share of a sample that may be of one kind."""

_EXCHANGED: dict[type[ast.AST], type[ast.AST]] = {
    a: b
    for one, other in (
        (ast.Eq, ast.NotEq),
        (ast.Lt, ast.LtE),
        (ast.Gt, ast.GtE),
        (ast.Is, ast.IsNot),
        (ast.In, ast.NotIn),
        (ast.And, ast.Or),
        (ast.Add, ast.Sub),
        (ast.Mult, ast.Div),
        (ast.FloorDiv, ast.Mod),
    )
    for a, b in ((one, other), (other, one))
}


@dataclass(frozen=True, slots=True)
class Mutant:
    """A changed module: `text` is its whole source; `line` and `change` describe the difference."""

    line: int
    kind: str
    change: str
    text: str


def mutants_of(source: str) -> list[Mutant]:
    """Return every mutant of a module's source; annotations and docstrings are not changed."""
    tree = ast.parse(source)
    found = []
    for old, put in list(_places(tree)):
        for kind, new in _changes(old):
            put(new)
            text = ast.unparse(ast.fix_missing_locations(tree))
            put(old)
            found.append(Mutant(old.lineno, kind, f"{_short(old)} -> {_short(new)}", text))
    return found


def draw(mutants: Iterable[tuple[str, Mutant]], count: int, seed: int) -> list[tuple[str, Mutant]]:
    """Return `count` mutants with their files: one of a line, and a limited share of a kind.

    There are fewer if the mutants do not suffice.  The same seed gives the same draw.
    """
    shuffled = sorted(mutants, key=lambda each: (each[0], each[1].line, each[1].change))
    Random(seed).shuffle(shuffled)
    most = ceil(count * KIND_PART)
    kinds: Counter[str] = Counter()
    drawn: dict[tuple[str, int], tuple[str, Mutant]] = {}
    for path, mutant in shuffled:
        if len(drawn) < count and kinds[mutant.kind] < most and (path, mutant.line) not in drawn:
            kinds[mutant.kind] += 1
            drawn[path, mutant.line] = path, mutant
    return sorted(drawn.values(), key=lambda each: (each[0], each[1].line))


def _places(parent: ast.AST) -> Iterator[tuple[Node, Callable[[Node], None]]]:
    """Yield every expression and statement below a node, with a function that replaces it."""
    for field, value in ast.iter_fields(parent):
        if field in ("annotation", "returns") or isinstance(parent, ast.JoinedStr | ast.pattern):
            continue
        for index, node in enumerate(value if isinstance(value, list) else [value]):
            if isinstance(node, ast.expr | ast.stmt):
                many = isinstance(value, list)
                yield (
                    node,
                    partial(value.__setitem__, index) if many else partial(setattr, parent, field),
                )
            if isinstance(node, ast.AST):
                yield from _places(node)


def _changes(node: Node) -> Iterator[tuple[str, Node]]:
    match node:
        case ast.Compare(left, [operator, *operators], comparators):
            first = _EXCHANGED[type(operator)]()
            yield "comparison", ast.Compare(left, [first, *operators], comparators)  # type: ignore[list-item]
        case ast.BoolOp(operator, [_, *rest] as values):
            yield "boolean", ast.BoolOp(_EXCHANGED[type(operator)](), values)  # type: ignore[arg-type]
            yield "boolean", rest[0] if len(rest) == 1 else ast.BoolOp(operator, rest)
        case ast.UnaryOp(ast.Not(), operand):
            yield "not", operand
        case ast.If(test, body, orelse):
            yield "branch", ast.If(ast.UnaryOp(ast.Not(), test), body, orelse)
        case ast.IfExp(test, body, orelse):
            yield "branch", ast.IfExp(test, orelse, body)
        case ast.Constant(int() | float() as number) if not isinstance(number, bool):
            yield "constant", ast.Constant(number + 1)
            yield "constant", ast.Constant(number - 1)
        case ast.BinOp(left, operator, right) if type(operator) in _EXCHANGED:
            yield "arithmetic", ast.BinOp(left, _EXCHANGED[type(operator)](), right)  # type: ignore[arg-type]
        case ast.Expr(ast.Call() | ast.Await()) | ast.Raise() | ast.Delete() | ast.AugAssign():
            yield "statement", ast.Pass()
        case ast.Return(ast.expr() as value) if ast.unparse(value) != "None":
            yield "return", ast.Return(ast.Constant(None))


def _short(node: ast.AST) -> str:
    return ast.unparse(node).split("\n")[0][:100]
