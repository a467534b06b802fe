"""What runs on the gateway: payload bytes → readings → rows → features → score → decision.

Training stands on this package, so history and device share one definition of each step.
"""

__version__ = "0.1.0"
