"""Errors of starting a process."""


class StartFailed(Exception):
    """A process did not become ready. The message names it, says why, and ends with the last lines of its output."""


class AlreadyRunning(StartFailed):
    """The data directory is in use by a server of another run. The message names its process and port."""
