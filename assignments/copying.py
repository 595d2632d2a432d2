"""What a class that is given again gets of the assignments of the former one.

Artefacts are named by what is in them, so that a copy names the same ones: nothing is read, kept twice or made again,
and they stay for as long as either class names them. A check comes along with the notebooks that it checked, so that
they can be released without another; a release is made in the new class, by its teacher.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Container, Iterable, Iterator, Mapping
from datetime import datetime
from typing import Any
from uuid import UUID

from django.db.models import Model
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from assignments.arranging import EDITABLE
from assignments.models import Assignment, GateRun, Release, RubricItem, SavedComment, Source
from classes.extensions import Luggage
from classes.models import Course, Lesson

DATES = frozenset({"opens_at", "due_at", "closes_at", "hidden_tests_from"})
"""Of another term: empty in a copy."""
SETTINGS = EDITABLE - DATES - {"lesson"}
OF_SOURCE = ("origin", "origin_detail", "bundle", "bytes", "notebooks", "upgraded", "brought_at")
OF_CHECK = (
    *("image_key", "state", "asked_at", "began_at", "done_at", "bundle", "gradebook", "engine_version"),
    *("cells", "findings", "has_passed"),
)
OF_RUBRIC_ITEM = ("notebook", "grade_id", "label", "points", "position")
OF_COMMENT = ("text", "uses", "kept_at")


class AssignmentsOfCopy:
    """Assignments as they were drawn up, with what graders say of them; nothing that anybody submitted or was given."""

    def luggage(self, former: Course) -> Luggage:
        """In words. One question."""
        count = Assignment.objects.filter(course=former).present().count()
        if not count:
            return Luggage()
        comes = ngettext(
            "%(count)s assignment, with its points, rules for being late, number of attempts and other settings",
            "%(count)s assignments, with their points, rules for being late, numbers of attempts and other settings",
            count,
        )
        return Luggage(
            comes=[
                comes % {"count": count},
                _("Notebooks of assignments, with solutions and tests, and what the check of them has found"),
                _("Rubrics, and comments that are kept for reuse"),
            ],
            stays=[_("Submissions, grades, feedback and extensions of assignments, and their dates")],
        )

    def copy(self, former: Course, course: Course, *, lessons: Mapping[UUID, Lesson]) -> None:
        """As many questions for many assignments as for one."""
        made = _copy_assignments(former, course, lessons)
        _copy_notebooks(made)
        items = RubricItem.objects.filter(assignment__in=made, retired_at=None)
        RubricItem.objects.bulk_create(
            RubricItem(assignment=made[item.assignment_id], **_facts(item, OF_RUBRIC_ITEM)) for item in items
        )
        comments = SavedComment.objects.filter(course=former)
        SavedComment.objects.bulk_create(
            SavedComment(course=course, **_facts(comment, OF_COMMENT)) for comment in comments
        )


def _copy_assignments(former: Course, course: Course, lessons: Mapping[UUID, Lesson]) -> dict[UUID, Assignment]:
    """Which has become which, each at its place and by its short name: links find it by that."""
    made = {
        one.pk: Assignment(
            course=course,
            name=one.name,
            lesson=lessons.get(one.lesson_id) if one.lesson_id is not None else None,
            position=position,
            created_at=course.created_at,
            **_facts(one, SETTINGS),
        )
        for position, one in enumerate(Assignment.objects.filter(course=former).present())
    }
    Assignment.objects.bulk_create(made.values())
    return made


def _copy_notebooks(made: Mapping[UUID, Assignment]) -> None:
    """Of each the notebooks that its next release would be made from, with the check of them."""
    releases = Release.objects.filter(current_for__in=made)
    given_out = {key for row in releases.values_list("source", "gate_run") for key in row}
    checks = _checks(GateRun.objects.filter(source__assignment__in=made, state=GateRun.State.DONE), given_out)
    copies = {
        source.pk: Source(assignment=made[source.assignment_id], **_facts(source, OF_SOURCE))
        for source in _chosen(Source.objects.filter(assignment__in=made), checks, given_out)
    }
    Source.objects.bulk_create(copies.values())
    GateRun.objects.bulk_create(
        GateRun(source=copy, **_facts(checks[key], OF_CHECK)) for key, copy in copies.items() if key in checks
    )


def _checks(runs: Iterable[GateRun], given_out: Container[UUID]) -> dict[UUID, GateRun]:
    """Of each source the check that what students have came of, or else the last."""
    of_source = defaultdict[UUID, list[GateRun]](list)
    for run in runs:
        of_source[run.source_id].append(run)
    return {key: max(mine, key=lambda run: (run.pk in given_out, run.asked_at)) for key, mine in of_source.items()}


def _chosen(sources: Iterable[Source], checks: Mapping[UUID, GateRun], given_out: Container[UUID]) -> Iterator[Source]:
    """Of each assignment the newest that students have or that passed its check, or else the newest.

    So what somebody tried and gave up does not come in place of what students had.
    """
    of_assignment = defaultdict[UUID, list[Source]](list)
    for source in sources:
        of_assignment[source.assignment_id].append(source)

    def rank(source: Source) -> tuple[bool, datetime]:
        check = checks.get(source.pk)
        return source.pk in given_out or (check is not None and check.has_passed), source.brought_at

    return (max(mine, key=rank) for mine in of_assignment.values())


def _facts(row: Model, names: Iterable[str]) -> dict[str, Any]:
    return {name: getattr(row, name) for name in names}
