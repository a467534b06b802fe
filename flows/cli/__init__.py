"""The `fleetloop` command. Importing it is cheap; each command imports what it needs."""

from __future__ import annotations


def main() -> None:
    """Run the command line; every foreseeable failure is one line and an exit code (see `fleetloop --help`)."""
    from flows.cli.app import app
    from flows.cli.failure import failing_clearly

    with failing_clearly():
        app()


__all__ = ["main"]
