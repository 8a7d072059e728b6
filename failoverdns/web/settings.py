"""The settings of the web process, which the control process makes and sends to it.

The certificate and the key are sent beside them (`workers.calls.write_material`), and no other
process gets the key.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Any

from failoverdns.model.settings import HTTPSettings


@dataclass(frozen=True, slots=True)
class WebSettings:
    """Everything that the web process is configured with.

    `hosts` are names that `Host` of a request may have besides addresses and `localhost`, in lower
    case without a final dot; one that begins with `*.` stands for every name with one more label.
    With `metrics_public` `/metrics` needs no token.  `trusted_proxies` may say in `X-Forwarded-For`
    which client they ask for.  With `tls` every listening socket speaks HTTPS, and only that.
    """

    hosts: tuple[str, ...] = ()
    metrics_public: bool = False
    trusted_proxies: tuple[IPv4Network | IPv6Network, ...] = ()
    tls: bool = False


def make_web_settings(settings: HTTPSettings, names: Iterable[str]) -> WebSettings:
    """Return what the web process needs of the configuration.

    `names` are those of the certificate, which `Host` may have, too.
    """
    return WebSettings(
        tuple(dict.fromkeys((*settings.hosts, *(name.lower() for name in names)))),
        settings.metrics_public,
        settings.trusted_proxies,
        settings.is_tls,
    )


def write_settings(settings: WebSettings) -> dict[str, Any]:
    """Return settings as a JSON object."""
    return {
        "hosts": list(settings.hosts),
        "metrics_public": settings.metrics_public,
        "trusted_proxies": [str(network) for network in settings.trusted_proxies],
        "tls": settings.tls,
    }


def read_settings(written: dict[str, Any]) -> WebSettings:
    """Return settings from a JSON object; raises ValueError, KeyError or TypeError."""
    return WebSettings(
        tuple(str(name) for name in written["hosts"]),
        bool(written["metrics_public"]),
        tuple(ip_network(network) for network in written["trusted_proxies"]),
        bool(written["tls"]),
    )
