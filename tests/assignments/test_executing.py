"""The rules by which the driver takes a notebook through a kernel, against kernels that say what a test wants."""

from __future__ import annotations

import copy
import json
from collections.abc import Mapping, Sequence
from typing import Any

import nbformat
import pytest

from assignments.running.executing import (
    ENDING_WORDS,
    EXIT_WORDS,
    FLAG_WORDS,
    Budget,
    Ending,
    Executed,
    Flag,
    Progress,
    execute,
    is_python,
    kernel_name_of,
)
from environments.sandboxes.base import ExitReason, SandboxLimits
from environments.sandboxes.fake import FakeSandbox, Reply
from environments.values import Image
from tests.assignments.notebooks import Node, answer, checks, code, errors, notebook, outputs, printed, text
from tests.assignments.scripted import (
    IDLE,
    Drop,
    Say,
    ScriptedKernel,
    Step,
    Wait,
    done,
    error,
    failed,
    reply,
    result,
    says,
    stream,
)

BUDGET = Budget(cell_seconds=10, total_seconds=60, output_bytes_per_cell=1000, output_bytes_total=2500)
SOLVE, TEST, MORE = "sq = solve()", "assert sq(2) == 4", "assert sq(3) == 9"


def run(
    script: Mapping[str, Sequence[Step]],
    *cells: Node,
    budget: Budget = BUDGET,
    interrupt: Sequence[Step] = (),
    **options: Any,
) -> Executed:
    """A notebook with these cells, executed by a kernel with this script; an answer and two tests unless said."""
    kernel = ScriptedKernel(script, interrupt, **options)
    cells = cells or (answer(SOLVE), checks(TEST, "t1"), checks(MORE, "t2"))
    return execute(notebook(*cells), kernel=kernel, budget=budget, clock=kernel.clock)


def flags(executed: Executed) -> dict[int, set[Flag]]:
    return {cell.position: set(cell.flags) for cell in executed.flagged}


# --- What comes back --------------------------------------------------------------------------------------------


def test_execute_changes_outputs_and_counts_and_nothing_else() -> None:
    old = notebook(code("print(1)", tags=["x"]), text("words"), checks(TEST, "t1", points=2))
    old["cells"][0] |= {"outputs": [{"output_type": "stream", "name": "stdout", "text": "old"}], "execution_count": 7}
    given = copy.deepcopy(old)
    kernel = ScriptedKernel({"print(1)": done(stream("1\n"))})

    executed = execute(given, kernel=kernel, budget=BUDGET, clock=kernel.clock)

    expected = copy.deepcopy(old)
    expected["cells"][0] |= {
        "outputs": [{"output_type": "stream", "name": "stdout", "text": "1\n"}],
        "execution_count": 1,
    }
    expected["cells"][2] |= {"execution_count": 2}
    assert (executed.notebook, given) == (expected, old)
    assert (executed.ending, executed.exit_reason, executed.flagged) == (Ending.COMPLETED, None, ())


def test_execute_joins_source_that_is_kept_in_lines() -> None:
    kernel = ScriptedKernel()

    execute(notebook(code(["a = 1\n", "b = 2"])), kernel=kernel, budget=BUDGET, clock=kernel.clock)  # type: ignore[arg-type]

    assert kernel.codes() == ["a = 1\nb = 2"]


def test_execute_leaves_empty_cells_out() -> None:
    kernel = ScriptedKernel()

    executed = execute(notebook(code(" \n"), code("1")), kernel=kernel, budget=BUDGET, clock=kernel.clock)

    assert kernel.codes() == ["1"]
    assert [cell["execution_count"] for cell in executed.notebook["cells"]] == [None, 1]


def test_execute_tells_how_far_it_is() -> None:
    heard = list[Progress]()
    kernel = ScriptedKernel({SOLVE: [ExitReason.EXITED]})
    cells = notebook(text("words"), answer(SOLVE), checks(TEST, "t1"))

    execute(cells, kernel=kernel, budget=BUDGET, clock=kernel.clock, on_cell=heard.append)

    assert heard == [Progress(1, 2, 1, "answer"), Progress(2, 2, 2, "t1")]


def test_execute_ends_with_what_the_listener_raises() -> None:
    def refuse(_progress: Progress) -> None:
        raise KeyError

    kernel = ScriptedKernel()

    with pytest.raises(KeyError):
        execute(notebook(code("1"), code("2")), kernel=kernel, budget=BUDGET, clock=kernel.clock, on_cell=refuse)
    assert kernel.codes() == ["1"]


def test_execute_asks_for_no_input_and_for_going_on_after_errors() -> None:
    kernel = ScriptedKernel({"1": failed("ValueError")})

    execute(notebook(code("1"), code("2")), kernel=kernel, budget=BUDGET, clock=kernel.clock)

    assert [(asked["allow_stdin"], asked["stop_on_error"]) for _kind, asked in kernel.sent] == [(False, False)] * 2


@pytest.mark.parametrize("tag", ["skip-execution", "raises-exception"])
def test_execute_runs_tests_whatever_their_tags_say(tag: str) -> None:
    executed = run({TEST: failed("AssertionError")}, checks(TEST, "t1", tags=[tag]))

    assert errors(executed.notebook, 0) == ["AssertionError"]


def test_execute_runs_in_a_fake_sandbox() -> None:
    sandbox = FakeSandbox({TEST: Reply(stdout="fine\n"), MORE: Reply(error="AssertionError")})

    with sandbox.kernel(Image("key", "fake:key"), BUDGET.limits(SandboxLimits())) as kernel:
        executed = execute(notebook(checks(TEST), checks(MORE)), kernel=kernel, budget=BUDGET, canaries=False)

    assert printed(executed.notebook, 0) == "fine\n"
    assert errors(executed.notebook, 1) == ["AssertionError"]


# --- Time -------------------------------------------------------------------------------------------------------


def test_cell_that_takes_too_long_is_interrupted_and_the_next_one_runs() -> None:
    interrupted = [error("KeyboardInterrupt"), reply("error", ename="KeyboardInterrupt"), IDLE]

    executed = run({TEST: [Wait(1000)]}, interrupt=interrupted)

    assert errors(executed.notebook, 1) == ["CellTimeoutError", "KeyboardInterrupt"]
    assert (executed.ending, flags(executed)) == (Ending.COMPLETED, {1: {Flag.TIMED_OUT}})
    assert outputs(executed.notebook, 2) == []


def test_test_that_swallows_its_interrupt_and_ends_well_has_failed() -> None:
    executed = run({TEST: [Wait(1000)]}, interrupt=[reply(), IDLE])

    assert errors(executed.notebook, 1) == ["CellTimeoutError"]


def test_cell_that_cannot_be_interrupted_ends_all_and_keeps_what_was_earned() -> None:
    cells = [checks(TEST, "t1"), answer(SOLVE), checks(MORE, "t2")]

    executed = run({SOLVE: [Wait(1000)]}, *cells)

    assert executed.ending is Ending.STUCK
    assert [errors(executed.notebook, position) for position in range(3)] == [[], ["CellTimeoutError"], ["NotRun"]]
    assert flags(executed) == {1: {Flag.TIMED_OUT}, 2: {Flag.NOT_RUN}}
    assert executed.seconds <= BUDGET.cell_seconds + BUDGET.interrupt_seconds


def test_notebook_out_of_time_ends_and_keeps_what_was_earned() -> None:
    loop = {f"{number}": done(Wait(9)) for number in range(10)}

    executed = run(loop, *[checks(source, source) for source in loop])

    assert executed.ending is Ending.OUT_OF_TIME
    assert [errors(executed.notebook, position) for position in range(10)] == [
        *[[]] * 6, ["CellTimeoutError"], *[["NotRun"]] * 3
    ]  # fmt: skip
    assert executed.seconds == BUDGET.total_seconds


def test_kernel_that_its_sandbox_has_ended_for_its_time_is_out_of_time() -> None:
    executed = run({TEST: [ExitReason.TIMEOUT]})

    assert (executed.ending, executed.exit_reason) == (Ending.OUT_OF_TIME, ExitReason.TIMEOUT)


# --- Kernels that die -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("reason", [ExitReason.OOM, ExitReason.KILLED, ExitReason.EXITED, ExitReason.GARBLED])
def test_dead_kernel_costs_what_came_after(reason: ExitReason) -> None:
    cells = [checks(TEST, "t1"), answer(SOLVE), checks(MORE, "t2")]

    executed = run({SOLVE: [stream("before\n"), reason]}, *cells)

    assert (executed.ending, executed.exit_reason) == (Ending.KERNEL_DIED, reason)
    assert [errors(executed.notebook, position) for position in range(3)] == [[], ["KernelDied"], ["NotRun"]]
    assert printed(executed.notebook, 1) == "before\n"
    assert flags(executed) == {1: {Flag.KERNEL_DIED}, 2: {Flag.NOT_RUN}}


def test_kernel_that_ends_between_cells_fails_the_next_one() -> None:
    executed = run({SOLVE: [*done(), ExitReason.EXITED]})

    assert [errors(executed.notebook, position) for position in range(3)] == [[], ["KernelDied"], ["NotRun"]]


def test_kernel_that_dies_before_it_is_done_has_not_passed_the_test() -> None:
    executed = run({TEST: [reply(), ExitReason.KILLED]})

    assert errors(executed.notebook, 1) == ["KernelDied"]


# --- Errors that are kept from being shown ----------------------------------------------------------------------


def test_error_only_the_reply_tells_of_is_added() -> None:
    hidden = reply("error", ename="AssertionError", evalue="no", traceback=["line 1"])

    executed = run({TEST: [hidden, IDLE]})

    expected = {"output_type": "error", "ename": "AssertionError", "evalue": "no", "traceback": ["line 1"]}
    assert (outputs(executed.notebook, 1), flags(executed)) == ([expected], {1: {Flag.ERROR_HIDDEN}})


def test_error_of_another_name_does_not_stand_for_that_of_the_reply() -> None:
    executed = run({TEST: [error("Harmless"), reply("error", ename="AssertionError"), IDLE]})

    assert errors(executed.notebook, 1) == ["Harmless", "AssertionError"]
    assert outputs(executed.notebook, 1)[1]["traceback"]


@pytest.mark.parametrize("content", [{"status": "aborted"}, {"status": 7, "ename": []}, {"status": "error"}])
def test_reply_that_is_not_ok_is_an_error(content: dict[str, Any]) -> None:
    executed = run({TEST: [reply(**content), IDLE]})

    assert errors(executed.notebook, 1) == ["Error"]


def test_cell_without_reply_has_an_error() -> None:
    executed = run({TEST: [Drop(), IDLE]})

    assert errors(executed.notebook, 1) == ["NoReply"]
    assert executed.ending is Ending.COMPLETED


def test_reply_without_a_sign_of_idleness_is_not_waited_for_long() -> None:
    executed = run({SOLVE: [reply()]}, answer(SOLVE), code("2"))

    assert (executed.ending, errors(executed.notebook, 0)) == (Ending.COMPLETED, [])
    assert executed.seconds < BUDGET.cell_seconds


# --- Canaries ---------------------------------------------------------------------------------------------------


def test_canary_follows_each_test_that_passes_and_is_seen_nowhere() -> None:
    cells = [answer(SOLVE), checks(TEST, "t1"), checks(MORE, "t2"), checks("1 / 0", "t3")]
    kernel = ScriptedKernel({"1 / 0": failed("ZeroDivisionError")})

    executed = execute(notebook(*cells), kernel=kernel, budget=BUDGET, clock=kernel.clock)

    asked = [content for kind, content in kernel.sent if content["silent"]]
    assert len({content["code"] for content in asked}) == 2
    assert not any(content["store_history"] for content in asked)
    assert [cell["execution_count"] for cell in executed.notebook["cells"]] == [1, 2, 3, 4]
    assert not any(content["code"] in json.dumps(executed.notebook) for content in asked)
    assert executed.flagged == ()


def with_words(code: str) -> str:
    return code.rpartition(", ")[2].strip("'")


@pytest.mark.parametrize(
    "answers",
    [
        lambda code: done(),
        lambda code: failed("AssertionError"),
        lambda code: [reply("error", ename="NameError", evalue=with_words(code)), IDLE],
        lambda code: [reply("ok", ename="AssertionError", evalue=with_words(code)), IDLE],
        lambda code: [reply(), reply("error", ename="AssertionError", evalue=with_words(code)), IDLE],
        lambda code: [IDLE],
        lambda code: [ExitReason.EXITED],
    ],
)  # fmt: skip
def test_canary_that_does_not_fail_as_it_has_to_flags_its_test(answers: Any) -> None:
    executed = run({}, checks(TEST, "t1"), canary=answers)

    assert flags(executed) == {0: {Flag.TAMPERED}}
    assert errors(executed.notebook, 0) == []


def test_canary_that_hangs_flags_its_test_and_the_next_one_runs() -> None:
    executed = run({}, canary=lambda _code: [Wait(1000)], interrupt=[reply(), IDLE])

    assert flags(executed) == {1: {Flag.TAMPERED}, 2: {Flag.TAMPERED}}
    assert executed.ending is Ending.COMPLETED


def test_answer_that_was_forged_before_the_real_one_flags_the_test_and_costs_its_points() -> None:
    forged = [reply(), IDLE]
    real = [error("AssertionError", of=TEST), reply("error", of=TEST, ename="AssertionError")]

    executed = run({TEST: forged}, checks(TEST, "t1"), canary=lambda _code: [*real, reply(), IDLE])

    assert (errors(executed.notebook, 0), flags(executed)) == (["AssertionError"], {0: {Flag.TAMPERED}})


@pytest.mark.parametrize(("kernel", "language"), [("bash", "bash"), ("ir", "R")])
def test_kernel_of_another_language_gets_no_canary(kernel: str, language: str) -> None:
    scripted = ScriptedKernel()
    cells = notebook(checks("true"), kernel=kernel, language=language)

    execute(cells, kernel=scripted, budget=BUDGET, clock=scripted.clock)

    assert len(scripted.sent) == 1


# --- Results ----------------------------------------------------------------------------------------------------


def scored(executed: Executed, position: int) -> list[str]:
    """What nbgrader would take for the number of points."""
    found = [each for each in outputs(executed.notebook, position) if each["output_type"] == "execute_result"]
    return [output["data"]["text/plain"] for output in found]


def test_result_of_test_is_kept_for_partial_credit() -> None:
    executed = run({TEST: done(result("0.5"))})

    assert (scored(executed, 1), executed.flagged) == (["0.5"], ())


def test_result_shown_before_the_test_failed_does_not_score_in_determine_grade() -> None:
    executed = run({TEST: failed("AssertionError", result("1.0"))})

    assert [output["output_type"] for output in outputs(executed.notebook, 1)] == ["display_data", "error"]


@pytest.mark.parametrize("results", [("0.5", "2"), ("2", "0.5"), ("-1", "0.5"), ("full", "0.5"), ("nan", "0.5")])
def test_worst_of_several_results_scores_in_determine_grade(results: tuple[str, str]) -> None:
    executed = run({TEST: done(*map(result, results))})

    assert (scored(executed, 1), flags(executed)) == (["0.5"], {1: {Flag.SEVERAL_RESULTS}})


def test_result_that_comes_late_does_not_score_in_determine_grade() -> None:
    executed = run({TEST: done(result("0.5")), MORE: done(result("0", of=TEST))})

    assert (scored(executed, 1), len(outputs(executed.notebook, 1))) == (["0.5"], 2)


def test_result_without_text_does_not_break_determine_grade() -> None:
    pictured = says("execute_result", data={"text/html": "<b>1</b>"}, metadata={})

    executed = run({TEST: done(pictured)})

    assert [output["output_type"] for output in outputs(executed.notebook, 1)] == ["display_data"]


def test_several_results_of_an_answer_stay_as_they_are() -> None:
    executed = run({SOLVE: done(result("1"), result("2"))})

    assert (scored(executed, 0), executed.flagged) == (["1", "2"], ())


# --- Late output, and output that changes -----------------------------------------------------------------------


def test_output_that_comes_late_goes_to_its_cell() -> None:
    late = says("stream", name="stdout", text="late\n", of=SOLVE)

    executed = run({SOLVE: done(stream("soon\n")), TEST: done(late, stream("mine\n"))})

    assert [printed(executed.notebook, position) for position in range(3)] == ["soon\nlate\n", "mine\n", ""]


def test_output_of_nobody_is_left_out() -> None:
    executed = run({TEST: done(says("stream", name="stdout", text="stray", of="someone else"))})

    assert outputs(executed.notebook, 1) == []


def test_clear_output_clears_what_was_shown() -> None:
    clear = says("clear_output", wait=False)

    executed = run({SOLVE: done(stream("one\n"), clear, stream("two\n"))})

    assert printed(executed.notebook, 0) == "two\n"


def test_clear_output_waits_for_what_comes_next() -> None:
    clear = says("clear_output", wait=True)

    executed = run({SOLVE: done(stream("one\n"), clear, stream("two\n"), clear)})

    assert printed(executed.notebook, 0) == "two\n"


@pytest.mark.parametrize("scoring", [error("AssertionError"), stream("careful", "stderr"), result("0")])
def test_clear_output_takes_nothing_from_test_that_determine_grade_looks_at(scoring: Say) -> None:
    executed = run({TEST: done(stream("chatter"), scoring, says("clear_output", wait=False))})

    kept = [(each["output_type"], each.get("name")) for each in outputs(executed.notebook, 1)]
    assert kept == [(scoring.kind, scoring.content.get("name"))]


def test_clear_output_from_later_cell_clears_nothing() -> None:
    executed = run({SOLVE: done(stream("one\n")), TEST: done(says("clear_output", of=SOLVE))})

    assert printed(executed.notebook, 0) == "one\n"


def test_display_is_updated_in_the_cell_that_showed_it() -> None:
    def show(kind: str, words: str) -> Say:
        return says(kind, data={"text/plain": words}, metadata={}, transient={"display_id": "bar"})

    executed = run({SOLVE: done(show("display_data", "0 %")), TEST: done(show("update_display_data", "100 %"))})

    shown = {"output_type": "display_data", "data": {"text/plain": "100 %"}, "metadata": {}}
    assert (outputs(executed.notebook, 0), outputs(executed.notebook, 1)) == ([shown], [])


def test_result_is_not_updated() -> None:
    transient = {"display_id": "points"}
    points = says("execute_result", data={"text/plain": "0"}, metadata={}, transient=transient)
    update = says("update_display_data", data={"text/plain": "1"}, metadata={}, transient=transient)

    executed = run({TEST: done(points), MORE: done(update)})

    assert scored(executed, 1) == ["0"]


def test_messages_of_widgets_are_no_outputs() -> None:
    comm = says("comm_open", comm_id="1", target_name="jupyter.widget", data={"state": {}})
    view = {"application/vnd.jupyter.widget-view+json": {"model_id": "1"}, "text/plain": "Slider()"}

    executed = run({SOLVE: done(comm, says("display_data", data=view, metadata={}))})

    assert outputs(executed.notebook, 0) == [{"output_type": "display_data", "data": view, "metadata": {}}]


# --- Too much ---------------------------------------------------------------------------------------------------


def size(executed: Executed, position: int) -> int:
    return len(json.dumps(outputs(executed.notebook, position), ensure_ascii=False).encode())


@pytest.mark.parametrize("kind", ["image/png", "text/html", "application/json", "text/plain"])
def test_output_over_the_cells_bytes_is_cut_whatever_its_type(kind: str) -> None:
    executed = run({SOLVE: done(says("display_data", data={kind: "é" * 600}, metadata={}))})

    assert (size(executed, 0) < 200, flags(executed)) == (True, {0: {Flag.OUTPUT_CUT}})


def test_text_over_the_cells_bytes_is_kept_as_far_as_it_goes() -> None:
    executed = run({SOLVE: done(*[stream("é" * 100)] * 20)})

    assert 400 < printed(executed.notebook, 0).count("é") < 500
    assert size(executed, 0) < BUDGET.output_bytes_per_cell + 200


def test_outputs_over_the_notebooks_bytes_are_cut() -> None:
    executed = run({f"{number}": done(stream("x" * 900)) for number in range(9)}, *[code(f"{n}") for n in range(9)])

    kept = [printed(executed.notebook, position).count("x") for position in range(9)]
    assert (kept[:2], kept[3:], sum(kept) < 2500) == ([900, 900], [0] * 6, True)


def test_outputs_over_the_number_are_cut() -> None:
    shown = says("display_data", data={"text/plain": "1"}, metadata={})

    executed = run({SOLVE: done(*[shown] * 6)}, budget=Budget(outputs_per_cell=4))

    assert [each["output_type"] for each in outputs(executed.notebook, 0)] == [*["display_data"] * 4, "stream"]


@pytest.mark.parametrize(
    ("scoring", "kept"),
    [
        (error("AssertionError"), ("error", None)),
        (stream("careful", "stderr"), ("stream", "stderr")),
        (result("0.5"), ("execute_result", None)),
    ],
)
def test_what_determine_grade_looks_at_is_kept_after_a_flood(scoring: Say, kept: tuple[str, str | None]) -> None:
    executed = run({TEST: done(stream("x" * 5000), scoring)})

    assert kept in [(each["output_type"], each.get("name")) for each in outputs(executed.notebook, 1)]


def test_error_as_long_as_a_book_is_kept_short() -> None:
    long = says("error", ename="E" * 5000, evalue="x" * 5000, traceback=["line"] * 5000)

    executed = run({TEST: [long, reply("error", ename="E"), IDLE]})

    assert errors(executed.notebook, 1) == ["E" * 200, "E"]
    assert size(executed, 1) < BUDGET.output_bytes_per_cell


@pytest.mark.parametrize("flood", [[Drop()], [stream(".")] * 1001, [result("2")] * 400])
def test_test_that_may_have_lost_its_result_has_failed(flood: list[Step]) -> None:
    budget = Budget(output_bytes_per_cell=1000, outputs_per_cell=10)

    executed = run({TEST: done(*flood)}, budget=budget)

    assert errors(executed.notebook, 1) == ["TooMuchOutput"]
    assert flags(executed)[1] >= {Flag.OUTPUT_LOST, Flag.OUTPUT_CUT}


def test_answer_that_put_out_too_much_has_not_failed() -> None:
    executed = run({SOLVE: done(Drop())})

    assert (errors(executed.notebook, 0), Flag.OUTPUT_LOST in flags(executed)[0]) == ([], True)


def test_errors_of_the_driver_find_room_among_results_without_end() -> None:
    executed = run({TEST: [*[result("1")] * 100, Wait(1000)]}, interrupt=[reply(), IDLE])

    assert errors(executed.notebook, 1) == ["CellTimeoutError"]
    assert scored(executed, 1) == []


DEEP: Any = None
for _level in range(500):
    DEEP = [DEEP]


@pytest.mark.parametrize(
    "message",
    [
        says("stream", name="stdlog", text="x"),
        says("stream", name="stdout", text=["x", 1]),
        says("stream"),
        says("error", ename=["x"], evalue=None, traceback="x"),
        says("display_data", data=[1], metadata={}),
        says("display_data", data={"no type": "x", "text/plain": {"a": 1}, "image/png": 7}, metadata=None),
        says("display_data", data={"application/json": DEEP}, metadata={"a": DEEP}),
        says("display_data", data={"application/json": float("nan"), "text/plain": "\ud800"}, metadata={"\udfff": 1}),
        says("execute_result", data={"text/plain": "1"}, metadata={}, execution_count="many", transient=[1]),
        says("update_display_data", transient={"display_id": 7}),
        says("clear_output", wait=[1]),
        says("status", execution_state={"a": 1}),
        Say("status", {}),
    ],
)
def test_message_with_anything_in_it_makes_a_notebook_that_can_be_saved(message: Say) -> None:
    executed = run({SOLVE: done(message)})

    written = json.dumps(executed.notebook, ensure_ascii=False, allow_nan=False).encode()
    nbformat.validate(nbformat.reads(written.decode(), as_version=4))
    assert executed.ending is Ending.COMPLETED


# --- Words and names --------------------------------------------------------------------------------------------


def test_everything_that_can_happen_has_words() -> None:
    assert (set(FLAG_WORDS), set(ENDING_WORDS), set(EXIT_WORDS)) == (set(Flag), set(Ending), set(ExitReason))


@pytest.mark.parametrize(
    ("metadata", "name", "python"),
    [
        ({}, "python3", True),
        ({"kernelspec": {"name": "python", "language": "python"}}, "python3", True),
        ({"kernelspec": {"name": "mine", "language": "python"}}, "mine", True),
        ({"kernelspec": {"name": "mine"}, "language_info": {"name": "python"}}, "mine", True),
        ({"kernelspec": {"name": "ir", "language": "R"}, "language_info": {"name": "python"}}, "ir", False),
        ({"kernelspec": {"name": "bash"}}, "bash", False),
    ],
)
def test_kernel_is_the_one_the_notebook_names(metadata: Node, name: str, python: bool) -> None:
    assert (kernel_name_of({"metadata": metadata}), is_python({"metadata": metadata})) == (name, python)


def test_budget_leaves_a_kernel_room_for_its_time_and_output() -> None:
    limits = BUDGET.limits(SandboxLimits(memory_mb=300))

    assert limits.memory_mb == 300
    assert limits.wall_seconds > BUDGET.total_seconds
    assert limits.output_bytes > BUDGET.output_bytes_per_cell
