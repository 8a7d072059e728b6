"""The language of the control socket: words or JSON become commands.

The command-line client imports this package and the model, and no other part of the server.
"""
