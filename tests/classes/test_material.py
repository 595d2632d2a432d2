"""The material of a class: looked for, put in use, taken back, and brought to whoever opens the class."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.test import Client
from pytest_django import Settings

from accounts.models import User
from classes import material
from classes.errors import CourseError
from classes.models import Course, CourseMaterial, Looks, Role
from environments import references
from environments.errors import EnvironmentsError
from environments.models import NotebookServer, ServerMaterial, SourceTree
from environments.source_trees import carry_out_fetch
from environments.values import Reference
from tests.factories import CourseFactory, EnvironmentFactory, NotebookServerFactory, UserFactory, member
from tests.fakes.git_host import GitHost

pytestmark = pytest.mark.django_db

State = NotebookServer.State


@pytest.fixture(scope="module")
def host() -> Iterator[GitHost]:
    with GitHost() as host:
        yield host


@pytest.fixture(autouse=True)
def _allowed(host: GitHost, settings: Settings, tmp_path: Path, fake_backends: None) -> None:
    settings.CARREL_DATA, settings.REPOSITORY_ALLOWED_HOSTS = tmp_path / "data", [host.address]


@pytest.fixture
def first(host: GitHost, request: pytest.FixtureRequest) -> str:
    """The commit that the environment of the class was made from."""
    return host.add(request.node.name, {"lesson.ipynb": "1", "notes.md": "1", "old.txt": "1"})


@pytest.fixture
def name(request: pytest.FixtureRequest) -> str:
    """The repository of this test."""
    return str(request.node.name)


@pytest.fixture
def course(host: GitHost, first: str, name: str, teacher: User) -> Course:
    reference = references.parse(host.url(name))
    environment = EnvironmentFactory.create(
        owner=teacher,
        provider=reference.provider,
        repository=reference.repository,
        repository_url=references.resolve(reference).url,
        commit=first,
        has_image=True,
    )
    course = CourseFactory.create(owner=teacher, environment=environment)
    member(course, "teacher", Role.TEACHER)
    return course


@pytest.fixture
def second(host: GitHost, first: str, name: str) -> str:
    """A newer commit."""
    return host.commit(name, {"lesson.ipynb": "2", "data/new.csv": "2"})


def fetch(now: datetime) -> None:
    """Have workers fetch whatever was asked for."""
    for tree in SourceTree.objects.filter(state=SourceTree.State.QUEUED):
        carry_out_fetch(tree, clock=lambda: now)


def in_use(course: Course, by: User, now: datetime) -> SourceTree:
    """The newest, put in use."""
    material.look_for_newer(course, now=now)
    fetch(now)
    newest = material.material_of(course).newest
    assert newest is not None
    material.put_in_use(course, newest.commit, by=by, now=now)
    return newest


def server_of(course: Course, person: User, **fields: Any) -> NotebookServer:
    return NotebookServerFactory.create(owner=person, group=course.everybody, **fields)


# --- Looking ---------------------------------------------------------------------------------------------------


def test_look_finds_the_newest_and_has_it_fetched(course: Course, second: str, now: datetime) -> None:
    found = material.look_for_newer(course, now=now)
    fetch(now)

    assert found.newest is not None
    assert (found.newest.commit, found.has_newer, found.looked_at) == (second, True, now)
    assert set(SourceTree.objects.values_list("state", flat=True)) == {SourceTree.State.READY}


def test_look_tells_which_files_differ_from_what_students_have(course: Course, second: str, now: datetime) -> None:
    material.look_for_newer(course, now=now)
    fetch(now)

    changes = material.changes_since(material.material_of(course))

    assert changes is not None
    assert (changes.changed.names, changes.added.names) == (("lesson.ipynb",), ("data/new.csv",))
    assert changes.removed.count == 0


def test_look_says_that_the_repository_is_gone_and_leaves_what_is_in_use(
    course: Course, second: str, teacher: User, now: datetime
) -> None:
    in_use(course, teacher, now)
    course.environment.repository += "-gone"  # type: ignore[union-attr]
    course.environment.save()  # type: ignore[union-attr]

    with pytest.raises(EnvironmentsError, match="repository_not_found"):
        material.look_for_newer(course, now=now)

    found = material.material_of(course)
    assert (found.failure_code, found.in_use.commit if found.in_use else "") == ("repository_not_found", second)


def test_look_is_refused_for_a_class_without_a_repository(now: datetime) -> None:
    course = CourseFactory.create(environment=None)

    with pytest.raises(CourseError, match="material_nowhere"):
        material.look_for_newer(course, now=now)


def test_look_asks_the_repository_of_the_material_if_it_is_another(
    course: Course, host: GitHost, name: str, now: datetime
) -> None:
    commit = host.add(f"{name}-material", {"extra.md": "1"})
    material.set_source(course, Reference("git", host.url(f"{name}-material")), looks=Looks.BY_HAND)

    found = material.look_for_newer(course, now=now)

    assert found.newest is not None
    assert found.newest.commit == commit


def test_look_where_due_looks_once_a_day(course: Course, first: str, second: str, now: datetime) -> None:
    for hours in (0, 1, 25):
        material.look_where_due(now=now + timedelta(hours=hours))

    assert material.material_of(course).looked_at == now + timedelta(hours=25)


@pytest.mark.parametrize("fields", [{"looks": Looks.BY_HAND}, {"archived_at": 1}])
def test_look_where_due_passes_over(course: Course, now: datetime, fields: dict[str, Any]) -> None:
    if "archived_at" in fields:
        Course.objects.update(archived_at=now)
    CourseMaterial.objects.create(course=course, looks=fields.get("looks", Looks.DAILY))

    material.look_where_due(now=now)

    assert material.material_of(course).looked_at is None


def test_look_where_due_goes_on_after_one_that_failed(course: Course, second: str, now: datetime) -> None:
    CourseFactory.create(environment=EnvironmentFactory.create(provider="git", repository="https://nowhere.invalid/x"))

    material.look_where_due(now=now)

    assert material.material_of(course).has_newer


def test_look_where_due_keeps_what_is_in_use(course: Course, second: str, teacher: User, now: datetime) -> None:
    in_use(course, teacher, now)
    later = now + timedelta(days=20)

    material.look_where_due(now=later)

    assert SourceTree.objects.get(commit=second).used_at == later


# --- In use ----------------------------------------------------------------------------------------------------


def test_put_in_use_says_who_and_since_when(course: Course, second: str, teacher: User, now: datetime) -> None:
    in_use(course, teacher, now)

    found = material.material_of(course)
    assert found.in_use is not None
    assert (found.in_use.commit, found.put_by, found.in_use_since) == (second, teacher, now)
    assert not found.has_newer


def test_put_in_use_waits_for_the_files(course: Course, second: str, teacher: User, now: datetime) -> None:
    material.look_for_newer(course, now=now)

    with pytest.raises(CourseError, match="material_not_ready"):
        material.put_in_use(course, second, by=teacher, now=now)


def test_put_in_use_is_refused_where_the_teacher_saw_another(
    course: Course, first: str, second: str, teacher: User, now: datetime
) -> None:
    material.look_for_newer(course, now=now)
    fetch(now)

    with pytest.raises(CourseError, match="material_changed"):
        material.put_in_use(course, first, by=teacher, now=now)


def test_go_back_and_forth(course: Course, host: GitHost, second: str, name: str, teacher: User, now: datetime) -> None:
    in_use(course, teacher, now)
    third = host.commit(name, {"lesson.ipynb": "3"})
    in_use(course, teacher, now)

    back = material.go_back(course, second, by=teacher, now=now)

    assert (back.in_use and back.in_use.commit, back.before and back.before.commit) == (second, third)


def test_go_back_is_refused_where_there_is_nothing(course: Course, second: str, teacher: User, now: datetime) -> None:
    in_use(course, teacher, now)

    with pytest.raises(CourseError, match="material_changed"):
        material.go_back(course, second, by=teacher, now=now)


@pytest.mark.parametrize(
    "act",
    [
        lambda course, person, now: material.look_for_newer(course, now=now),
        lambda course, person, now: material.put_in_use(course, "1" * 40, by=person, now=now),
        lambda course, person, now: material.go_back(course, "1" * 40, by=person, now=now),
        lambda course, person, now: material.set_source(course, None, looks=Looks.DAILY),
    ],
    ids=["look", "use", "back", "source"],
)
def test_nothing_changes_once_the_class_is_over(course: Course, teacher: User, now: datetime, act: Any) -> None:
    course.archived_at = now

    with pytest.raises(CourseError, match="course_over"):
        act(course, teacher, now)


def test_a_force_push_leaves_what_is_in_use_and_finds_the_new_one(
    course: Course, host: GitHost, second: str, name: str, teacher: User, now: datetime
) -> None:
    in_use(course, teacher, now)
    host.directory(name).joinpath("refs", "heads", "main").unlink()
    rewritten = host.commit(name, {"lesson.ipynb": "rewritten"})

    found = material.look_for_newer(course, now=now)
    fetch(now)
    changes = material.changes_since(material.material_of(course))

    assert (found.in_use and found.in_use.commit, found.newest and found.newest.commit) == (second, rewritten)
    assert changes is not None
    assert (changes.changed.names, changes.removed.count) == (("lesson.ipynb",), 3)


# --- Members ---------------------------------------------------------------------------------------------------


def test_bring_asks_for_what_is_in_use(
    course: Course, second: str, teacher: User, student: User, now: datetime
) -> None:
    in_use(course, teacher, now)
    server = server_of(course, student)

    material.bring_material(course, server, now=now)

    assert ServerMaterial.objects.get(server=server).wanted.commit == second


def test_bring_does_nothing_as_long_as_nothing_is_in_use(course: Course, student: User, now: datetime) -> None:
    material.bring_material(course, server_of(course, student), now=now)

    assert not ServerMaterial.objects.exists()


def test_bring_costs_two_questions_where_there_is_nothing_to_do(
    course: Course, second: str, teacher: User, student: User, now: datetime, django_assert_num_queries: Any
) -> None:
    tree = in_use(course, teacher, now)
    server = server_of(course, student)
    ServerMaterial.objects.create(server=server, base=tree, wanted=tree)

    with django_assert_num_queries(2):
        material.bring_material(course, server, now=now)


def test_spread_counts_the_servers_of_the_class(course: Course, second: str, teacher: User, now: datetime) -> None:
    tree = in_use(course, teacher, now)
    servers = [server_of(course, UserFactory.create()) for _ in range(3)]
    NotebookServerFactory.create()
    ServerMaterial.objects.create(server=servers[0], base=tree, wanted=tree)
    ServerMaterial.objects.create(server=servers[1], wanted=tree, failure_code="disk_full")

    assert material.spread_of(material.material_of(course)) == material.Spread(servers=3, done=1, failed=1)


# --- Pages -----------------------------------------------------------------------------------------------------


@pytest.fixture
def page(client: Client, course: Course, teacher: User) -> Any:
    """The page as the teacher sees it; with a part of it named, after pressing that."""
    client.force_login(teacher)

    def see(part: str = "", **data: str) -> str:
        address = f"/classes/{course.slug}/material/"
        if part:
            return client.post(f"{address}{part}/", data, follow=True).content.decode()
        return client.get(address).content.decode()

    return see


def test_page_offers_the_newest_with_its_changes(page: Any, second: str, now: datetime) -> None:
    page("look")
    waiting = page()
    fetch(now)

    ready = page()

    assert "Its files are being fetched" in waiting
    assert "Put it in use" not in waiting
    expected = ("Put it in use", second[:7], "1 file changed", "1 new file", "data/new.csv")
    assert [words for words in expected if words not in ready] == []


def test_page_puts_in_use_and_goes_back(page: Any, host: GitHost, name: str, second: str, now: datetime) -> None:
    page("look")
    fetch(now)
    page("use", commit=second)
    third = host.commit(name, {"lesson.ipynb": "3"})
    page("look")
    fetch(now)
    page("use", commit=third)

    said = page("back", commit=second)

    assert "What was in use before is in use again" in said
    assert f"Go back to version {third[:7]}" in said


def test_page_says_that_the_repository_is_gone(page: Any, course: Course) -> None:
    course.environment.repository += "-gone"  # type: ignore[union-attr]
    course.environment.save()  # type: ignore[union-attr]

    said = page("look")

    assert "What is in use stays in use." in said


def test_page_says_what_is_too_large(page: Any, second: str, now: datetime, settings: Settings) -> None:
    settings.MATERIAL_MAX_MB = 0
    page("look")
    fetch(now)

    said = page()

    assert "The files take more than the 0 MB allowed." in said
    assert "Put it in use" not in said


def test_page_says_what_is_left_out(page: Any, host: GitHost, name: str, now: datetime, second: str) -> None:
    host.link(name, "passwords", "/etc/passwd")
    page("look")
    fetch(now)

    assert "left out: passwords" in page()


def test_page_takes_another_source(page: Any, course: Course, host: GitHost) -> None:
    page("source", repository=host.url("elsewhere"), ref="spring", looks="by_hand")

    found = material.material_of(course)
    assert (found.provider, found.ref, found.looks) == ("git", "spring", "by_hand")


@pytest.mark.parametrize(
    "data", [{"repository": "ftp://x/y"}, {"ref": "spring"}, {"repository": "gh/a/b", "looks": "x"}]
)
def test_page_says_what_is_wrong_with_a_source(page: Any, course: Course, data: dict[str, str]) -> None:
    said = page("source", **{"looks": "daily", **data})

    assert 'aria-invalid="true"' in said
    assert not CourseMaterial.objects.exists()


def test_page_shows_names_as_text(page: Any, host: GitHost, name: str, now: datetime, second: str) -> None:
    host.commit(name, {"<script>alert(1)<": "1"})
    page("look")
    fetch(now)

    assert "<script>alert(1)" not in page()


def test_page_asks_as_many_questions_for_many_servers(
    page: Any, course: Course, second: str, teacher: User, now: datetime, django_assert_max_num_queries: Any
) -> None:
    tree = in_use(course, teacher, now)
    for _number in range(30):
        server = server_of(course, UserFactory.create())
        ServerMaterial.objects.create(server=server, base=tree, wanted=tree)

    with django_assert_max_num_queries(16):
        page()


def test_class_page_tells_a_student_what_came_and_what_is_beside(
    client: Client, course: Course, second: str, teacher: User, student: User, now: datetime
) -> None:
    tree = in_use(course, teacher, now)
    member(course, "student")
    report = {
        "commit": second,
        "at": now.isoformat(),
        **{kind: {"count": 0, "names": []} for kind in ("added", "replaced", "deleted", "kept")},
        "beside": {"count": 1, "names": ["lesson.ipynb"]},
        "targets": ["lesson.2222222.new.ipynb"],
    }
    ServerMaterial.objects.create(
        server=server_of(course, student), base=tree, wanted=tree, brought_at=now, reports=[report]
    )
    client.force_login(student)

    said = client.get(f"/classes/{course.slug}/").content.decode()

    assert "<code>lesson.ipynb</code>" in said
    assert "<code>lesson.2222222.new.ipynb</code>" in said


def test_class_page_tells_a_student_why_nothing_came(
    client: Client, course: Course, second: str, teacher: User, student: User, now: datetime
) -> None:
    tree = in_use(course, teacher, now)
    member(course, "student")
    ServerMaterial.objects.create(server=server_of(course, student), wanted=tree, failure_code="disk_full")
    client.force_login(student)

    said = client.get(f"/classes/{course.slug}/").content.decode()

    assert "There is no space left on the disk." in said
