"""The report that `scripts/mutate` prints."""

from __future__ import annotations

from mutation.command import report
from mutation.mutants import Mutant


def test_the_report_is_a_table_of_packages_and_a_list_of_survivors() -> None:
    killed = ("rules/decisions/safety.py", Mutant(3, "not", "not a -> a", ""), True)
    survived = ("rules/decisions/policy.py", Mutant(7, "constant", "60 -> 61", ""), False)
    assert list(report({"rules": [killed, killed, survived], "protocol": []})) == [
        "package              mutants  killed  survived  score",
        "rules                      3       2         1   67 %",
        "protocol                   0       0         0      -",
        "failoverdns/rules/decisions/policy.py:7: constant: 60 -> 61",
    ]
