"""The kernel that a real JupyterLab keeps ready for its first notebook, whatever runs it."""

from __future__ import annotations

import json
import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

import httpx
import psutil
import pytest
from django.conf import settings
from pytest_django import Settings

from environments import probing
from environments.engine import client
from environments.processes import end_labelled, installation_label, labelled
from environments.spawners import carrel_spare
from environments.spawners.base import Spawner
from environments.spawners.docker import DockerSpawner
from environments.spawners.networks import name_of
from environments.spawners.process import ProcessSpawner
from environments.values import Endpoint, ServerSpec
from tests.contracts.images import built_image
from tests.contracts.test_spawner_contract import SPEC, wait_until
from tests.engine import ServerClient, base_image, clean_engine
from tests.notebook_client import NotebookClient

PROGRAM = Path(carrel_spare.__file__).name
WHOSE = "print(open('/proc/self/cmdline').read().split(chr(0))[1])"
FACTS = """
import gc, json, os, signal, sys, threading, warnings
shell = get_ipython()
print(json.dumps({
    "folder": os.getcwd(), "variables": dict(os.environ), "path": sys.path, "arguments": sys.argv[:-1],
    "flags": list(sys.flags), "parent": os.getppid(), "is_leader": os.getsid(0) == os.getpid(),
    "interrupt": str(signal.getsignal(signal.SIGINT)), "threads": sorted(t.name for t in threading.enumerate())[:3],
    "count": shell.execution_count, "names": sorted(n for n in globals() if n != "__builtins__"),
    "main": sorted(vars(sys.modules["__main__"])), "modules": sorted(sys.modules), "history": len(In),
    "input": sys.__stdin__.read(), "is_frozen": gc.get_freeze_count() > 0, "warnings": len(warnings.filters),
    "watched": shell.kernel.parent.parent_handle, "connection": sys.argv[-1].split("kernel-")[0],
}))
"""
KERNEL = ["-m", "ipykernel_launcher", "-f", "{connection_file}"]
PLAIN = "plain"
SPARE = "spare"


class Runtime:
    """A server with a spare kernel, on one of the runtimes."""

    def __init__(self, spawner: Spawner, spec: ServerSpec) -> None:
        self.spawner = spawner
        self.spec = spec
        self.endpoint = Endpoint("", 0)

    def start(self, **fields: Any) -> None:
        """Return once the spare is there."""
        self.spec = replace(self.spec, **fields)
        self.endpoint = self.spawner.start(self.spec)
        wait_until(lambda: probing.is_ready(self.endpoint, self.spec.token))
        if self.spec.keeps_spare_kernel:
            wait_until(lambda: self.spares() != [])

    def spares(self) -> list[int]:
        """The processes of the spares that wait, or that were told what they are."""
        if isinstance(self.spawner, DockerSpawner):
            listed = client().api.top(name_of(self.spec.handle), "-eo pid,args")["Processes"]
            return [int(number) for number, command in listed if PROGRAM in command.split("python3 -c")[0]]
        return [process.pid for process in labelled(installation_label(data())) if is_spare(process)]

    def ask(self, method: str, path: str, **options: Any) -> httpx.Response:
        """One request of Jupyter's REST API."""
        headers = {"Authorization": f"token {self.spec.token}"}
        url = f"http://{self.endpoint}{path}"
        return httpx.request(method, url, headers=headers, timeout=60, trust_env=False, **options).raise_for_status()

    def client(self, kernel_id: str = "") -> ServerClient:
        """Of this kernel, or of a new one in no notebook."""
        client = ServerClient(self.endpoint, self.spec.token)
        client.kernel_id = kernel_id
        return client

    @contextmanager
    def notebook(self, path: str = "data/first.ipynb") -> Iterator[NotebookClient]:
        """One that is opened, with a kernel of its own."""
        wanted = {"path": path, "name": Path(path).name, "type": "notebook", "kernel": {"name": "python3"}}
        session = self.ask("POST", "/api/sessions", json=wanted).json()
        with self.client(session["kernel"]["id"]) as opened:
            yield opened
        self.ask("DELETE", f"/api/sessions/{session['id']}")

    def kind(self) -> str:
        """Of the kernel that the next notebook gets."""
        with self.notebook() as opened:
            return kind_of(opened)


def kind_of(opened: NotebookClient) -> str:
    return SPARE if opened.execute(WHOSE).strip().endswith(PROGRAM) else PLAIN


def is_spare(process: psutil.Process) -> bool:
    """Also one that was told what it is."""
    with suppress(psutil.Error):  # Has just ended.
        return PROGRAM in " ".join(process.cmdline()[1:2])
    return False


def data() -> Path:
    return Path(settings.CARREL_DATA)


@pytest.fixture
def on_processes(settings: Settings, tmp_path: Path) -> Iterator[Runtime]:
    settings.CARREL_DATA = tmp_path / "data"
    yield Runtime(ProcessSpawner(), replace(SPEC, image=built_image(), keeps_spare_kernel=True))
    assert end_labelled(installation_label(settings.CARREL_DATA))


@pytest.fixture(params=["process", pytest.param("docker", marks=pytest.mark.docker)])
def runtime(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Runtime]:
    if request.param == "process":
        yield request.getfixturevalue("on_processes")
        return
    settings.CARREL_DATA = tmp_path / "data"
    with clean_engine():
        yield Runtime(DockerSpawner(), replace(SPEC, image=base_image(), keeps_spare_kernel=True))


# --- Whoever gets it --------------------------------------------------------------------------------------------


def test_first_notebook_gets_the_spare_and_the_second_a_plain_kernel(runtime: Runtime) -> None:
    runtime.start()

    with runtime.notebook() as first, runtime.notebook("other.ipynb") as second:
        assert (kind_of(first), kind_of(second)) == (SPARE, PLAIN)


def test_spare_is_no_different_from_a_plain_kernel(runtime: Runtime) -> None:
    runtime.start()
    with runtime.client() as kernel:  # Is the spare; and it makes the folder.
        kernel.execute("import os; os.makedirs('data', exist_ok=True)")
    runtime.spawner.stop(runtime.spec.handle)
    runtime.start()

    with runtime.notebook() as first:
        kind_of_first, spare = kind_of(first), json.loads(first.execute(FACTS))
    with runtime.notebook() as second:
        kind_of_second, plain = kind_of(second), json.loads(second.execute(FACTS))

    assert (kind_of_first, kind_of_second) == (SPARE, PLAIN)
    assert spare["variables"]["JPY_SESSION_NAME"].endswith("/data/first.ipynb")
    assert spare == plain


def test_nothing_is_seen_of_a_spare_that_waits(runtime: Runtime) -> None:
    runtime.start()

    doing = probing.activity(runtime.endpoint, runtime.spec.token)

    assert runtime.ask("GET", "/api/kernels").json() == []
    assert runtime.ask("GET", "/api/sessions").json() == []
    assert runtime.ask("GET", "/api/status").json()["kernels"] == 0
    assert doing == probing.Activity(is_busy=False, last_at=None)


def test_server_that_somebody_waits_for_keeps_no_spare(runtime: Runtime) -> None:
    runtime.start(keeps_spare_kernel=False)

    assert runtime.kind() == PLAIN


def test_terminals_are_left_alone(runtime: Runtime) -> None:
    runtime.start()

    assert runtime.ask("POST", "/api/terminals").json()["name"] == "1"
    assert runtime.kind() == SPARE


# --- What becomes of it -----------------------------------------------------------------------------------------


def test_spare_is_interrupted_like_any_kernel(on_processes: Runtime) -> None:
    on_processes.start()
    begun = data() / "volumes" / on_processes.spec.home / "data" / "begun"

    with on_processes.notebook() as opened, ThreadPoolExecutor(1) as beside:
        cell = beside.submit(opened.execute, "import time; open('begun', 'w').close(); time.sleep(50)")
        wait_until(begun.exists)
        on_processes.ask("POST", f"/api/kernels/{opened.kernel_id}/interrupt")

        assert cell.result().startswith("KeyboardInterrupt")


def test_spare_is_restarted_as_a_plain_kernel(on_processes: Runtime) -> None:
    on_processes.start()

    with on_processes.notebook() as opened:
        before = kind_of(opened)
        on_processes.ask("POST", f"/api/kernels/{opened.kernel_id}/restart")
        with on_processes.client(opened.kernel_id) as again:
            after = kind_of(again)

    assert (before, after) == (SPARE, PLAIN)


def test_spare_that_became_a_kernel_ends_with_its_notebook(on_processes: Runtime) -> None:
    on_processes.start()

    assert on_processes.kind() == SPARE
    wait_until(lambda: on_processes.spares() == [])


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
def test_spare_ends_with_its_server(on_processes: Runtime, how: signal.Signals) -> None:
    on_processes.start()
    [spare] = on_processes.spares()

    psutil.Process(spare).parent().send_signal(how)  # type: ignore[union-attr]

    wait_until(lambda: on_processes.spares() == [])


# --- What goes wrong --------------------------------------------------------------------------------------------


def test_notebook_gets_a_plain_kernel_when_the_spare_has_died(on_processes: Runtime) -> None:
    on_processes.start()
    [spare] = on_processes.spares()
    os.kill(spare, signal.SIGKILL)
    wait_until(lambda: psutil.Process(spare).status() == psutil.STATUS_ZOMBIE)

    assert on_processes.kind() == PLAIN


def specification(**fields: Any) -> str:
    argv = ["python", "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    return json.dumps({"argv": argv, "display_name": "Python 3", "language": "python", **fields})


@pytest.mark.parametrize("changed", [{"env": {"COLOUR": "blue"}}, {"argv": ["python", "-Xdev", *KERNEL]}])
def test_notebook_gets_a_plain_kernel_when_its_specification_was_changed(
    on_processes: Runtime, tmp_path: Path, changed: dict[str, Any]
) -> None:
    on_processes.start(environment={"JUPYTER_PATH": str(tmp_path)})
    specification = {"argv": ["python", *KERNEL], "display_name": "Python 3", "language": "python", **changed}
    (tmp_path / "kernels" / "python3").mkdir(parents=True)
    (tmp_path / "kernels" / "python3" / "kernel.json").write_text(json.dumps(specification))

    assert on_processes.kind() == PLAIN
    wait_until(lambda: on_processes.spares() == [])


def test_notebook_gets_a_plain_kernel_when_something_was_installed_meanwhile(
    on_processes: Runtime, tmp_path: Path
) -> None:
    (tmp_path / "packages").mkdir()
    on_processes.start(environment={"PYTHONPATH": str(tmp_path / "packages")})
    [spare] = on_processes.spares()
    wait_until(lambda: "zmq" in Path(f"/proc/{spare}/maps").read_text())  # It is importing.
    (tmp_path / "packages" / "brought.py").write_text("")

    assert on_processes.kind() == PLAIN


# --- Which kernels have one -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "interpreter"),
    [
        (["python", "-m", "ipykernel_launcher", "-f", "x"], ["python"]),
        (["python", "-Xfrozen_modules=off", "-m", "ipykernel_launcher"], ["python", "-Xfrozen_modules=off"]),
        (["python", "-m", "bash_kernel", "-f", "x"], []),
        (["conda", "run", "python", "-m", "ipykernel_launcher"], []),
        (["R", "--slave", "-e", "IRkernel::main()", "--args", "x"], []),
        (["python", "-m"], []),
        ([], []),
    ],
)
def test_interpreter_is_told_for_kernels_of_ipython_alone(command: list[str], interpreter: list[str]) -> None:
    assert carrel_spare.interpreter_of(command) == interpreter
