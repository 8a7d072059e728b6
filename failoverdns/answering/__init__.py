"""The query corridor: packets in, replies out, from the table in memory."""
