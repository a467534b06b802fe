"""`fleetloop demo loop`: two simulated months of a fleet in minutes, and what the loop made of them."""

from flows.demo.show import show_loop

__all__ = ["show_loop"]
