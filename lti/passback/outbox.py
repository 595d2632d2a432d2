"""The outbox: which grades are to be in which columns. Rows only; `sending` has them leave.

Only what is final is sent, to those whom the platform calls students: platforms erase or misread anything else. What
is published again takes the place of what waits.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from django.db import transaction
from django.db.models import F, QuerySet

from assignments.models import Assignment, Feedback, Grade
from classes.models import Role
from environments.queueing import enqueue
from lti.models import Context, Enrolment, LineItem, LtiPerson, Outlet, ResourceLink, Score
from lti.passback import line_items

TASK = "lti.tasks.send_grades"
State = Score.State
MAX_COMMENT = 4000
AT_ONCE = 200


@transaction.atomic
def queue(grades: Sequence[Grade], *, only: Context | None = None) -> int:
    """Have these published grades be on their way to every platform that their students come from.

    Those that are there, or on their way already, stay so. Returns how many are new. A dozen questions at most.
    """
    final = [grade for grade in grades if _is_final(grade)]
    contexts = _contexts([grade.assignment_id for grade in final], only)
    if not contexts:
        return 0
    columns = line_items.take_part(contexts, _assignments(final))
    people = _students(contexts, [grade.membership.person_id for grade in final])
    comments = _comments(final)
    wanted = {}
    for grade in final:
        for context_id, person in people.get(grade.membership.person_id, ()):
            column = columns.get((context_id, grade.assignment_id))
            if column is not None:
                score = _score(grade, column, person, comments.get(grade.submission_id, ""))
                wanted[column.pk, person.pk] = score
    count = _write(wanted, columns.values())
    if count:
        send_soon({context.deployment.platform_id for context in contexts})
    return count


def catch_up(context: Context, person: LtiPerson | None = None) -> int:
    """Have what was published before on its way, too: of one who has only now come from the course, or of all.

    What has changed since it was published is left until it is published again.
    """
    if context.course_id is None:
        return 0
    published = Grade.objects.filter(
        assignment__course=context.course_id,
        assignment__deleted_at=None,
        published_at__isnull=False,
        needs_manual=0,
        published_points=F("points"),
    )
    students = context.enrolments.filter(role=Role.STUDENT)
    if person is not None:
        students = students.filter(person=person)
    published = published.filter(membership__person__in=students.values("person__user"))
    done = Score.objects.filter(line_item__context=context, person__in=students.values("person"))
    missing = published.exclude(pk__in=done.values("grade"))
    return queue(list(missing.select_related("membership")), only=context)


def note_link(link: ResourceLink) -> None:
    """After a launch by a link: what it says of its column, and what was published before there was one."""
    if line_items.note_link(link):
        send_soon([link.context.deployment.platform_id])


def follow(link: ResourceLink) -> None:
    """A link leads to something else: its column is of that from now on, with all that was published of it.

    What filled it before has a column of its own, where it is still of the class and the platform lets one be made.
    """
    if not link.line_item_url:
        return
    line_items.let_go(link)
    if link.assignment is not None:
        line_items.take_part([link.context], [link.assignment])
        note_link(link)
    catch_up(link.context)


def resend(scores: QuerySet[Score]) -> int:
    """Have these sent once more, as something new, whatever was said of them before. Returns how many."""
    columns = LineItem.objects.filter(pk__in=scores.order_by().values("line_item"))
    found = list(columns.select_related("context__deployment__platform"))
    for column in found:
        line_items.reopen(column)
    count = scores.order_by().update(
        state=State.WAITING, worker=None, version=F("version") + 1, attempts=0, next_try_at=None, failure_code=""
    )
    send_soon({column.platform.pk for column in found}, at_once=True)
    return count


def make_anew(line_item: LineItem) -> None:
    """Have a column that is gone be made once more, with all grades."""
    line_items.make_anew(line_item)
    send_soon([line_item.platform.pk], at_once=True)


def send_soon(platforms: Collection[UUID], *, at_once: bool = False) -> None:
    """Ask a worker, after this transaction. `at_once`, because somebody asks, ends a pause."""
    Outlet.objects.bulk_create([Outlet(platform_id=key) for key in platforms], ignore_conflicts=True)
    if at_once:
        Outlet.objects.filter(platform__in=list(platforms)).update(paused_until=None)
    for key in platforms:
        enqueue(TASK, key)


# --- Steps -------------------------------------------------------------------------------------------------


def _is_final(grade: Grade) -> bool:
    has_points = grade.published_points is not None and bool(grade.published_max_points)
    is_theirs = grade.membership.role == Role.STUDENT
    return is_theirs and has_points and grade.published_at is not None and not grade.needs_manual


def _contexts(assignments: Collection[UUID], only: Context | None) -> list[Context]:
    if only is not None:
        return [only]
    of_classes = Context.objects.filter(course__assignments__in=set(assignments)).distinct()
    return list(of_classes.select_related("deployment")) if assignments else []


def _assignments(grades: Iterable[Grade]) -> list[Assignment]:
    return list(Assignment.objects.filter(pk__in={grade.assignment_id for grade in grades}))


def _students(contexts: Iterable[Context], users: Collection[object]) -> dict[object, list[tuple[UUID, LtiPerson]]]:
    """By account, in which courses they are students, as whom."""
    enrolled = Enrolment.objects.filter(context__in=list(contexts), role=Role.STUDENT)
    found: dict[object, list[tuple[UUID, LtiPerson]]] = {}
    everybody = set(users)
    for one in enrolled.select_related("person"):
        if one.person.user_id in everybody:
            found.setdefault(one.person.user_id, []).append((one.context_id, one.person))
    return found


def _comments(grades: Iterable[Grade]) -> dict[UUID | None, str]:
    """What the teacher says to each student beside the points, by the submission."""
    submissions = {grade.submission_id for grade in grades if grade.submission_id is not None}
    said = Feedback.objects.filter(submission__in=submissions).exclude(message="")
    return dict(said.values_list("submission", "message"))


def _score(grade: Grade, column: LineItem, person: LtiPerson, comment: str) -> Score:
    points, maximum, at = grade.published_points, grade.published_max_points, grade.published_at
    if points is None or maximum is None or at is None:
        raise ValueError("a grade that was never published")
    return Score(
        line_item=column,
        person=person,
        grade=grade,
        points=points,
        maximum=maximum,
        comment=comment[:MAX_COMMENT],
        graded_at=at,
    )


def _write(wanted: dict[tuple[UUID, int], Score], columns: Iterable[LineItem]) -> int:
    """Put them into the outbox, unless the same is there, or something newer.

    Whoever publishes and whoever comes from the platform may do so in the same moment, for the same people. The columns
    are locked, so that the second finds the rows of the first; but what it wants was read before it had to wait.
    """
    locked = [column.pk for column in columns]
    list(LineItem.objects.select_for_update(no_key=True).filter(pk__in=locked).order_by("pk"))
    rows = Score.objects.select_for_update().filter(line_item__in=locked)
    known = {(row.line_item_id, row.person_id): row for row in rows if (row.line_item_id, row.person_id) in wanted}
    new = [score for place, score in wanted.items() if place not in known]
    changed = [_changed(row, wanted[place]) for place, row in known.items() if _is_news(row, wanted[place])]
    Score.objects.bulk_create(new, batch_size=AT_ONCE)
    told = ["grade", "points", "maximum", "comment", "graded_at", "version"]
    state = ["state", "worker", "attempts", "next_try_at", "failure_code"]
    Score.objects.bulk_update(changed, told + state, batch_size=AT_ONCE)
    return len(new) + len(changed)


def _is_news(row: Score, wanted: Score) -> bool:
    """Whether there is something to be sent: what was refused is worth another try once it is published again."""
    if wanted.graded_at < row.graded_at:
        return False
    same = (row.points, row.maximum, row.comment) == (wanted.points, wanted.maximum, wanted.comment)
    return not same or row.state == State.REFUSED


def _changed(row: Score, wanted: Score) -> Score:
    """The row, to be sent anew: whoever sends it now has sent something else."""
    row.grade, row.points, row.maximum, row.comment = wanted.grade, wanted.points, wanted.maximum, wanted.comment
    row.graded_at, row.version = wanted.graded_at, row.version + 1
    row.state, row.worker, row.attempts, row.next_try_at, row.failure_code = State.WAITING, None, 0, None, ""
    return row
