"""The change corridor: commands are decided on a draft, stored, and then made visible."""
