"""How points are spread, counted in the tables and drawn by the server."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from assignments.grading.marking import give_points
from assignments.grading.statistics import Distribution, spreads, statistics_of
from assignments.models import Assignment, Grade
from assignments.templatetags.progress import histogram
from classes.models import Role
from tests.assignments.grading_rows import submitted_by_many
from tests.assignments.marked import ESSAY, graded, to_be_graded
from tests.factories import CourseFactory, member

WORK = "/classes/biology/assignments/"


@pytest.fixture
def assignment() -> Assignment:
    """Twelve points: two cells that a person grades, one that tests do."""
    return to_be_graded(course=CourseFactory.create(slug="biology"), name="homework")


@pytest.mark.parametrize(
    ("counts", "mean", "median"),
    [
        ([(0, 1), (4, 1)], 2, 2),
        ([(1, 3), (4, 1)], Decimal("1.75"), 1),
        ([(0, 1), (3, 1), (4, 1)], Decimal(7) / 3, 3),
        ([], None, None),
    ],
)
def test_mean_and_median_are_of_everybody(
    counts: list[tuple[int, int]], mean: Decimal | None, median: Decimal | None
) -> None:
    found = _spread(counts, 4)

    assert (found.mean, found.median) == (mean, median)


def test_few_whole_points_have_a_bar_each() -> None:
    assert [(int(bar.begin), int(bar.end), bar.count) for bar in _spread([(0, 2), (2, 5)], 2).bars] == [
        (0, 0, 2),
        (1, 1, 0),
        (2, 2, 5),
    ]


def test_many_points_come_in_ten_bars_the_last_with_all_beyond() -> None:
    bars = _spread([(0, 1), (99, 2), (100, 3), (120, 4)], 100).bars

    assert [bar.count for bar in bars] == [1] + [0] * 8 + [9]
    assert (int(bars[0].end), int(bars[-1].begin)) == (10, 90)


def test_plot_is_drawn_in_whole_numbers_within_its_frame() -> None:
    drawn = histogram(_spread([(0, 1), (1, 999)], 3))["bars"]

    assert all(isinstance(one[name], int) for one in drawn for name in ("x", "y", "width", "height"))
    assert all(one["x"] + one["width"] <= 1000 and one["y"] + one["height"] == 400 for one in drawn)
    assert [one["height"] > 0 for one in drawn] == [True, True, False, False]


@pytest.mark.django_db
def test_cell_that_waits_for_a_person_is_no_zero(assignment: Assignment, now: datetime) -> None:
    lead = member(assignment.course, "lead", Role.TEACHER).person
    submissions = [graded(assignment, member(assignment.course, name), now=now) for name in ("ada", "bob", "eva")]
    give_points(submissions[0], ESSAY, Decimal(3), by=lead, now=now, seen=0)

    found = statistics_of(assignment)

    essay, _proof, test = found.questions
    assert (essay.points.counts, essay.by_hand, essay.to_do) == (((Decimal(3), 1),), 1, 2)
    assert (test.points.counts, test.by_hand, test.to_do) == (((Decimal(2), 3),), 0, 0)
    assert [(one.name, one.answers) for one in found.graders] == [(lead.get_full_name(), 1)]


@pytest.mark.django_db
def test_submission_that_does_not_count_is_left_out(assignment: Assignment, now: datetime) -> None:
    ada = member(assignment.course, "ada")
    for _ in range(2):
        graded(assignment, ada, now=now)

    found = statistics_of(assignment)

    assert (found.whole.count, found.questions[2].points.count) == (1, 1)


@pytest.mark.django_db
def test_questions_do_not_grow_with_the_class(
    assignment: Assignment, now: datetime, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    submitted_by_many(assignment, 40, now=now, points=3)
    graded(assignment, member(assignment.course, "ada"), now=now)

    with django_assert_max_num_queries(5):
        statistics_of(assignment)
    with django_assert_max_num_queries(1):
        spreads([assignment])


@pytest.mark.django_db
def test_pages_show_how_points_are_spread(client: Client, assignment: Assignment, now: datetime) -> None:
    submitted_by_many(assignment, 3, now=now, points=3)
    Grade.objects.update(max_points=12)
    client.force_login(member(assignment.course, "grader", Role.GRADER).person)

    pages = {place: client.get(WORK + place).content.decode() for place in ("homework/", "homework/statistics/")}
    book = client.get(f"{WORK}-/gradebook/").content.decode()

    assert all(
        'class="histogram-bar"' in page and '<th scope="row">3</th><td>3</td>' in page for page in pages.values()
    )
    assert "3 graded, mean 3, median 3" in book


def _spread(counts: list[tuple[int, int]], most: int) -> Distribution:
    return Distribution(tuple((Decimal(points), number) for points, number in counts), Decimal(most))
