"""VERBS: pure functions from nouns to nouns.

Knows `model` only; `now` and randomness are arguments.
Refuses to know bytes, files and sockets, and neither logs nor counts.
"""
