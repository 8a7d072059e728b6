"""The rules: pure functions over the values of `failoverdns.model`, and over nothing else.

The time and randomness are arguments.  The rules open no files or sockets, and neither log nor
count: they return facts, and their callers report these.
"""
