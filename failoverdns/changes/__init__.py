"""The change corridor: a command is decided on a draft, made durable, then made visible."""
