"""NOUNS: frozen values in the words of the field.

Knows the standard library only.
Refuses to know packets, files, sockets, clocks and commands' effects.
"""
