"""Tables for people; `rich` is imported only when there is one to print."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from rich.table import Table

Result = dict[str, Any]
Writer = Callable[[Result], None]
"""Prints the result of a command."""


def table(*columns: str) -> Table:
    """Return an empty table with these headings."""
    from rich import box
    from rich.table import Table

    made = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for column in columns:
        made.add_column(column, overflow="fold")
    return made


def print_warnings(result: Result) -> None:
    """Print the warnings of a reply, one a line."""
    for warning in result.get("warnings", ()):
        click.echo(f"  warning: {warning}")


def print_table(table: Table, instead: str) -> None:
    """Print a table, or a line in its place if it has no rows."""
    from rich.console import Console

    if not table.row_count:
        click.echo(instead)
        return
    console = Console(markup=False, highlight=False)
    if not console.is_terminal:
        console.width = 160
    console.print(table)
