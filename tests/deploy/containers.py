"""A container engine, where one is installed, and containers of the image that it has built."""

from __future__ import annotations

import json
import os
import shutil
import signal
import subprocess
import uuid
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import Any

from tests.support.service_process import PROJECT

BASE = "TEST_IMAGE_BASE"
"""Variable with the name of a base image that the engine has, if it is not the one in the Dockerfile."""
ENGINES = ("docker", "podman", "buildah")
BUILD_S = 540.0
STOP_S = 20.0


def engine() -> str | None:
    """Return the engine that works here; None if there is none."""
    for name in ENGINES:
        if shutil.which(name) and _run(name, "info").returncode == 0:
            return name
    return None


def base_image() -> str:
    """Return the name of the base image."""
    text = (PROJECT / "Dockerfile").read_text("utf-8")
    [default] = [line.partition("=")[2] for line in text.splitlines() if line.startswith("ARG PYTHON_IMAGE=")]
    return os.environ.get(BASE, default)


def missing() -> str | None:
    """Return why no image can be built here; None if one can."""
    found = engine()
    if found is None:
        return f"none of {', '.join(ENGINES)} works here"
    query = ["inspect", "--type", "image"] if found == "buildah" else ["image", "inspect"]
    if _run(found, *query, base_image()).returncode != 0:
        return f"{found} has no image {base_image()}; {BASE} may name another base"
    return None


class Image:
    """The image, built as `make image` builds it."""

    def __init__(self) -> None:
        found = engine()
        assert found is not None
        self._engine = found
        self.is_read_only = found != "buildah"
        """Its containers have a read-only root file system; buildah has no such option."""
        self.name = f"localhost/challenge-backend-test:{uuid.uuid4().hex[:8]}"
        options = f"--build-arg PYTHON_IMAGE={base_image()}"
        command = ["make", "image", f"ENGINE={found}", f"IMAGE={self.name}", f"IMAGE_OPTIONS={options}"]
        built = subprocess.run(command, cwd=PROJECT, timeout=BUILD_S, capture_output=True, text=True, check=False)
        assert built.returncode == 0, built.stdout[-2_000:] + built.stderr[-4_000:]

    def labels(self) -> dict[str, str]:
        """Return the labels of the image."""
        return dict(self._config()["Labels"])

    def health_check(self) -> list[str]:
        """Return the health check of the image: how it is executed, and the command."""
        return list(self._config()["Healthcheck"]["Test"])

    def _config(self) -> dict[str, Any]:
        query = ["inspect", "--type", "image"] if self._engine == "buildah" else ["image", "inspect"]
        found = json.loads(_run(self._engine, *query, self.name).stdout)
        if self._engine == "buildah":
            return dict(found["Docker"]["config"])
        # podman has the health check beside the rest.
        return {"Healthcheck": found[0].get("Healthcheck")} | dict(found[0]["Config"])

    def output(self, *command: str, **environ: str) -> str:
        """Run a command in a container, and return what it prints; fail with it if the command does."""
        with self._container() as container:
            done = subprocess.run(
                self._command(container, command, environ), capture_output=True, text=True, check=False
            )
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    @contextmanager
    def running(self, *command: str, **environ: str) -> Iterator[subprocess.Popen[bytes]]:
        """Run a command in a container, and end it after the block."""
        with self._container() as container:
            process = subprocess.Popen(self._command(container, command, environ), start_new_session=True)
            try:
                yield process
            finally:
                with suppress(ProcessLookupError):
                    os.killpg(process.pid, signal.SIGTERM)
                try:
                    process.wait(STOP_S)
                finally:
                    with suppress(ProcessLookupError):
                        os.killpg(process.pid, signal.SIGKILL)

    def remove(self) -> None:
        """Remove the image."""
        _run(self._engine, "rmi", "--force", self.name)

    @contextmanager
    def _container(self) -> Iterator[str]:
        """Yield the name of a new container, where the engine makes it before a command runs in it."""
        if self._engine != "buildah":
            yield ""
            return
        name = _run("buildah", "from", "--pull-never", self.name).stdout.strip()
        try:
            yield name
        finally:
            _run("buildah", "rm", name)

    def _command(self, container: str, command: tuple[str, ...], environ: Mapping[str, str]) -> list[str]:
        variables = [option for name, value in environ.items() for option in ("--env", f"{name}={value}")]
        if self._engine == "buildah":
            return ["buildah", "run", *variables, container, "--", *command]
        confined = ["--read-only", "--cap-drop=ALL", "--network=host"]
        if self._engine == "podman":
            # It would mount folders in memory where temporary files are usual.
            confined.append("--read-only-tmpfs=false")
        return [self._engine, "run", "--rm", *confined, *variables, self.name, *command]


def _run(*command: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(command, capture_output=True, text=True, check=False)
