"""Automation: from probe results to health, and from health to automatic switches.

Everything that changes state is submitted as a command; the rules decide.
"""
