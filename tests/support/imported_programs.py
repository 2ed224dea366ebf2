"""Programs run by copies of a process that has imported them: a start takes a tenth of the CPU of `python -m`.

For tests of programs that end by themselves. Whatever an import does is done once, before the copy.
"""

from __future__ import annotations

import atexit
import json
import os
import runpy
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from functools import cache
from importlib import import_module
from pathlib import Path
from typing import NamedTuple

PROJECT = Path(__file__).parents[2]
ENDS_WITHIN_S = 120
"""Limit in seconds, after which a program is killed."""


class Ended(NamedTuple):
    """A program that has ended, and all it has written."""

    returncode: int
    stdout: str
    stderr: str


def run_imported(module: str, arguments: Sequence[str], environ: Mapping[str, str]) -> Ended:
    """Run `python -m MODULE` with these arguments and this environment, and return how it ended."""
    process = _copier(module)
    assert process.stdin is not None
    assert process.stdout is not None
    with tempfile.TemporaryDirectory() as folder:
        outputs = [f"{folder}/stdout", f"{folder}/stderr"]
        request = {"arguments": list(arguments), "environ": dict(environ), "outputs": outputs}
        process.stdin.write(f"{json.dumps(request)}\n")
        process.stdin.flush()
        status = int(process.stdout.readline())
        return Ended(os.waitstatus_to_exitcode(status), *(Path(output).read_text() for output in outputs))


@cache
def _copier(module: str) -> subprocess.Popen[str]:
    """Return the process that has imported the module. It ends with this process, which holds its stdin open."""
    command = [sys.executable, "-m", "tests.support.imported_programs", module]
    process = subprocess.Popen(command, cwd=PROJECT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    atexit.register(process.communicate)
    return process


def _become(arguments: Sequence[str], environ: Mapping[str, str], outputs: Sequence[str]) -> None:
    """Give this process the arguments, environment and outputs of the program."""
    descriptors = [os.open(os.devnull, os.O_RDONLY), *(os.open(output, os.O_WRONLY | os.O_CREAT) for output in outputs)]
    for number, descriptor in enumerate(descriptors):
        os.dup2(descriptor, number)
        os.close(descriptor)
    os.environ.clear()
    os.environ.update(environ)
    sys.argv[1:] = arguments
    signal.alarm(ENDS_WITHIN_S)


def main() -> None:
    """Run the module in a copy of this process for each request on stdin, and print the wait status of each."""
    module = sys.argv[1]
    import_module(f"{module}.__main__")
    # The copies execute the module itself again, as the main one.
    del sys.modules[f"{module}.__main__"]
    for line in sys.stdin:
        child = os.fork()
        if child == 0:
            _become(**json.loads(line))
            runpy.run_module(module, run_name="__main__", alter_sys=True)
            return
        _, status = os.waitpid(child, 0)
        print(status, flush=True)  # noqa: T201 - the reply


if __name__ == "__main__":
    main()
