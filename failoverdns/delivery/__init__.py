"""Delivery: certificates and events on their way to web heads and programs.

Web heads fetch certificates (`pull`), hooks run programs (`hooks`, `hook_programs`).
"""
