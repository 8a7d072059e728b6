"""Metrics for Prometheus, made from the reply to `stats`; nothing is counted here.

`families` is the table of all metrics, `samples` reads a reply with it, and `exposition` writes
the text that Prometheus reads.
"""
