"""`python -m flows.cli`: the command `fleetloop` without its script."""

from flows.cli import main

main()
