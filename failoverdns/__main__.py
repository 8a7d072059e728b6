"""Run the `failoverdns` command with `python -m failoverdns`."""

from failoverdns.cli.main import main

main()
