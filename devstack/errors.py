"""What starting a process can end in."""


class StartFailed(Exception):
    """A process did not become ready. The message names it, says why, and ends with the last lines of its output."""


class AlreadyRunning(StartFailed):
    """A server of another run already uses the data directory. The message names its process and port."""
