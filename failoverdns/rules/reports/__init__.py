"""Reports: the state and its changes as replies to commands, history entries and events."""
