"""Why a demo ends early."""

from __future__ import annotations

from collections.abc import Iterable


class DemoFailed(Exception):
    """Base of all of these; the message is for people."""


class NothingAnswers(DemoFailed):
    """There is no service where one should be."""

    def __init__(self, target: str, setting: str) -> None:
        super().__init__(f"nothing answers at {target}: start the services with `make run`, or set {setting}")


class OtherService(DemoFailed):
    """Somebody answers there, but not the service that should."""

    def __init__(self, target: str, service: str, setting: str) -> None:
        super().__init__(f"what answers at {target} does not serve {service}: set {setting}")


class NotServing(DemoFailed):
    """The service is there and says that it cannot take calls."""

    def __init__(self, target: str, service: str) -> None:
        super().__init__(f"{service} at {target} is not serving; its log says why")


class OtherCatalogue(DemoFailed):
    """The services have not loaded the catalogue that the script is written for."""

    def __init__(self, missing: Iterable[str]) -> None:
        goals = ", ".join(sorted(missing))
        super().__init__(f"the catalogue of the services lacks {goals}: the script plays catalogues/demo.yaml")


class PlayerNotNew(DemoFailed):
    """The script begins at the beginning."""

    def __init__(self, player: str) -> None:
        super().__init__(f"{player} has played before: leave out --player for a new one, or name another")


class Unexpected(DemoFailed):
    """A service did something else than the script says."""
