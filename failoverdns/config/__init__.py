"""The configuration file: YAML text becomes a frozen `Config`, or a list of all its errors.

Each error has its file, line and column, what is wrong, and what would be right.  A section of the
file is a module here, with its keys, their limits and what they must be to each other; the values
that they become, and the defaults, are in `failoverdns.model`.
"""

from failoverdns.config.errors import ConfigError, ConfigErrors
from failoverdns.config.loading import load_config
from failoverdns.config.reloading import takes_restart

__all__ = ["ConfigError", "ConfigErrors", "load_config", "takes_restart"]
