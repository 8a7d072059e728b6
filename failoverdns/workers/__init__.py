"""Who answers: this process, or answering processes that it starts, fills, watches and replaces.

Refuses to decide what is served: it is told in deltas.
"""
