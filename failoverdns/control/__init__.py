"""The command corridor: requests from the control socket, and the replies and events to it."""
