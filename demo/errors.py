"""Reasons why a demo ends early."""


class DemoFailed(Exception):
    """The demo cannot be played; the message is for people."""


class Unexpected(DemoFailed):
    """A service did not do what the script says."""
