"""DELIVERY: certificates and events on their way to web heads and programs.

Web heads fetch (`pull`), programs are run (`hooks`, `programs`).  Decides nothing.
"""
