"""The command corridor: lines of the control socket in, replies and events out."""
