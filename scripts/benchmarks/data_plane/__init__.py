"""What `scripts/bench data-plane` is made of.

names       the names that all serve, as state, as zone file and as answers to expect
servers     the servers: configured, started, checked, pinned to a core, stopped
accounting  what processes took: CPU, memory, wake-ups
generator   questions from the load generator, which is in C
parts       the measurements
switching   those of switches, and their tables
tables      tables of the others
"""
