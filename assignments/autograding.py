"""Grading submissions by their tests: asked for by a row, carried out by a worker under a lease, exactly once.

Three phases (design, section 8). nbgrader restores the instructor's cells, a kernel in a sandbox executes the
notebooks, and nbgrader reads points from what came out. Only the second runs anything of a student's, and nothing of
it but outputs comes back. A worker that dies leaves a lease that runs out; whoever takes over begins again, and only
the one whose name stands in the row may write the result.
"""

from __future__ import annotations

import dataclasses
import json
import logging
import tempfile
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path, PurePosixPath
from typing import Any

from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone

from accounts.models import User
from assignments import artefacts, engine, files, gradebook
from assignments.engine import Scored
from assignments.errors import AssignmentError
from assignments.executing import Budget, Executed, Progress, execute, grading_kernel
from assignments.files import Bundle, File
from assignments.models import Assignment, Autograding, Release, Submission
from environments.backends import builder, sandbox
from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.leases import kept_alive, lease_from
from environments.pinning import version_in_use
from environments.queueing import enqueue
from environments.sandboxes.base import SandboxLimits
from environments.values import Image

logger = logging.getLogger(__name__)

TASK = "assignments.tasks.grade_next"
MAX_TRIES = 3
"""How many workers may die over one, or find something broken, before it has failed."""
ASKED_AT_ONCE = 500
LIMITS = files.Limits()

Clock = Callable[[], datetime]
State = Autograding.State


class _Taken(Exception):
    """Another worker has it by now, or nobody wants it any more."""


# --- Asking ------------------------------------------------------------------------------------------------


def ask_autograding(
    submission: Submission, *, by: User | None, now: datetime, release: Release | None = None, is_trial: bool = False
) -> Autograding:
    """Have a submission graded by the tests of this release, or of the present one. Asking twice is asking once.

    A trial changes no grade. Raises AssignmentError `assignment_not_released`.
    """
    assignment = submission.assignment
    release = release or assignment.release
    if release is None:
        raise AssignmentError("assignment_not_released", assignment=assignment.title)
    try:
        with transaction.atomic():
            autograding = Autograding.objects.create(
                submission=submission,
                release=release,
                is_trial=is_trial,
                asked_by=by,
                asked_at=now,
                turn=_turn(submission),
            )
            if not is_trial:
                Submission.objects.filter(pk=submission.pk).update(state=Submission.State.WAITING)
            enqueue(TASK, autograding.pk)
    except IntegrityError:
        return submission.autogradings.under_way().get(is_trial=is_trial)
    return autograding


def ask_all(assignment: Assignment, *, by: User, now: datetime) -> int:
    """Have every submission of the assignment that counts, or could, graded again. Returns how many."""
    submissions = assignment.submissions.exclude(bundle="").select_related("assignment__release")
    return len([ask_autograding(one, by=by, now=now) for one in submissions])


def ask_where_due(*, now: datetime) -> None:
    """Have graded what was submitted and is to be graded at once. Safe to repeat."""
    received = Submission.objects.filter(
        state=Submission.State.RECEIVED, assignment__is_graded_on_submit=True, autogradings=None
    )
    for submission in received.select_related("assignment__release", "membership")[:ASKED_AT_ONCE]:
        ask_autograding(submission, by=None, now=now)


def place_in_queue(autograding: Autograding) -> int:
    """How many are carried out before it; nought for one that is next or has begun."""
    if autograding.state != State.WAITING:
        return 0
    keys = list(Autograding.objects.in_turn().values_list("pk", flat=True))
    return keys.index(autograding.pk) if autograding.pk in keys else 0


def tend_autogradings(*, now: datetime) -> None:
    """Take back what dead workers had, and ask for what waits: a message may be lost, a row is not. Safe to repeat."""
    left = Autograding.objects.filter(state=State.RUNNING, lease_until__lt=now)
    for autograding in left.select_related("submission"):
        _give_back(autograding, AssignmentError("grading_interrupted"), now=now)
    ask_where_due(now=now)
    for key in Autograding.objects.in_turn().values_list("pk", flat=True)[:20]:
        enqueue(TASK, key)


# --- Carrying out ------------------------------------------------------------------------------------------


def carry_out_next(*, clock: Clock = timezone.now) -> bool:
    """Grade the submission whose turn it is; False if none waits. Safe to call in any number of processes."""
    for autograding in Autograding.objects.in_turn()[:5]:
        claimed = _claim(autograding, now=clock())
        if claimed is not None:
            _carry_out(claimed, clock=clock)
            return True
    return False


def _claim(autograding: Autograding, *, now: datetime) -> Autograding | None:
    """The row, ours; None if somebody was quicker."""
    worker = uuid.uuid4()
    waiting = Autograding.objects.filter(pk=autograding.pk, state=State.WAITING)
    claimed = waiting.update(
        state=State.RUNNING, worker=worker, lease_until=lease_from(now), began_at=now, tries=F("tries") + 1
    )
    if not claimed:
        return None
    rows = Autograding.objects.select_related(
        "release", "submission__assignment__course__environment", "submission__membership__person"
    )
    ours = rows.get(pk=autograding.pk)
    if not ours.is_trial:
        Submission.objects.filter(pk=ours.submission_id).update(state=Submission.State.RUNNING)
    return ours


def _carry_out(autograding: Autograding, *, clock: Clock) -> None:
    try:
        with kept_alive(lambda: _renewed(autograding, now=clock())):
            graded = _grade(autograding)
        _finish(autograding, graded, now=clock())
    except _Taken:
        logger.info("autograding %s was taken over", autograding.pk)
    except UserError as error:
        _fail(autograding, error, now=clock())
    except SystemFailure as trouble:
        logger.warning("autograding %s could not be carried out: %s", autograding.pk, trouble)
        _give_back(autograding, trouble, now=clock())


@dataclasses.dataclass(frozen=True, slots=True)
class _Graded:
    """What came of the three phases."""

    scored: Scored
    bundle: Bundle
    flags: list[dict[str, Any]]
    image_key: str


def _grade(autograding: Autograding) -> _Graded:
    submission, release = autograding.submission, autograding.release
    name = submission.assignment.name
    image = _image_for(autograding)
    given = _read(submission.repaired or submission.bundle)
    with tempfile.TemporaryDirectory(prefix="carrel-grading-", ignore_cleanup_errors=True) as place:
        folder = Path(place)
        book = folder / "gradebook.db"
        book.write_bytes(artefacts.read(release.gradebook))
        submitted = _written(_notebooks_of(given), folder / "submitted")
        engine.sanitise(submitted, gradebook=book, name=name, into=folder / "sanitised")
        data = _with_data_of(release, given)
        executed = _execute_all(autograding, folder / "sanitised", image=image, data=data)
        ran = Bundle(
            tuple(File(f"{notebook}.ipynb", _dumped(result.notebook)) for notebook, result in executed.items())
        )
        scored = engine.score(_written(ran, folder / "executed"), gradebook=book, name=name, into=folder / "autograded")
        graded = files.from_files(_found(folder / "autograded"), limits=files.Limits(max_bytes=500_000_000)).bundle
    return _Graded(scored, graded, _flags(executed, scored), image.key)


def _execute_all(autograding: Autograding, folder: Path, *, image: Image, data: Bundle) -> dict[str, Executed]:
    """Each notebook in a kernel of its own, in the order of their names; they share the time of the whole."""
    assignment = autograding.submission.assignment
    notebooks = {path.stem: json.loads(path.read_bytes()) for path in sorted(folder.glob("*.ipynb"))}
    total = sum(cell.get("cell_type") == "code" for notebook in notebooks.values() for cell in notebook["cells"])
    Autograding.objects.filter(pk=autograding.pk).update(cells_total=total, cells_done=0)
    left, before, executed = float(assignment.total_seconds), 0, {}
    for name, notebook in notebooks.items():
        budget = Budget(cell_seconds=min(assignment.cell_seconds, max(left, 1.0)), total_seconds=max(left, 1.0))
        limits = SandboxLimits(memory_mb=assignment.memory_mb, cpus=1.0, pids=128)
        with grading_kernel(sandbox(), image, notebook, budget=budget, limits=limits, files=[data.tar]) as kernel:
            result = execute(notebook, kernel=kernel, budget=budget, on_cell=_progress(autograding, before))
        executed[name] = result
        left -= result.seconds
        before += len(result.cells)
    return executed


def _progress(autograding: Autograding, before: int) -> Callable[[Progress], None]:
    def note(progress: Progress) -> None:
        if not _ours(autograding).update(cells_done=before + progress.done):
            raise _Taken

    return note


# --- Ends --------------------------------------------------------------------------------------------------


def _finish(autograding: Autograding, graded: _Graded, *, now: datetime) -> None:
    kept = artefacts.keep(graded.bundle.tar)
    with transaction.atomic():
        ended = _ours(autograding).update(
            state=State.DONE,
            done_at=now,
            lease_until=None,
            bundle=kept,
            image_key=graded.image_key,
            scores=[dataclasses.asdict(cell) for cell in graded.scored.cells],
            flags=graded.flags,
            failure_code="",
            failure_facts={},
        )
        if not ended:
            raise _Taken
        autograding.refresh_from_db()
        if not autograding.is_trial:
            gradebook.take_over(autograding, now=now)


def _fail(autograding: Autograding, error: EnvironmentsError, *, now: datetime) -> None:
    failed = _ours(autograding).update(
        state=State.FAILED, done_at=now, lease_until=None, failure_code=error.code, failure_facts=error.facts
    )
    if failed and not autograding.is_trial:
        Submission.objects.filter(pk=autograding.submission_id).update(state=Submission.State.PROBLEM)


def _give_back(autograding: Autograding, error: EnvironmentsError, *, now: datetime) -> None:
    """Have another worker try, unless enough have."""
    if autograding.tries >= MAX_TRIES:
        _fail(autograding, error, now=now)
        return
    if _ours(autograding).update(state=State.WAITING, worker=None, lease_until=None) and not autograding.is_trial:
        Submission.objects.filter(pk=autograding.submission_id).update(state=Submission.State.WAITING)


def _ours(autograding: Autograding) -> Any:
    return Autograding.objects.filter(pk=autograding.pk, state=State.RUNNING, worker=autograding.worker)


def _renewed(autograding: Autograding, *, now: datetime) -> bool:
    return bool(_ours(autograding).update(lease_until=lease_from(now)))


# --- Steps -------------------------------------------------------------------------------------------------


def _turn(submission: Submission) -> int:
    """How many of the same person's wait already: so nobody's tenth goes before somebody's first."""
    waiting = Autograding.objects.under_way().filter(submission__membership__person=submission.membership.person_id)
    return waiting.count()


def _image_for(autograding: Autograding) -> Image:
    """What it is run in: the image of the release, or the one the class uses now where that is gone.

    Raises AssignmentError `grading_image_missing`.
    """
    environment = autograding.submission.assignment.course.environment
    version = version_in_use(environment) if environment is not None else None
    for key in filter(None, (autograding.release.image_key, version.image_key if version else "")):
        image = builder().find(key)
        if image is not None:
            return image
    raise AssignmentError("grading_image_missing")


def _read(artefact: str) -> Bundle:
    return files.from_tar([artefacts.read(artefact)], limits=files.Limits(2 * LIMITS.max_bytes)).bundle


def _with_data_of(release: Release, given: Bundle) -> Bundle:
    """What lies beside the notebooks: the release's data as it was given out, and what the student added."""
    data = {file.path: file for bundle in (given, _read(release.bundle)) for file in bundle if not _is_notebook(file)}
    return Bundle(tuple(data[path] for path in sorted(data)))


def _notebooks_of(bundle: Bundle) -> Bundle:
    return Bundle(tuple(file for file in bundle if _is_notebook(file)))


def _is_notebook(file: File) -> bool:
    return file.path.endswith(files.SUFFIX) and "/" not in file.path


def _written(bundle: Bundle, folder: Path) -> Path:
    for file in bundle:
        path = folder / PurePosixPath(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    folder.mkdir(exist_ok=True)
    return folder


def _found(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.rglob("*")):
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _dumped(notebook: dict[str, Any]) -> bytes:
    return json.dumps(notebook, ensure_ascii=False).encode("utf-8", "backslashreplace")


def _flags(executed: dict[str, Executed], scored: Scored) -> list[dict[str, Any]]:
    """What graders are told, as rows keep it."""
    ended = [
        {"notebook": name, "cell": "", "code": result.ending.value, "facts": {"exit": str(result.exit_reason or "")}}
        for name, result in executed.items()
        if result.ending.value != "completed"
    ]
    cells: list[dict[str, Any]] = [
        {"notebook": name, "cell": cell.grade_id, "position": cell.position, "code": flag.value, "facts": {}}
        for name, result in executed.items()
        for cell in result.flagged
        for flag in sorted(cell.flags)
    ]
    missing = [{"notebook": name, "cell": "", "code": "missing", "facts": {}} for name in scored.missing]
    return [*ended, *cells, *missing]
