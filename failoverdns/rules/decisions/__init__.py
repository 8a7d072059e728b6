"""What may be done: each command becomes writes, or a refusal with its reasons."""
