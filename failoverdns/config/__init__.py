"""YAML -> frozen `Config`, every error at once as file:line:column.

Knows the configuration file: its keys, defaults and limits, and where in it each error is.
Refuses to know sockets, the store, processes and reloads: it reads one file and says what is in
it, or everything that is wrong with it.
"""

from failoverdns.config.errors import ConfigError, ConfigErrors
from failoverdns.config.loading import load_config
from failoverdns.config.protection_settings import CookieSettings, QueryLogSettings, TCPSettings
from failoverdns.config.reloading import takes_restart
from failoverdns.config.settings import (
    AcmeSettings,
    CertificateSettings,
    Config,
    ControlSettings,
    DeliverySettings,
    ExternalAccount,
    HookSettings,
    Identity,
    ListenAddress,
    StateSettings,
)

__all__ = [
    "AcmeSettings",
    "CertificateSettings",
    "Config",
    "ConfigError",
    "ConfigErrors",
    "ControlSettings",
    "CookieSettings",
    "DeliverySettings",
    "ExternalAccount",
    "HookSettings",
    "Identity",
    "ListenAddress",
    "QueryLogSettings",
    "StateSettings",
    "TCPSettings",
    "load_config",
    "takes_restart",
]
