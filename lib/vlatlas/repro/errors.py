"""The two ways in which a command fails that are not our fault."""


class UsageError(ValueError):
    """The request makes no sense; the message is one line. Exit status 2."""


class RunError(RuntimeError):
    """The request could not be fulfilled; the message says why and what to do. Exit status 1."""


class NotebookError(RunError, ValueError):
    """A file that should be a notebook is none; the message names it."""
