"""Attacks on a running server: kills, power losses, failing disks, and what DNS clients notice.

`scripts/attack` runs them; `tests/system` runs short forms of them.  They use the server and the
clients of the tests, so both `scripts` and `tests` must be on the path.
"""
