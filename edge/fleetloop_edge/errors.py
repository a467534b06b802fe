"""Errors by what the caller can do about them."""


class EdgeError(Exception):
    """Base of all errors raised on the device."""


class DecodeError(EdgeError):
    """A payload that cannot become readings: keep its bytes aside and go on.

    rule: short machine name of what failed, e.g. ``no_time``. field: the payload's field, or None.
    """

    def __init__(self, rule: str, reason: str, field: str | None = None) -> None:
        super().__init__(reason)
        self.rule = rule
        self.reason = reason
        self.field = field


class BundleRejected(EdgeError):
    """A bundle that must not run: keep the installed one."""


class SpoolFull(EdgeError):
    """The spool cannot take one more decision even after dropping heartbeats."""
