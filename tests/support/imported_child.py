"""A child process like that of `devstack.process`, which runs in a copy of a process that has imported its program."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence

from devstack.output import Output
from tests.support.imported_programs import Copy, start_imported


class ImportedChild:
    """`python -m MODULE` in the folder of the project, in a session of its own."""

    def __init__(
        self, module: str, arguments: Sequence[str], *, output: Output, env: Mapping[str, str], program: str = ""
    ) -> None:
        """Describe a process: `env` is its whole environment. If `program` is given, it is run with the module."""
        self._module = module
        self._arguments = arguments
        self._output = output
        self._env = env
        self._program = program
        self._copy: Copy | None = None

    def start(self) -> None:
        """Start the process."""
        output = self._output.open()
        try:
            self._copy = start_imported(self._module, self._arguments, self._env, (output, output), self._program)
        finally:
            os.close(output)

    @property
    def pid(self) -> int | None:
        """The process id; None before the first start."""
        return self._copy.pid if self._copy else None

    @property
    def is_running(self) -> bool:
        """True if the process was started and has not ended."""
        return self._copy is not None and self._copy.poll() is None

    @property
    def exit_status(self) -> int | None:
        """The exit status, -N after signal N; None while it runs or if it was never started."""
        return self._copy.poll() if self._copy else None

    def tail(self) -> str:
        """Return the last lines of its output."""
        return self._output.tail()

    def kill(self) -> None:
        """Kill the process and everything in its session; do nothing if it has ended."""
        if self._copy is not None:
            self._copy.kill_session()
