"""HTTP: the API, the dashboard and the metrics, served by a process of its own.

The web process speaks HTTP with browsers, scripts and Prometheus.  It hands each command to the
control process over a lane, and has neither state nor the key of the vault.
"""
