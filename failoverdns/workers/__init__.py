"""Workers: the processes that answer, which the control process starts, fills and replaces.

With `workers: 0` the control process answers itself, behind the same interface.  What is served is
decided elsewhere and arrives here as deltas.
"""
