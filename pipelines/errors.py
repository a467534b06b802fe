"""Errors by what the caller can do about them. The message names file, row, column, value and next step."""


class PipelineError(Exception):
    """Base of all errors that a person can act on: shown as one line, never as a traceback."""

    exit_code = 2
    retryable = False


class DataError(PipelineError):
    """Fix or supply the data."""


class ParamsError(PipelineError):
    """Edit params.yaml or the command."""


class Refused(PipelineError):
    """A gate, a contract or a test said no. Nothing is broken; nothing goes on."""

    exit_code = 1


class StoreError(PipelineError):
    """The release store, a remote or a server did not answer as it should; trying again may help."""

    retryable = True


class Conflict(StoreError):
    """Somebody else moved the pointer first: read it again and decide anew."""
