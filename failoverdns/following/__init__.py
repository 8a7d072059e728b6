"""Which secondaries follow: what the transfer process reports of them, and who waits for it.

The control process keeps the last report for each secondary and zone.  It shows them, lets a switch
wait until they have its serial, and records secondaries that stay behind.
"""
