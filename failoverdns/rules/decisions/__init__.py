"""Decisions: each command that changes the state becomes writes, or a refusal with its reasons."""
