"""Health and automatic switching at work: from probe results to commands for the change corridor.

Refuses to decide anything: the rules do.
"""
