"""BYTES <-> VALUES, without input or output: DNS messages, compiled answers, control lines.

Knows `model`, dnslib (to build records) and dnspython (to write zone-file text).
Refuses to know sockets, clocks and the rules.
"""
