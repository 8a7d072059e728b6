"""The `failoverdns` command.

The client imports `control.language` and never loads Twisted; `serve` and `check-config` import
the server when they are called.
"""
