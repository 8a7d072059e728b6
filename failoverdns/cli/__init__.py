"""The `failoverdns` command.

The client half knows `wire` and never loads Twisted; `serve` and `check-config` load what they
need when they are called.
"""
