"""What every sandbox has to do, asked of the fake and of the real ones."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path, PurePosixPath

import psutil
import pytest
from django.conf import settings
from pytest_django import Settings

from environments.errors import UserError
from environments.processes import installation_label, labelled
from environments.sandboxes.base import ExitReason, KernelConnection, Sandbox, SandboxLimits
from environments.sandboxes.docker import DockerSandbox
from environments.sandboxes.fake import FakeSandbox, Reply
from environments.sandboxes.process import ProcessSandbox, namespaces
from environments.values import Image
from environments.volumes.archive import Entry, pack
from tests.contracts.images import built_image
from tests.contracts.kernels import execute
from tests.engine import base_image, leftovers, why_not

LIMITS = SandboxLimits(memory_mb=400, pids=64, disk_mb=32, wall_seconds=60, output_bytes=20_000)
FILES = (Entry(PurePosixPath("data/numbers.csv"), size=4, content=[b"1,2\n"]),)

PRINT = "print(6 * 7)"
VALUE = "6 * 7"
FAIL = "1 / 0"
READ = "print(open('data/numbers.csv').read())"
GREET = "import os; print(os.environ['GREETING'])"
FLOOD = "for _ in range(20_000): print('x' * 100)"
NOBODY = "192.0.2.1"
CONNECT = f"""
import errno, socket
try:
    socket.create_connection(({NOBODY!r}, 80), timeout=5)
except OSError as error:
    print(errno.errorcode[error.errno])
"""
BEFORE = "import os, signal, sys, time\nprint('before', flush=True)\ntime.sleep(0.3)\n"
EAT_MEMORY = f"{BEFORE}hoard = [bytearray(b'x') * 2**22 for _ in range(1000)]"
FORK = f"""{BEFORE}
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.1)
"""
LOOP = f"{BEFORE}while True: pass"
KILL_ITSELF = f"{BEFORE}os.kill(os.getpid(), signal.SIGKILL)"
LEAVE = f"{BEFORE}os._exit(0)"
FILL_DISK = f"""{BEFORE}
written = 0
try:
    for number in range(1000):
        with open(f"{{number}}.bin", "wb") as file:
            written += file.write(bytes(2**20))
except OSError:
    pass
print(written < 2**26)
"""
_TO_SOCKETS = """
import os, stat
def to_sockets(data):
    for descriptor in map(int, os.listdir("/proc/self/fd")):
        try:
            if stat.S_ISSOCK(os.fstat(descriptor).st_mode):
                os.write(descriptor, data)
        except OSError:
            pass
"""
WRITE_GARBAGE = f"{BEFORE}{_TO_SOCKETS}to_sockets(b'\\xff' * 1000)\ntime.sleep(600)"
PROMISE_HUGE_FRAME = f"{BEFORE}{_TO_SOCKETS}to_sockets(b'\\x02' + (2**62).to_bytes(8, 'big'))\n"
PROMISE_HUGE_FRAME += "while True: to_sockets(bytes(2**16))"
SEND_ENDLESS_MESSAGE = f"{BEFORE}{_TO_SOCKETS}while True: to_sockets((b'\\x01\\xff' + bytes(255)) * 256)"
LEAVE_SECRET = "open('secret.txt', 'w').write('mine')"
LOOK_AROUND = "import os; print(sorted(name for name in os.listdir() if name[0] != '.'))"
START_RUNAWAY = "import subprocess; print(subprocess.Popen(['sleep', '600'], start_new_session=True, env={}).pid)"

SCRIPT = {
    PRINT: Reply(stdout="42\n"),
    VALUE: Reply(result="42"),
    FAIL: Reply(error="ZeroDivisionError"),
    READ: Reply(stdout="1,2\n\n"),
    GREET: Reply(stdout="hello world\n"),
    FLOOD: Reply(stdout="x" * 2_000_000),
    CONNECT: Reply(stdout="ENETUNREACH\n"),
    EAT_MEMORY: Reply(stdout="before\n", ends=ExitReason.OOM),
    FORK: Reply(stdout="before\n", ends=ExitReason.KILLED),
    LOOP: Reply(stdout="before\n", never_ends=True),
    KILL_ITSELF: Reply(stdout="before\n", ends=ExitReason.KILLED),
    LEAVE: Reply(stdout="before\n", ends=ExitReason.EXITED),
    FILL_DISK: Reply(stdout="before\nTrue\n"),
    WRITE_GARBAGE: Reply(stdout="before\n", ends=ExitReason.GARBLED),
    PROMISE_HUGE_FRAME: Reply(stdout="before\n", ends=ExitReason.GARBLED),
    SEND_ENDLESS_MESSAGE: Reply(stdout="before\n", ends=ExitReason.GARBLED),
    LOOK_AROUND: Reply(stdout="[]\n"),
    START_RUNAWAY: Reply(stdout="1\n"),
}


@dataclass
class Subject:
    """A sandbox and an image it can run kernels of."""

    sandbox: Sandbox
    image: Image

    def left(self) -> list[str]:
        """Whatever there still is of any kernel: folders, processes, containers, volumes."""
        data = Path(settings.CARREL_DATA)
        folders = [str(path) for path in (data / "run" / "kernels").glob("*")]
        processes = [str(process) for process in labelled(installation_label(data))]
        return [*self.sandbox.list(), *folders, *processes, *(leftovers() if self.is_docker else [])]

    @property
    def is_docker(self) -> bool:
        return isinstance(self.sandbox, DockerSandbox)


@pytest.fixture(params=["fake", "process", pytest.param("docker", marks=pytest.mark.docker)])
def subject(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[Subject]:
    settings.CARREL_DATA = tmp_path / "data"
    match request.param:
        case "fake":
            subject = Subject(FakeSandbox(SCRIPT), Image("key", "fake:key"))
        case "process":
            subject = Subject(ProcessSandbox(), built_image())
        case _:
            if reason := why_not():
                pytest.skip(reason)
            subject = Subject(DockerSandbox(), base_image())
    yield subject
    left = subject.left()
    if not isinstance(subject.sandbox, FakeSandbox):
        subject.sandbox.discard_leftovers()
    assert left == []


@pytest.fixture
def kernel(subject: Subject) -> Iterator[KernelConnection]:
    with subject.sandbox.kernel(subject.image, LIMITS) as kernel:
        yield kernel


def wait_until(condition: Callable[[], bool], seconds: float = 30) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it did not happen in time"
        time.sleep(0.02)


# --- Running cells ----------------------------------------------------------------------------------------------


def test_kernel_runs_cells(kernel: KernelConnection) -> None:
    printed, computed = execute(kernel, PRINT), execute(kernel, VALUE)

    assert (printed.stdout, printed.is_finished) == ("42\n", True)
    assert (computed.result, computed.is_finished) == ("42", True)


def test_kernel_reports_error_and_goes_on(kernel: KernelConnection) -> None:
    failed, printed = execute(kernel, FAIL), execute(kernel, PRINT)

    assert (failed.error, printed.stdout) == ("ZeroDivisionError", "42\n")
    assert kernel.is_alive
    assert kernel.exit_reason is None


def test_kernel_has_the_files_it_was_given(subject: Subject) -> None:
    with subject.sandbox.kernel(subject.image, LIMITS, files=pack(FILES)) as kernel:
        assert execute(kernel, READ).stdout == "1,2\n\n"


def test_kernel_has_the_variables_it_was_given(subject: Subject) -> None:
    with subject.sandbox.kernel(subject.image, LIMITS, variables={"GREETING": "hello world"}) as kernel:
        assert execute(kernel, GREET).stdout == "hello world\n"


def test_kernel_reaches_no_network(subject: Subject, kernel: KernelConnection) -> None:
    if isinstance(subject.sandbox, ProcessSandbox) and not namespaces():
        pytest.skip("this machine allows no namespaces")

    assert execute(kernel, CONNECT).stdout == "ENETUNREACH\n"


def test_receive_gives_nothing_when_nothing_is_said(kernel: KernelConnection) -> None:
    execute(kernel, PRINT)

    assert kernel.receive(timeout=0.1) is None
    assert kernel.is_alive


def test_two_kernels_do_not_see_each_other(subject: Subject) -> None:
    with (
        subject.sandbox.kernel(subject.image, LIMITS) as one,
        subject.sandbox.kernel(subject.image, LIMITS) as other,
    ):
        execute(one, LEAVE_SECRET)

        assert execute(other, LOOK_AROUND).stdout == "[]\n"
        assert subject.sandbox.list() == sorted([one.kernel_id, other.kernel_id])


# --- Taking too much --------------------------------------------------------------------------------------------


def test_flood_of_output_is_cut_off(kernel: KernelConnection) -> None:
    flooded = execute(kernel, FLOOD)

    assert len(flooded.stdout) <= LIMITS.output_bytes
    assert flooded.is_finished
    assert kernel.dropped


def test_flood_of_output_costs_the_next_cell_nothing(kernel: KernelConnection) -> None:
    execute(kernel, FLOOD)

    assert execute(kernel, PRINT).stdout == "42\n"
    assert kernel.dropped == 0


def test_kernel_that_eats_memory_is_stopped(kernel: KernelConnection) -> None:
    cell = execute(kernel, EAT_MEMORY)

    assert cell.stdout == "before\n"
    assert kernel.exit_reason is ExitReason.OOM or cell.error == "MemoryError"


def test_kernel_that_forks_without_end_is_stopped(subject: Subject) -> None:
    with subject.sandbox.kernel(subject.image, replace(LIMITS, wall_seconds=4)) as kernel:
        cell = execute(kernel, FORK)

        assert cell.stdout == "before\n"
        assert kernel.exit_reason in (ExitReason.TIMEOUT, ExitReason.KILLED, ExitReason.OOM)


def test_kernel_that_loops_ends_when_its_time_is_over(subject: Subject) -> None:
    with subject.sandbox.kernel(subject.image, replace(LIMITS, wall_seconds=1.5)) as kernel:
        began = time.monotonic()
        cell = execute(kernel, LOOP)
        took = time.monotonic() - began

    assert (cell.stdout, cell.is_finished, kernel.exit_reason) == ("before\n", False, ExitReason.TIMEOUT)
    assert 1 < took < 10


def test_kernel_that_fills_its_disk_is_stopped(kernel: KernelConnection) -> None:
    cell = execute(kernel, FILL_DISK)

    assert cell.stdout == "before\nTrue\n" or kernel.exit_reason is ExitReason.KILLED


# --- Ending -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("code", "reason"), [(KILL_ITSELF, ExitReason.KILLED), (LEAVE, ExitReason.EXITED)])
def test_kernel_that_ends_itself_keeps_what_it_said(kernel: KernelConnection, code: str, reason: ExitReason) -> None:
    cell = execute(kernel, code)

    assert (cell.stdout, cell.is_finished) == ("before\n", False)
    assert (kernel.is_alive, kernel.exit_reason) == (False, reason)


def test_kernel_that_is_gone_says_nothing(kernel: KernelConnection) -> None:
    execute(kernel, LEAVE)

    kernel.send("kernel_info_request", {})

    assert kernel.receive(timeout=0.1) is None
    assert kernel.exit_reason is ExitReason.EXITED


def test_runaway_process_ends_with_its_kernel(subject: Subject) -> None:
    with subject.sandbox.kernel(subject.image, LIMITS) as kernel:
        assert execute(kernel, START_RUNAWAY).is_finished

    assert subject.left() == []


def test_exception_of_the_driver_leaves_nothing(subject: Subject) -> None:
    with pytest.raises(KeyError), subject.sandbox.kernel(subject.image, LIMITS):
        raise KeyError

    assert subject.left() == []


# --- Lying ------------------------------------------------------------------------------------------------------


def test_kernel_that_writes_garbage_is_ended(kernel: KernelConnection) -> None:
    cell = execute(kernel, WRITE_GARBAGE)

    assert (cell.stdout, kernel.exit_reason) == ("before\n", ExitReason.GARBLED)


@pytest.mark.parametrize("code", [PROMISE_HUGE_FRAME, SEND_ENDLESS_MESSAGE])
def test_kernel_cannot_fill_the_memory_of_its_driver(subject: Subject, code: str) -> None:
    with subject.sandbox.kernel(subject.image, replace(LIMITS, wall_seconds=3)) as kernel:
        memory = psutil.Process().memory_info().rss

        cell = execute(kernel, code)

        assert cell.stdout == "before\n"
        assert kernel.exit_reason in (ExitReason.TIMEOUT, ExitReason.GARBLED)
        assert psutil.Process().memory_info().rss - memory < 20_000_000


# --- Refusing ---------------------------------------------------------------------------------------------------


def test_missing_image_is_reported(subject: Subject, tmp_path: Path) -> None:
    image = Image("gone", "carrel-test/no-such-image" if subject.is_docker else str(tmp_path / "gone"))

    with pytest.raises(UserError, match="image_missing"), subject.sandbox.kernel(image, LIMITS):
        pass

    assert subject.left() == []


def test_unknown_kernel_is_reported(subject: Subject) -> None:
    with (
        pytest.raises(UserError, match="kernel_start_failed"),
        subject.sandbox.kernel(subject.image, LIMITS, kernel_name="cobol"),
    ):
        pass

    assert subject.left() == []


def test_files_that_are_too_large_are_refused(subject: Subject) -> None:
    large = Entry(PurePosixPath("large.bin"), size=33 * 2**20, content=[bytes(33 * 2**20)])

    with (
        pytest.raises(UserError, match="volume_too_large"),
        subject.sandbox.kernel(subject.image, LIMITS, files=pack([large])),
    ):
        pass

    assert subject.left() == []


# --- What is left behind ----------------------------------------------------------------------------------------


def test_discard_leftovers_spares_kernels_in_use(subject: Subject, kernel: KernelConnection) -> None:
    discarded = subject.sandbox.discard_leftovers()

    assert (discarded, subject.sandbox.list()) == (0, [kernel.kernel_id])
    assert execute(kernel, PRINT).stdout == "42\n"


def test_discard_leftovers_removes_those_of_killed_driver(subject: Subject) -> None:
    lost = die_with_kernel(subject)
    assert subject.sandbox.list() == [lost]

    discarded = subject.sandbox.discard_leftovers()

    assert (discarded, subject.left()) == (1, [])


def die_with_kernel(subject: Subject) -> str:
    """The id of a kernel whose driver was killed while it was at work."""
    if isinstance(subject.sandbox, FakeSandbox):
        subject.sandbox.left_behind.add("0" * 16)
        return "0" * 16
    kind = type(subject.sandbox)
    program = (
        "import django; django.setup()\n"
        "import time\n"
        "from pathlib import Path\n"
        "from django.conf import settings\n"
        f"from {kind.__module__} import {kind.__name__}\n"
        "from environments.sandboxes.base import SandboxLimits\n"
        "from environments.values import Image\n"
        f"settings.CARREL_DATA = Path({str(settings.CARREL_DATA)!r})\n"
        f"with {kind.__name__}().kernel({subject.image!r}, SandboxLimits()) as kernel:\n"
        f"    kernel.send('execute_request', {{'code': {START_RUNAWAY!r}}})\n"
        "    print(kernel.kernel_id, flush=True)\n"
        "    time.sleep(600)\n"
    )
    driver = subprocess.Popen(
        [sys.executable, "-c", program],
        env={**os.environ, "DJANGO_SETTINGS_MODULE": "tests.settings", "PYTHONPATH": os.getcwd()},
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    with driver:
        assert driver.stdout is not None
        kernel_id = driver.stdout.readline().strip()
        os.killpg(driver.pid, signal.SIGKILL)
    return kernel_id
