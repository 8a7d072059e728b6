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


def _install(application: str, chain: str, key: Secret) -> Command:
    """Build the command from texts."""
    from failoverdns.pki.certificates import read_bundle

    bundle, facts = read_bundle(chain, key.reveal())
    return InstallCertificate(application, bundle, facts)


ROWS: Final = (
    CommandRow(
        "certificate install",
        "Give an application a certificate and its key, in place of the one it has.",
        (
            APPLICATION,
            Parameter(
                "chain",
                "the certificate and those that lead to its root, PEM, in this order",
                values.pem,
                "FILE",
                required=True,
                file=True,
            ),
            Parameter(
                "key",
                "its private key, PEM, without a passphrase",
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
        "Have a certificate issued over ACME, now, and renewed while the application is active.",
        (
            APPLICATION,
            Parameter(
                "name",
                "a name it is to be valid for; repeat for more; without any, the hostnames of its "
                "groups, or the names of the one it has",
                values.certificate_name,
                "NAME",
                repeated=True,
            ),
            flag("again", "also if there is one for these names that is not due for renewal"),
        ),
        RequestCertificate,
        "certificate request shop-eu --name 414-262-781.failover.example --name www.shop.example",
    ),
    CommandRow(
        "certificate show",
        "Show an application's certificate and who fetched it; never the key.",
        (APPLICATION,),
        ShowCertificate,
    ),
    CommandRow("certificate list", "List the certificates.", (), ListCertificates),
    CommandRow(
        "certificate remove",
        "Remove an application's certificate and key, and what is ordered for it.",
        (APPLICATION,),
        RemoveCertificate,
    ),
    CommandRow(
        "certificate challenge-name",
        "Print where the CNAME at _acme-challenge of a customer's name is to point.",
        (
            named("the customer's name", values.certificate_name),
            Parameter("zone", "the zone; may be left out if there is one", values.zone, "Z"),
        ),
        ChallengeName,
        "certificate challenge-name www.shop.example",
    ),
    CommandRow(
        "certificate rotate-key",
        "Encrypt every private key anew, with a new key file.",
        (),
        RotateKey,
    ),
)
"""Every command about certificates."""
