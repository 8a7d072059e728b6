"""What other name servers have becomes a configuration and commands for this one.

    an export, a folder, a zone file -> parsers (`route53_documents`, `vscf`, `gdnsd_zone`, `bind`)
    -> mapping (`route53`, `gdnsd`) -> `builder` -> `plan` -> `writing`

Importers change nothing and need no server: a plan is text to look at.  Whatever this server cannot
do as the source does it is left out and listed, with the reason and with what to do instead.
Only the command `failoverdns import` loads this package.
"""
