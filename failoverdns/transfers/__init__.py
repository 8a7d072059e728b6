"""The transfer process: it has the TSIG keys, and an image of every zone that others may transfer.

    control process ── Channel: deltas with stored TTLs, calls ──► transfer process
    answering process ── Link: signed messages, connections ─────► transfer process ──► secondaries

It serves zone transfers, notifies secondaries, and passes dynamic updates on to the control
process.  It has none of the sockets at which DNS clients ask, no private key of a certificate, and
no access to the state.
"""
