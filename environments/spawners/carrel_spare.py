"""Keeps half a Python kernel ready in a Jupyter server, for the first notebook that is opened in it.

Run by an image's own Python, so it imports nothing of Carrel and keeps to what 3.8 has. It is two programs. Jupyter
loads it as an extension, which starts the other once the server is up: an interpreter that imports all a kernel
consists of, most of what starting one costs, and then waits on its standard input. It is no kernel until it is told
with which connection, in which folder and with which variables it was to be started: so there is nothing to list, to
count or to cull before, and nothing to put right after. Whatever it was prepared for in vain, it starts as if it
had not been; when the server ends, so does its input, and so does the spare.
"""

from __future__ import annotations

import os
import sys

if __name__ == "__main__" and sys.path[:1] == [os.path.dirname(os.path.abspath(__file__))]:
    sys.path.pop(0)  # Nobody's place to import from: a kernel has none in its stead before it knows its folder.

import contextlib
import importlib
import json
import runpy
import site
import subprocess
from typing import Any, Iterable  # noqa: UP035 - Python 3.8 knows no other

KERNEL = "ipykernel_launcher"
AFTER_SECONDS = 1.0
"""When the spare is started, so that the server has answered first."""

IMPORTED_AT_THE_START = (
    "ipykernel.kernelapp",
    "ipykernel.ipkernel",
    "ipykernel.zmqshell",
    "ipykernel.debugger",
    "IPython.core.completerlib",
    "IPython.core.debugger",
    "IPython.core.logger",
    "IPython.core.oinspect",
    "IPython.extensions.storemagic",
    "IPython.utils.wildcard",
)
"""What every kernel imports before its first cell has run."""

_OF_THIS_SERVER = {"JPY_PARENT_PID": str(os.getpid())}
"""With whom a kernel ends; it looks as soon as it is imported."""


# --- In the server ------------------------------------------------------------------------------------------


class SpareLauncher:
    """Starts the processes of kernels in place of `launch_kernel`, the first of one kind from a spare."""

    def __init__(self, launch: Any, log: Any) -> None:
        self._launch = launch
        self._log = log
        self._spare: subprocess.Popen[bytes] | None = None
        self._interpreter: list[str] = []
        self._variables: dict[str, str] = {}

    def prepare(self, command: list[str], variables: dict[str, str]) -> None:
        """Start a spare for this command of a kernel; none for another kind of kernel."""
        interpreter = interpreter_of(command)
        if interpreter:
            self._spare = subprocess.Popen(
                [*interpreter, os.path.abspath(__file__)],
                env={**variables, **_OF_THIS_SERVER},
                stdin=subprocess.PIPE,
                start_new_session=True,
            )
            self._interpreter, self._variables = interpreter, settled(variables)

    def __call__(self, cmd: list[str], **options: Any) -> Any:
        """What `launch_kernel` returns: the process."""
        try:
            process = self._given_out(cmd, **options)
        except Exception as error:  # noqa: BLE001 - it starts without
            self._log.info("The spare kernel could not be used: %s", error)
            process = None
        return process or self._launch(cmd, **options)

    def _given_out(self, cmd: list[str], *, env: dict[str, str], cwd: str | None = None) -> Any:
        """The spare, which becomes this kernel; None if there is none that would be the same."""
        spare = self._spare
        if spare is None or spare.stdin is None or not interpreter_of(cmd):
            return None
        self._spare = None
        folder = cwd or os.getcwd()
        is_same = interpreter_of(cmd) == self._interpreter and settled(env) == self._variables
        if not is_same or not os.path.isdir(folder):
            spare.kill()
            return None
        told = {name: value for name, value in env.items() if name.startswith("JPY_")}
        job = {"command": cmd, "folder": folder, "variables": {**told, **_OF_THIS_SERVER}}
        try:
            spare.stdin.write(json.dumps(job).encode())
            spare.stdin.close()
        except OSError:  # It has ended.
            spare.kill()
            raise
        return spare


def interpreter_of(command: list[str]) -> list[str]:
    """What of a command starts Python, where all it does is to run a kernel of IPython; else nothing."""
    at = command.index("-m") if "-m" in command else 0
    if command[at + 1 : at + 2] != [KERNEL] or not all(option.startswith("-") for option in command[1:at]):
        return []
    return command[:at]


def settled(variables: dict[str, str]) -> dict[str, str]:
    """Those that must not differ between a spare and the kernel it becomes: all but what Jupyter says of the kernel."""
    return {name: value for name, value in variables.items() if not name.startswith("JPY_")}


def _jupyter_server_extension_points() -> list[dict[str, str]]:
    return [{"module": "carrel_spare"}]


def _load_jupyter_server_extension(server: Any) -> None:
    """Have the spare started once the server is up. Nothing that goes wrong with it concerns the server."""
    from tornado.ioloop import IOLoop  # type: ignore[import-not-found,unused-ignore]

    IOLoop.current().call_later(AFTER_SECONDS, _keep_spare, server)


def _keep_spare(server: Any) -> None:
    try:
        provisioning: Any = importlib.import_module("jupyter_client.provisioning")
        starting: Any = importlib.import_module("jupyter_client.provisioning.local_provisioner")
        kernels = server.kernel_manager
        like_it, *_ = kernels.pre_start_kernel(kernels.default_kernel_name, {})
        _look_up_once(like_it, provisioning.KernelProvisionerFactory)
        launcher = SpareLauncher(starting.launch_kernel, server.log)
        launcher.prepare(like_it.format_kernel_cmd(), _variables(like_it.kernel_spec.env))
        starting.launch_kernel = launcher
    except Exception as error:  # noqa: BLE001 - kernels start without it
        server.log.info("No spare kernel is kept: %s", error)


def _look_up_once(kernel: Any, provisioners: Any) -> None:
    """Have Jupyter find out now what it otherwise would when the first kernel is wanted, and remembers."""
    provisioners.instance(parent=kernel.parent)
    kernel.ip  # noqa: B018 - asks for the addresses of this machine


def _variables(of_the_specification: dict[str, str]) -> dict[str, str]:
    variables = {**os.environ, **of_the_specification}
    variables.pop("PYTHONEXECUTABLE", None)  # Jupyter keeps it from kernels.
    return variables


# --- In the spare -------------------------------------------------------------------------------------------


def become_a_kernel() -> None:
    """Import what kernels consist of, wait for what this one is to be, and be it."""
    variables, found = dict(os.environ), installed_in(sys.path)
    for name in IMPORTED_AT_THE_START:
        with contextlib.suppress(Exception):  # Not in every version.
            __import__(name)
    told = sys.stdin.buffer.read()
    if not told:
        os._exit(0)  # The server has ended.
    job = json.loads(told)
    os.chdir(job["folder"])
    if installed_in(found) != found or has_new_packages():
        os.execvpe(job["command"][0], job["command"], {**variables, **job["variables"]})  # noqa: S606
    os.environ.update(job["variables"])
    sys.argv = job["command"][job["command"].index(KERNEL) :]
    runpy.run_module(KERNEL, run_name="__main__", alter_sys=True)


def installed_in(folders: Iterable[str]) -> dict[str, int]:
    """When something was last installed into each of these folders, or removed."""
    return {folder: os.stat(folder).st_mtime_ns for folder in folders if os.path.isdir(folder)}


def has_new_packages() -> bool:
    """Whether the person's own folder of packages has come to be since this interpreter began."""
    own = site.getusersitepackages() if site.ENABLE_USER_SITE else ""
    return os.path.isdir(own) and own not in sys.path


if __name__ == "__main__":
    become_a_kernel()
