"""The command table: certificates.

Reading PEM takes a library that clients do without, so it is imported when a certificate comes.
"""

from __future__ import annotations

from typing import Final

from failoverdns.control.language import values
from failoverdns.control.language.parameters import APPLICATION, flag, named
from failoverdns.control.language.rows import CommandRow, Parameter
from failoverdns.model.certificate import Secret
from failoverdns.model.commands import Command
from failoverdns.model.commands.certificates import (
    ChallengeName,
    InstallCertificate,
    ListCertificates,
    RemoveCertificate,
    RequestCertificate,
    RotateKey,
    ShowCertificate,
)
from failoverdns.model.roles import Role


def _install(application: str, chain: str, key: Secret) -> Command:
    """Build the command from texts."""
    from failoverdns.pki.certificates import read_bundle

    bundle, facts = read_bundle(chain, key.reveal())
    return InstallCertificate(application, bundle, facts)


ROWS: Final = (
    CommandRow(
        "certificate install",
        "Install a certificate and its key. They replace the ones the application has.",
        (
            APPLICATION,
            Parameter(
                "chain",
                "the certificate, then those that lead to its root, in PEM",
                values.pem,
                "FILE",
                required=True,
                file=True,
            ),
            Parameter(
                "key",
                "its private key, in PEM, without a passphrase",
                values.secret,
                "FILE",
                required=True,
                file=True,
            ),
        ),
        _install,
        "certificate install shop-eu --chain fullchain.pem --key privkey.pem",
    ),
    CommandRow(
        "certificate request",
        "Request a certificate over ACME. It is renewed while the application is active.",
        (
            APPLICATION,
            Parameter(
                "name",
                "a name for the certificate; can be repeated; default: the hostnames of the "
                "application's groups, or the names of its certificate",
                values.certificate_name,
                "NAME",
                repeated=True,
            ),
            flag("again", "request it even if the present certificate is not due for renewal"),
        ),
        RequestCertificate,
        "certificate request shop-eu --name 414-262-781.failover.example --name www.shop.example",
    ),
    CommandRow(
        "certificate show",
        "Show a certificate and who fetched it, never the key.",
        (APPLICATION,),
        ShowCertificate,
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "certificate list", "List certificates.", (), ListCertificates, role=Role.VIEWER, reads=True
    ),
    CommandRow(
        "certificate remove",
        "Remove a certificate, its key and its order.",
        (APPLICATION,),
        RemoveCertificate,
    ),
    CommandRow(
        "certificate challenge-name",
        "Print the CNAME record that ACME needs for a name.",
        (
            named("the customer's name", values.certificate_name),
            Parameter("zone", "the zone; optional if there is only one", values.zone, "Z"),
        ),
        ChallengeName,
        "certificate challenge-name www.shop.example",
        role=Role.VIEWER,
        reads=True,
    ),
    CommandRow(
        "certificate rotate-key",
        "Encrypt all private keys with a new key file.",
        (),
        RotateKey,
    ),
)
"""Every command about certificates."""
