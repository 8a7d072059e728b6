"""The configuration file: YAML text becomes a frozen `Config`, or a list of all its errors.

Each error has its file, line and column, the fault, and a correct form.  Each section of the file
has a module here, with its keys, their limits and the checks between them; the values that the
sections become, and the defaults, are in `failoverdns.model`.
"""

from failoverdns.config.errors import ConfigError, ConfigErrors
from failoverdns.config.loading import load_config
from failoverdns.config.reloading import takes_restart

__all__ = ["ConfigError", "ConfigErrors", "load_config", "takes_restart"]
