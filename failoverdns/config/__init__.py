"""YAML -> frozen `Config`, every error at once as file:line:column.

Knows the configuration file: its keys, defaults and limits, and where in it each error is.
Refuses to know sockets, the store, processes and reloads: it reads one file and says what is in
it, or everything that is wrong with it.
"""

from failoverdns.config.errors import ConfigError, ConfigErrors
from failoverdns.config.loading import load_config
from failoverdns.config.reloading import takes_restart

__all__ = ["ConfigError", "ConfigErrors", "load_config", "takes_restart"]
