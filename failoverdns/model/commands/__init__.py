"""Commands as values: parsed and checked requests of a user, or of the server itself.

A command is a Mutation (it changes the state), an Action (it does something else) or a ReadCommand.
Names of applications and heads, and labels, are valid DNS labels in lower case.
In a command that sets values, None leaves a value unchanged and an empty text detaches it.
How a command is written, as words or as JSON, is defined in `control.language` only.
"""

from failoverdns.model.commands.kinds import Action, Command, Mutation, ReadCommand

__all__ = ["Action", "Command", "Mutation", "ReadCommand"]
