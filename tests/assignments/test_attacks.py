"""What students' code can try while it is graded, and what comes of it: real kernels, one test for each attempt.

Scores follow from outputs by nbgrader's rule (`determine_grade`): no points for a cell with an error or with anything
on the standard error stream, otherwise its first result if that is a number, otherwise all points.
"""

from __future__ import annotations

import json
import time
from dataclasses import replace
from pathlib import Path, PurePosixPath
from typing import Any

import nbformat
import pytest
from nbgrader.utils import determine_grade
from pytest_django import Settings

from assignments.running.executing import Budget, Ending, Executed, Flag, execute, grading_kernel
from environments.sandboxes.base import ExitReason, Sandbox, SandboxLimits
from environments.sandboxes.docker import DockerSandbox
from environments.sandboxes.process import ProcessSandbox
from environments.values import Image
from environments.volumes.archive import Entry, pack
from tests.assignments.notebooks import Node, answer, checks, errors, fixture, notebook, outputs, printed
from tests.contracts.images import built_image
from tests.engine import base_image, leftovers, why_not

LIMITS = SandboxLimits(memory_mb=400, pids=64, disk_mb=32)
BUDGET = Budget(cell_seconds=2, total_seconds=60, interrupt_seconds=3, output_bytes_per_cell=50_000)
DATA = b"line 1\nline 2\nline 3\nline 4"
FILES = (Entry(PurePosixPath("data.txt"), size=len(DATA), content=[DATA]),)
SECRET = "not-for-students"

EARNED = checks("assert 1 + 1 == 2", "earned")
FAILS = checks("assert sq(2) == 4", "fails", points=2)
AFTER = checks("assert 2 + 2 == 4", "after")


@pytest.fixture(autouse=True)
def data(settings: Settings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    settings.CARREL_DATA = tmp_path / "data"
    monkeypatch.setenv("CARREL_SECRET", SECRET)


def grade(*cells: Node, budget: Budget = BUDGET) -> Executed:
    """Executed as a process of this machine, which has all that matters to attempts inside the kernel."""
    return run_in(ProcessSandbox(), built_image(), notebook(*cells), budget=budget)


def run_in(
    sandbox: Sandbox, image: Image, given: Node, *, budget: Budget = BUDGET, limits: SandboxLimits = LIMITS
) -> Executed:
    with grading_kernel(sandbox, image, given, budget=budget, limits=limits, files=pack(FILES)) as kernel:
        return execute(given, kernel=kernel, budget=budget)


def points(executed: Executed) -> list[Any]:
    """What nbgrader gives for each test, in their order."""
    cells = nbformat.reads(json.dumps(executed.notebook), as_version=4).cells
    return [determine_grade(cell)[0] for cell in cells if cell.metadata.get("nbgrader", {}).get("grade")]


def flags(executed: Executed) -> dict[str, set[Flag]]:
    return {cell.grade_id: set(cell.flags) for cell in executed.flagged}


# --- Not coming to an end ---------------------------------------------------------------------------------------


def test_infinite_loop_costs_its_cell_in_determine_grade() -> None:
    executed = grade(EARNED, answer("while True: pass"), AFTER)

    assert (points(executed), executed.ending) == ([1, 1], Ending.COMPLETED)
    assert errors(executed.notebook, 1) == ["CellTimeoutError", "KeyboardInterrupt"]


def test_infinite_loop_in_a_test_scores_nothing_in_determine_grade() -> None:
    executed = grade(answer("def sq(n):\n    while True: pass"), FAILS, AFTER)

    assert (points(executed), flags(executed)) == ([0, 1], {"fails": {Flag.TIMED_OUT}})


def test_infinite_loop_with_output_is_cut_off_and_the_next_cell_runs() -> None:
    executed = grade(EARNED, answer("while True: print('x' * 1000)"), AFTER)

    assert points(executed) == [1, 1]
    assert flags(executed)["answer"] >= {Flag.TIMED_OUT, Flag.OUTPUT_CUT}
    assert len(printed(executed.notebook, 1)) <= BUDGET.output_bytes_per_cell + 200


def test_loop_that_overhears_interrupts_ends_the_notebook_and_keeps_what_was_earned() -> None:
    overhear = "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)\nwhile True: pass"

    executed = grade(EARNED, answer(overhear), AFTER)

    assert (points(executed), executed.ending) == ([1, 0], Ending.STUCK)
    assert flags(executed) == {"answer": {Flag.TIMED_OUT}, "after": {Flag.NOT_RUN}}


def test_input_is_an_error_as_in_nbgrader() -> None:
    executed = grade(answer("input()"), AFTER)

    assert (errors(executed.notebook, 0), points(executed)) == (["StdinNotImplementedError"], [1])


# --- Ending too soon --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("end", "reason"),
    [
        ("import os; os._exit(0)", ExitReason.EXITED),
        ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", ExitReason.KILLED),
    ],
)
def test_kernel_that_ends_itself_keeps_what_was_earned(end: str, reason: ExitReason) -> None:
    executed = grade(EARNED, answer(end), AFTER)

    assert (points(executed), executed.ending, executed.exit_reason) == ([1, 0], Ending.KERNEL_DIED, reason)
    assert flags(executed) == {"answer": {Flag.KERNEL_DIED}, "after": {Flag.NOT_RUN}}


def test_sys_exit_is_an_error_of_its_cell_alone() -> None:
    executed = grade(answer("import sys; sys.exit()"), AFTER)

    assert (errors(executed.notebook, 0), points(executed)) == (["SystemExit"], [1])


# --- Saying too much --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "flood",
    [
        "print('x' * 5_000_000)",
        "for _ in range(30):\n    display({'image/png': 'x' * 1_000_000}, raw=True)",
        "raise ValueError('x' * 1_000_000)",
    ],
    ids=["stdout", "pictures", "error"],
)
def test_flood_costs_the_driver_nothing_and_the_next_cell_runs(flood: str) -> None:
    executed = grade(answer(flood), AFTER, budget=replace(BUDGET, cell_seconds=20))

    assert (points(executed), executed.ending) == ([1], Ending.COMPLETED)
    assert sum(len(str(output)) for output in outputs(executed.notebook, 0)) < 2 * BUDGET.output_bytes_per_cell


def test_flood_behind_the_kernels_back_keeps_what_was_earned() -> None:
    executed = grade(EARNED, answer("import os\nfor _ in range(200): os.write(2, b'x' * 1_000_000)"))

    assert points(executed) == [1]
    assert executed.ending in (Ending.COMPLETED, Ending.KERNEL_DIED)


def test_flood_cannot_hide_the_failure_of_a_test() -> None:
    executed = grade(answer("def sq(n):\n    print('x' * 5_000_000)\n    return 0"), FAILS)

    assert (points(executed), executed.ending) == ([0], Ending.COMPLETED)


# --- Forging points ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["submitted-cheat-attempt", "submitted-cheat-attempt-alternative"])
def test_error_kept_from_being_shown_scores_nothing_in_determine_grade(name: str) -> None:
    given = fixture(f"apps/files/{name}.ipynb")

    executed = run_in(ProcessSandbox(), built_image(), given)

    assert flags(executed)["bar"] == {Flag.ERROR_HIDDEN}
    assert points(executed)[1] == 0


WITHOUT_ASSERTIONS = """
import ast
class Swallow(ast.NodeTransformer):
    def visit_Assert(self, node):
        return ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(Swallow())
sq = None
"""
WITHOUT_FALSE = """
import ast
class Swallow(ast.NodeTransformer):
    def visit_Assert(self, node):
        is_canary = isinstance(node.test, ast.Constant)
        return node if is_canary else ast.copy_location(ast.Pass(), node)
get_ipython().ast_transformers.append(Swallow())
sq = None
"""
ALWAYS_FINE = """
shell, run = get_ipython(), type(get_ipython()).run_cell_async
async def fine(self, code, **options):
    if "assert" in code:
        code = options["transformed_cell"] = "pass"
    return await run(self, code, **options)
type(shell).run_cell_async = fine
sq = None
"""
COMMENTED_OUT = """
get_ipython().input_transformers_post.append(lambda lines: ["pass\\n" if "assert" in line else line for line in lines])
sq = None
"""


@pytest.mark.parametrize(
    "attack",
    [WITHOUT_ASSERTIONS, WITHOUT_FALSE, ALWAYS_FINE, COMMENTED_OUT],
    ids=["syntax tree", "all but assert False", "run_cell", "source"],
)
def test_kernel_in_which_assertions_do_nothing_is_flagged_although_determine_grade_gives_points(attack: str) -> None:
    executed = grade(answer(attack), FAILS)

    assert (points(executed), flags(executed)) == ([2], {"fails": {Flag.TAMPERED}})


FORGED_REPLY = """
kernel = get_ipython().kernel
def sq(n):
    parent = kernel.get_parent()
    idents = [kernel.shell_stream_ident] if hasattr(kernel, "shell_stream_ident") else None
    session = kernel.session
    session.send(kernel.iopub_socket, "status", {"execution_state": "idle"}, parent=parent)
    return 0
"""


def test_word_of_being_done_that_is_forged_does_not_hide_the_failure() -> None:
    executed = grade(answer(FORGED_REPLY), FAILS, AFTER)

    assert points(executed) == [0, 1]


FORGED_RESULT = """
def sq(n):
    get_ipython().displayhook(2)
    return 0
"""


def test_result_that_is_forged_before_the_failure_scores_nothing_in_determine_grade() -> None:
    executed = grade(answer(FORGED_RESULT), FAILS)

    assert (errors(executed.notebook, 1), points(executed)) == (["AssertionError"], [0])


def test_result_that_is_forged_beside_partial_credit_does_not_count_in_determine_grade() -> None:
    partial = checks("0.5 if sq(2) != 4 else 2.0", "partial", points=2)

    executed = grade(answer(FORGED_RESULT), partial)

    assert (points(executed), flags(executed)) == ([0.5], {"partial": {Flag.SEVERAL_RESULTS}})


def test_result_of_the_students_own_is_partial_credit_in_determine_grade_and_left_to_the_gate() -> None:
    executed = grade(answer("def sq(n): return 2"), checks("sq(2)", "bare", points=2))

    assert (points(executed), executed.flagged) == ([2], ())


def test_object_equal_to_everything_scores_in_determine_grade_and_is_left_to_the_gate() -> None:
    equal = "class Equal:\n    def __eq__(self, other): return True\ndef sq(n): return Equal()"

    executed = grade(answer(equal), FAILS)

    assert (points(executed), executed.flagged) == ([2], ())


def test_tags_of_a_test_keep_it_from_nothing() -> None:
    executed = grade(answer("sq = None"), checks("assert sq(2) == 4", "fails", tags=["skip-execution"]))

    assert points(executed) == [0]


def test_canaries_are_in_no_history_and_heard_by_no_hook() -> None:
    listen = "heard = []\nget_ipython().events.register('pre_run_cell', lambda info: heard.append(info.raw_cell))"

    executed = grade(answer(listen), EARNED, answer("print(len(In), len(heard))"))

    assert printed(executed.notebook, 2) == "4 2\n"


def test_honest_test_has_the_files_beside_its_notebook() -> None:
    executed = run_in(ProcessSandbox(), built_image(), fixture("apps/files/open_relative_file.ipynb"))

    assert (points(executed), executed.flagged) == ([10], ())


def test_students_code_sees_that_it_is_being_graded() -> None:
    executed = run_in(ProcessSandbox(), built_image(), fixture("apps/files/validating-environment-variable.ipynb"))

    assert errors(executed.notebook, 1) == ["AssertionError"]


# --- Reaching outside, in a container ---------------------------------------------------------------------------


@pytest.fixture(scope="module")
def contained() -> Sandbox:
    if reason := why_not():
        pytest.skip(reason)
    return DockerSandbox()


LOOK_AROUND = {
    "variables": "import os; print(sorted(name for name in os.environ if 'CARREL' in name or 'DJANGO' in name))",
    "is graded": "print(os.environ['NBGRADER_EXECUTION'])",
    "gradebook": """
found = [os.path.join(place, name) for top in ("/carrel", "/home", "/mnt", "/srv", "/tmp")
         for place, _, names in os.walk(top) for name in names if name.endswith((".db", ".ipynb"))]
print(found, os.path.exists("../../../gradebook.db"))
""",
    "own files": "print(open('data.txt').readline().strip())",
    "other files": "print([name for name in os.listdir('/carrel') if name.endswith('.ipynb')], os.listdir('.'))",
    "writing": """
for path in ("/carrel/files.tar", "/etc/passwd", "/usr/lib/x", "/home/x", "/proc/sys/kernel/core_pattern"):
    try:
        open(path, "a").write("x"); print("wrote", path)
    except OSError:
        pass
""",
    "network": """
import socket
for address in (("192.0.2.1", 80), ("169.254.169.254", 80), ("172.17.0.1", 2375)):
    try:
        socket.create_connection(address, timeout=3); print("reached", address)
    except OSError as error:
        print(error.strerror)
try:
    print(socket.gethostbyname("example.org"))
except OSError:
    print("no names")
""",
    "engine": "print([path for path in ('/var/run/docker.sock', '/run/docker.sock') if os.path.exists(path)])",
    "daemon": "import subprocess; print(bool(subprocess.Popen(['sleep', '600'], start_new_session=True).pid))",
    "disk": """
try:
    for number in range(100): open(f"{number}.bin", "wb").write(bytes(2**20))
except OSError as error:
    print(error.strerror)
import pathlib
for path in pathlib.Path(".").glob("*.bin"): path.unlink()
""",
}


@pytest.mark.docker
def test_container_holds_what_wants_to_get_out(contained: Sandbox) -> None:
    given = notebook(*[answer(source, name.replace(" ", "-")) for name, source in LOOK_AROUND.items()], AFTER)

    executed = run_in(contained, base_image(), given, budget=replace(BUDGET, cell_seconds=15))

    assert {name: printed(executed.notebook, position) for position, name in enumerate(LOOK_AROUND)} == {
        "variables": "[]\n",
        "is graded": "autograde\n",
        "gradebook": "[] False\n",
        "own files": "line 1\n",
        "other files": "[] ['data.txt']\n",
        "writing": "",
        "network": "Network is unreachable\n" * 3 + "no names\n",
        "engine": "[]\n",
        "daemon": "True\n",
        "disk": "No space left on device\n",
    }
    assert (points(executed), leftovers()) == ([1], [])


MEMORY_BOMB = "hoard = [bytearray(b'x') * 2**22 for _ in range(1000)]"
GIGABYTES = "import os\nwhile True: os.write(1, bytes(2**24))"
FORK_BOMB = """
import os, time
while True:
    try:
        os.fork()
    except OSError:
        time.sleep(0.1)
"""


@pytest.mark.docker
def test_memory_bomb_ends_the_kernel_and_keeps_what_was_earned(contained: Sandbox) -> None:
    given = notebook(EARNED, answer(MEMORY_BOMB), AFTER)

    executed = run_in(contained, base_image(), given, budget=replace(BUDGET, cell_seconds=30))

    assert (points(executed), executed.ending, executed.exit_reason) == ([1, 0], Ending.KERNEL_DIED, ExitReason.OOM)
    assert leftovers() == []


@pytest.mark.docker
def test_gigabytes_and_fork_bomb_end_with_their_notebook_and_keep_what_was_earned(contained: Sandbox) -> None:
    given = notebook(EARNED, answer(GIGABYTES, "gigabytes"), answer(FORK_BOMB, "forks"), AFTER)
    began = time.monotonic()

    executed = run_in(contained, base_image(), given)

    assert points(executed)[0] == 1
    assert flags(executed)["gigabytes"] & {Flag.TIMED_OUT, Flag.KERNEL_DIED}
    assert flags(executed)["forks"] & {Flag.TIMED_OUT, Flag.KERNEL_DIED, Flag.NOT_RUN}
    assert sum(len(str(output)) for output in outputs(executed.notebook, 1)) < 2 * BUDGET.output_bytes_per_cell
    assert time.monotonic() - began < BUDGET.total_seconds
    assert leftovers() == []
