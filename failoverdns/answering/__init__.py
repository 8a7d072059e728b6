"""The query corridor: answer packets from DNS clients out of the table in memory."""
