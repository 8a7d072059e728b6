"""The DNS protocol: read queries and write replies, without sockets, clocks or state."""
