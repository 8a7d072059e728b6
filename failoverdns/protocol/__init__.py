"""DNS as bytes: queries are read and replies written, without sockets, clocks or state."""
