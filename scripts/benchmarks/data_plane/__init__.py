"""The modules of `scripts/bench data-plane`.

names       the names that all servers have, as state, zone file and expected answers
servers     the servers: configured, started, checked, pinned to a core, stopped
accounting  CPU, memory and wake-ups of processes
generator   questions from the load generator, which is in C
parts       the measurements, except those of switches
switching   the measurements of switches, and their tables
tables      tables of the other measurements
"""
