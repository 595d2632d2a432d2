"""The driver: sends a notebook's cells to a kernel that may be anybody's, and keeps what it answers, within budgets.

The kernel is not believed. It ran a stranger's program before it runs the tests, and that program can say anything in
its name. What is kept of it is outputs, bounded, each with the cell it belongs to; an answer that has arrived is not
changed by what comes later; whatever costs points stays. docs/decisions/executing.md says what that stops and what it
cannot. Nothing of a notebook but outputs and execution counts is changed.
"""

from __future__ import annotations

import copy
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import TYPE_CHECKING, Any

from django.utils.translation import gettext_lazy as _

from assignments.notebooks.outputs import Allowance, CellOutputs, Output, display_id_of, error_output
from assignments.running.canaries import Canary, canary_for
from environments.sandboxes.base import Channel, ExitReason, KernelConnection, KernelMessage, Sandbox, SandboxLimits
from environments.values import Image

if TYPE_CHECKING:
    from django.utils.functional import _StrPromise

VARIABLES = {"NBGRADER_EXECUTION": "autograde"}
"""Environment variables of every kernel in which something is graded, as nbgrader has them."""

_POLL_SECONDS = 0.5
_OTHER_HALF_SECONDS = 5.0
"""How long after a kernel's reply its word that it is idle may come, and the other way round."""
_INTERRUPT_AGAIN_SECONDS = 2.0
_DRAIN_SECONDS = 0.1
_SHOWN = frozenset({"stream", "display_data", "execute_result", "error"})


@dataclass(frozen=True, slots=True)
class Budget:
    """What the execution of one notebook may take."""

    cell_seconds: float = 30.0
    total_seconds: float = 600.0
    interrupt_seconds: float = 5.0
    """How long a cell that has had its time may take to stop."""
    output_bytes_per_cell: int = 500_000
    output_bytes_total: int = 4_000_000
    """As they are in the notebook's file, pictures included. Some more is kept where it decides about points."""
    outputs_per_cell: int = 200
    messages_per_cell: int = 1000
    """With more, a kernel may have lost some itself. In a test, that costs its points."""

    def limits(self, limits: SandboxLimits) -> SandboxLimits:
        """A kernel's limits, its time and output changed to leave room for these."""
        wall_seconds = self.total_seconds + 2 * self.interrupt_seconds
        return replace(limits, wall_seconds=wall_seconds, output_bytes=4 * self.output_bytes_per_cell)


class Ending(StrEnum):
    """How the execution of a notebook came to its end."""

    COMPLETED = "completed"
    KERNEL_DIED = "kernel-died"
    STUCK = "stuck"
    """A cell had had its time and could not be interrupted."""
    OUT_OF_TIME = "out-of-time"


class Flag(StrEnum):
    """Something about a cell that a grader should know."""

    TIMED_OUT = "timed-out"
    OUTPUT_CUT = "output-cut"
    OUTPUT_LOST = "output-lost"
    """So much was put out that a result may have been among what is lost."""
    ERROR_HIDDEN = "error-hidden"
    SEVERAL_RESULTS = "several-results"
    KERNEL_DIED = "kernel-died"
    NOT_RUN = "not-run"
    TAMPERED = "tampered"


ENDING_WORDS: dict[Ending, str | _StrPromise] = {
    Ending.COMPLETED: _("All cells were run."),
    Ending.KERNEL_DIED: _("The program ended before all cells were run. What had been earned by then counts."),
    Ending.STUCK: _("A cell took too long and could not be stopped. What had been earned before it counts."),
    Ending.OUT_OF_TIME: _("The time for the whole notebook was over. What had been earned by then counts."),
}
EXIT_WORDS: dict[ExitReason, str | _StrPromise] = {
    ExitReason.OOM: _("It needed more memory than it may have."),
    ExitReason.TIMEOUT: _("Its time was over."),
    ExitReason.KILLED: _("It was killed, by its own code or for having too many processes."),
    ExitReason.EXITED: _("Its code ended it."),
    ExitReason.GARBLED: _("It no longer answered as such programs do."),
}
FLAG_WORDS: dict[Flag, str | _StrPromise] = {
    Flag.TIMED_OUT: _("This cell took longer than it may."),
    Flag.OUTPUT_CUT: _("This cell put out more than is kept."),
    Flag.OUTPUT_LOST: _("This cell put out so much that its result may be lost. A test gets no points for that."),
    Flag.ERROR_HIDDEN: _("Code in this notebook kept the error of this cell from being shown. It counts all the same."),
    Flag.SEVERAL_RESULTS: _("This test has several results, of which only one can be the test's. The worst counts."),
    Flag.KERNEL_DIED: _("The program ended while or before this cell was run."),
    Flag.NOT_RUN: _("This cell was not run, as an earlier one had ended everything."),
    Flag.TAMPERED: _(
        "This test passed, but a check that has to fail did not fail after it: the answers may have been written so "
        "that tests cannot fail. Look at the code before you trust the points."
    ),
}


@dataclass(frozen=True, slots=True)
class Progress:
    """How far the execution is, in cells of code."""

    done: int
    total: int
    position: int
    """Of the cell that was done last, in the notebook."""
    grade_id: str


@dataclass(frozen=True, slots=True)
class CellReport:
    """What happened to one cell of code."""

    position: int
    grade_id: str
    """Empty for a cell nbgrader does not know."""
    seconds: float
    flags: frozenset[Flag] = frozenset()


@dataclass(frozen=True, slots=True)
class Executed:
    """A notebook that was executed, as far as it got."""

    notebook: dict[str, Any]
    ending: Ending
    exit_reason: ExitReason | None
    """Why the kernel is gone, if it went before the end."""
    cells: tuple[CellReport, ...]
    seconds: float

    @property
    def flagged(self) -> tuple[CellReport, ...]:
        """The cells a grader should know something about."""
        return tuple(cell for cell in self.cells if cell.flags)


def kernel_name_of(notebook: Mapping[str, Any]) -> str:
    """The kernel a notebook asks for. nbgrader's `python` is whatever Python there is."""
    name = notebook.get("metadata", {}).get("kernelspec", {}).get("name") or "python3"
    return "python3" if name == "python" else str(name)


def is_python(notebook: Mapping[str, Any]) -> bool:
    """Whether its cells are in Python."""
    metadata = notebook.get("metadata", {})
    languages = (metadata.get("kernelspec", {}).get("language"), metadata.get("language_info", {}).get("name"))
    return kernel_name_of(notebook) == "python3" or next(filter(None, languages), "") == "python"


@contextmanager
def grading_kernel(
    sandbox: Sandbox,
    image: Image,
    notebook: Mapping[str, Any],
    *,
    budget: Budget,
    limits: SandboxLimits,
    files: Iterable[bytes] | None = None,
) -> Iterator[KernelConnection]:
    """The kernel that this notebook asks for, with room for this budget. See `Sandbox.kernel` for what it raises."""
    name = kernel_name_of(notebook)
    with sandbox.kernel(image, budget.limits(limits), files=files, kernel_name=name, variables=VARIABLES) as kernel:
        yield kernel


def execute(
    notebook: dict[str, Any],
    *,
    kernel: KernelConnection,
    budget: Budget,
    canaries: bool = True,
    on_cell: Callable[[Progress], None] | None = None,
    clock: Callable[[], float] = time.monotonic,
) -> Executed:
    """Execute a notebook of format 4 that was sanitised, and return it with its outputs; the one given stays as it is.

    Ends within the budget's time and a few seconds, whatever the kernel does, and never for what it does raises
    anything. Cells that could not be run have an error as their output, for which nbgrader gives no points.
    `on_cell` is called after each cell of code; what it raises ends the execution.
    """
    return _Execution(notebook, kernel, budget, canaries and is_python(notebook), clock).run(on_cell)


# --- One execution ----------------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Cell:
    """A cell of code on its way."""

    position: int
    source: str
    grade_id: str
    is_test: bool
    outputs: CellOutputs
    flags: set[Flag] = field(default_factory=set)
    count: int | None = None
    messages: int = 0
    seconds: float = 0.0
    is_over: bool = False

    def fail(self, flag: Flag, name: str, words: str) -> None:
        """Give it an error of the driver's."""
        self.flags.add(flag)
        traceback = [f"\x1b[0;31m{name}\x1b[0m: {words}"]
        self.outputs.fail({"ename": name, "evalue": words, "traceback": traceback})

    def lose_output(self) -> None:
        """Note that something it has put out is lost, and nobody knows what."""
        self.outputs.is_cut = True
        self.flags.add(Flag.OUTPUT_LOST)

    def settled(self) -> list[Output]:
        """The outputs to keep, and the flags set that follow from them."""
        if self.is_test and Flag.OUTPUT_LOST in self.flags and not self.outputs.has_failed:
            self.fail(Flag.OUTPUT_LOST, "TooMuchOutput", "This test put out so much that its result may be lost.")
        if self.outputs.is_cut:
            self.flags.add(Flag.OUTPUT_CUT)
        if self.is_test and self.outputs.has_several_results:
            self.flags.add(Flag.SEVERAL_RESULTS)
        return self.outputs.settled()

    def report(self) -> CellReport:
        """What happened to it."""
        return CellReport(self.position, self.grade_id, round(self.seconds, 3), frozenset(self.flags))


@dataclass(slots=True)
class _Request:
    """Code that was sent to the kernel, and what it has said to that so far."""

    id: str
    cell: _Cell
    is_canary: bool = False
    is_idle: bool = False
    replies: list[Mapping[str, Any]] = field(default_factory=list)

    @property
    def halves(self) -> int:
        """How many of the two signs have come that it is done."""
        return bool(self.replies) + self.is_idle


class _Execution:
    def __init__(
        self,
        notebook: dict[str, Any],
        kernel: KernelConnection,
        budget: Budget,
        has_canaries: bool,
        clock: Callable[[], float],
    ) -> None:
        self._notebook = copy.deepcopy(notebook)
        self._kernel = kernel
        self._budget = budget
        self._has_canaries = has_canaries
        self._clock = clock
        self._began = clock()
        self._end = self._began + budget.total_seconds
        allowance = Allowance(budget.output_bytes_total)
        self._cells = [
            _cell(position, cell, allowance, budget)
            for position, cell in enumerate(self._notebook["cells"])
            if cell["cell_type"] == "code"
        ]
        self._requests: dict[str, _Request] = {}
        self._showing: dict[str, dict[int, _Cell]] = {}
        """The cells that show something under an id by which it can be changed, by their positions."""

    def run(self, on_cell: Callable[[Progress], None] | None) -> Executed:
        """Run one cell after the other, until the last or until nothing more can be run."""
        ending = Ending.COMPLETED
        for number, cell in enumerate(self._cells, 1):
            if ending is Ending.COMPLETED:
                ending = self._run_cell(cell)
            else:
                words = f"This cell was not run: {_WHY_NOT_RUN[ending]}"
                cell.fail(Flag.NOT_RUN, "NotRun", words)
            if on_cell is not None:
                on_cell(Progress(number, len(self._cells), cell.position, cell.grade_id))
        for cell in self._cells:
            node = self._notebook["cells"][cell.position]
            node["outputs"], node["execution_count"] = cell.settled(), cell.count
        exit_reason = None if ending is Ending.COMPLETED else self._kernel.exit_reason
        reports = tuple(cell.report() for cell in self._cells)
        return Executed(self._notebook, ending, exit_reason, reports, self._clock() - self._began)

    def _run_cell(self, cell: _Cell) -> Ending:
        """Run a cell and, where it is a test that passes, a canary after it."""
        if not cell.source.strip():
            return Ending.COMPLETED
        began = self._clock()
        cell.count = 1 + sum(other.count is not None for other in self._cells)
        ending = self._send_and_wait(cell)
        cell.seconds = self._clock() - began
        if self._has_canaries and cell.is_test and ending is Ending.COMPLETED and not cell.outputs.has_scoring_failure:
            ending = self._run_canary(cell)
        cell.is_over = True
        return ending

    def _send_and_wait(self, cell: _Cell) -> Ending:
        request = self._send(cell, cell.source)
        if self._wait(request, until=min(self._clock() + self._budget.cell_seconds, self._end)):
            self._check_reply(request)
            return Ending.COMPLETED
        if not self._kernel.is_alive:
            return self._mourn(cell)
        cell.fail(Flag.TIMED_OUT, "CellTimeoutError", "No reply from kernel before timeout")
        if self._clock() >= self._end:
            return Ending.OUT_OF_TIME
        return self._interrupt(request)

    def _run_canary(self, cell: _Cell) -> Ending:
        canary = canary_for(cell.source)
        request = self._send(cell, canary.code, canary=canary)
        if self._wait(request, until=min(self._clock() + self._budget.cell_seconds, self._end)):
            if not canary.is_alive(request.replies):
                cell.flags.add(Flag.TAMPERED)
            return Ending.COMPLETED
        cell.flags.add(Flag.TAMPERED)
        if not self._kernel.is_alive:
            return self._ended()
        return Ending.OUT_OF_TIME if self._clock() >= self._end else self._interrupt(request)

    def _interrupt(self, request: _Request) -> Ending:
        """Ask the kernel to stop what it does, more than once: whatever runs can overhear it."""
        until = min(self._clock() + self._budget.interrupt_seconds, self._end + self._budget.interrupt_seconds)
        while self._clock() < until and self._kernel.is_alive:
            self._kernel.send("interrupt_request", {}, channel=Channel.CONTROL)
            if self._wait(request, until=min(self._clock() + _INTERRUPT_AGAIN_SECONDS, until)):
                return Ending.COMPLETED
        return Ending.STUCK if self._kernel.is_alive else self._ended()

    def _mourn(self, cell: _Cell) -> Ending:
        ending = self._ended()
        cell.fail(Flag.KERNEL_DIED, "KernelDied", f"This cell was not finished: {_WHY_NOT_RUN[ending]}")
        return ending

    def _ended(self) -> Ending:
        """How it ended, where the kernel is gone."""
        return Ending.OUT_OF_TIME if self._kernel.exit_reason is ExitReason.TIMEOUT else Ending.KERNEL_DIED

    # --- Messages -----------------------------------------------------------------------------------------------

    def _send(self, cell: _Cell, code: str, *, canary: Canary | None = None) -> _Request:
        """Send code. A canary is silent: it is in no history, counts as no execution and tells no hook of itself."""
        content = {
            "code": code,
            "silent": canary is not None,
            "store_history": canary is None,
            "user_expressions": {},
            "allow_stdin": False,
            "stop_on_error": False,
        }
        request = _Request(self._kernel.send("execute_request", content), cell, is_canary=canary is not None)
        self._requests[request.id] = request
        return request

    def _wait(self, request: _Request, *, until: float) -> bool:
        """Whether the kernel is done with it in time. What arrives meanwhile goes to where it belongs.

        A kernel says so twice. Where it has said so once, or its word may be among what was too long to be kept,
        the other half is not waited for much longer.
        """
        halves = request.halves
        while request.halves < 2 and (left := until - self._clock()) > 0:
            message = self._kernel.receive(timeout=min(left, _POLL_SECONDS))
            if message is not None:
                self._take(message)
            elif not self._kernel.is_alive:
                self._drain()
                break
            if request.halves > halves:
                halves = request.halves
                until = min(until, self._clock() + _OTHER_HALF_SECONDS)
        self._count_dropped(request.cell)
        return request.halves > 0 and (request.halves == 2 or self._kernel.is_alive)

    def _drain(self) -> None:
        """Take what a kernel that is gone said before."""
        until = self._clock() + self._budget.interrupt_seconds
        while self._clock() < until and (message := self._kernel.receive(timeout=_DRAIN_SECONDS)) is not None:
            self._take(message)

    def _take(self, message: KernelMessage) -> None:
        request = self._requests.get(message.parent_id)
        if request is None:
            return
        cell, content = request.cell, message.content
        cell.messages += 1
        if message.channel is Channel.SHELL:
            if message.type == "execute_reply":
                self._take_reply(request, content)
        elif message.channel is Channel.IOPUB:
            if message.type == "status":
                request.is_idle |= content.get("execution_state") == "idle"
            elif not request.is_canary:
                self._take_output(cell, message.type, content)

    def _take_reply(self, request: _Request, content: Mapping[str, Any]) -> None:
        """A kernel replies once. Where there are two replies, one of them is forged."""
        if request.replies:
            request.cell.flags.add(Flag.TAMPERED)
        if len(request.replies) < 2:
            request.replies.append(content)

    def _take_output(self, cell: _Cell, kind: str, content: Mapping[str, Any]) -> None:
        """What arrives late is added to its cell. It is no result any more, and clears nothing."""
        if cell.messages > self._budget.messages_per_cell:
            cell.lose_output()
        elif kind == "update_display_data":
            for other in self._showing.get(display_id_of(content), {}).values():
                other.outputs.update(content)
        elif kind == "clear_output" and not cell.is_over:
            cell.outputs.clear(wait=bool(content.get("wait")))
        elif kind in _SHOWN:
            if name := display_id_of(content):
                self._showing.setdefault(name, {})[cell.position] = cell
            late_result = kind == "execute_result" and cell.is_over
            cell.outputs.add("display_data" if late_result else kind, content, count=cell.count)

    def _count_dropped(self, cell: _Cell) -> None:
        if self._kernel.dropped or cell.outputs.has_lost_essentials:
            cell.lose_output()

    def _check_reply(self, request: _Request) -> None:
        """An error that only the reply tells of, or that nothing tells of at all, becomes one of the cell.

        So code that keeps errors from being shown gains nothing by it.
        """
        reply = request.replies[-1] if request.replies else {"status": "error", "ename": "NoReply"}
        if reply.get("status") == "ok":
            return
        error = error_output(reply)
        name = error["ename"] = error["ename"] or "Error"
        if any(output.get("ename") == name for output in request.cell.outputs):
            return
        error["traceback"] = error["traceback"] or [f"{name}: this error was kept from being shown"]
        request.cell.flags.add(Flag.ERROR_HIDDEN)
        request.cell.outputs.fail(error)


_WHY_NOT_RUN = {
    Ending.KERNEL_DIED: "the program had ended.",
    Ending.STUCK: "an earlier cell could not be stopped.",
    Ending.OUT_OF_TIME: "the time for the whole notebook was over.",
}


def _cell(position: int, cell: Mapping[str, Any], allowance: Allowance, budget: Budget) -> _Cell:
    about = cell.get("metadata", {}).get("nbgrader") or {}
    is_test = bool(about.get("grade")) and not about.get("solution")
    outputs = CellOutputs(allowance, budget.output_bytes_per_cell, budget.outputs_per_cell, is_test)
    source = cell["source"]
    source = source if isinstance(source, str) else "".join(source)
    return _Cell(position, source, str(about.get("grade_id") or ""), is_test, outputs)
