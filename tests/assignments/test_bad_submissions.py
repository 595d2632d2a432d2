"""Whatever is submitted, and whenever: it ends with a submission that says what became of it, or a reason in words."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from importlib.util import find_spec
from pathlib import Path, PurePosixPath
from typing import Any

import pytest
from django.core.files.storage import storages
from pytest_django import Settings
from rest_framework.test import APIClient

from accounts.models import Scope
from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.models import Assignment, Collection, Fetch, Submission, Way
from assignments.notebooks.doctoring import Repair
from assignments.submitting.fetching import ask_fetch, carry_out_fetch, folder_of, home_of
from assignments.submitting.submissions import GIVEN_UP, ask_collection, carry_out_collection, receive
from classes.models import Membership
from environments.backends import volume_store
from environments.errors import SystemFailure
from environments.volumes.archive import Entry, pack
from environments.volumes.fake import FakeVolumeStore
from tests.environments.api_client import program_of
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

pytestmark = [pytest.mark.django_db, pytest.mark.usefixtures("fake_backends")]

SECOND = timedelta(seconds=1)
HOME = PurePosixPath()


@pytest.fixture
def assignment() -> Assignment:
    """One that was released, with two notebooks."""
    assignment = AssignmentFactory.create(name="given")
    released(assignment, problem1=EMPTY_NOTEBOOK, problem2=EMPTY_NOTEBOOK)
    return assignment


@pytest.fixture
def ada(assignment: Assignment, now: datetime) -> Membership:
    """A student who has a copy."""
    ada = member(assignment.course, "ada")
    carry_out_fetch(ask_fetch(assignment, ada, now=now), now=now)
    return ada


# --- What is in the copy -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("content", "repair"),
    [
        (b"no notebook at all", "notebook_unreadable"),
        (b'{"nbformat": 3, "worksheets": []}', "notebook_unreadable"),
        (b" " * 20_000_001, "notebook_too_large"),
        (None, "notebook_missing"),
    ],
    ids=["not json", "of another time", "too large to grade", "deleted"],
)
def test_notebook_that_cannot_be_graded_is_received_and_said(
    assignment: Assignment, ada: Membership, now: datetime, content: bytes | None, repair: str
) -> None:
    _change(ada, {"problem1.ipynb": content})

    _collected(assignment, ada, now)

    submission = Submission.objects.get()
    [told] = [Repair.from_json(stored) for stored in submission.repairs]
    assert (told.code, told.notebook, told.is_loss) == (repair, "problem1", True)
    assert "unanswered" in str(told)


@pytest.mark.parametrize("name", ["test-v0", "test-v2", "too-new"])
def test_notebook_of_another_schema_is_received_and_put_right(
    assignment: Assignment, ada: Membership, now: datetime, name: str
) -> None:
    spec = find_spec("nbgrader")
    assert spec is not None
    assert spec.submodule_search_locations
    content = Path(spec.submodule_search_locations[0], "tests", "apps", "files", f"{name}.ipynb").read_bytes()
    _change(ada, {"problem1.ipynb": content})

    _collected(assignment, ada, now)

    assert not any(Repair.from_json(stored).is_loss for stored in Submission.objects.get().repairs)


@pytest.mark.parametrize(
    ("files", "code"),
    [
        ({"problem1.ipynb": None, "problem2.ipynb": None, "notes.txt": b"x"}, "submission_without_notebooks"),
        ({"results.csv": bytes(1_000_001)}, "files_too_large"),
        ({f"{number}.txt": b"" for number in range(999)}, "files_too_many"),
    ],
    ids=["no notebooks", "too large", "too many"],
)
def test_copy_that_cannot_be_taken_says_why(
    assignment: Assignment,
    ada: Membership,
    now: datetime,
    settings: Settings,
    files: Mapping[str, bytes | None],
    code: str,
) -> None:
    settings.SUBMISSION_MB = 1
    _change(ada, files)

    collection = _collected(assignment, ada, now)

    assert (collection.state, collection.failure_code) == (Collection.State.FAILED, code)
    assert collection.failure is not None
    assert "?" not in collection.failure.sentence
    assert not Submission.objects.exists()


def test_copy_that_is_gone_can_be_fetched_again(assignment: Assignment, ada: Membership, now: datetime) -> None:
    home = _home(ada)
    for path in [path for path in home if path.is_relative_to(folder_of(assignment))]:
        del home[path]

    failed = _collected(assignment, ada, now)
    carry_out_fetch(ask_fetch(assignment, ada, now=now), now=now)
    _collected(assignment, ada, now)

    assert failed.failure_code == "copy_missing"
    assert Submission.objects.get().repairs == []


# --- What cannot be reached --------------------------------------------------------------------------------


def test_files_out_of_reach_are_waited_for(
    assignment: Assignment, ada: Membership, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as broken:
        broken.setattr(FakeVolumeStore, "read", _raiser(SystemFailure("engine_unreachable")))
        collection = _collected(assignment, ada, now)
    waited = collection.state

    carry_out_collection(collection, now=now + timedelta(minutes=5))

    assert waited == Collection.State.WAITING
    assert Submission.objects.get().submitted_at == now


def test_files_out_of_reach_for_long_say_so(
    assignment: Assignment, ada: Membership, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(FakeVolumeStore, "read", _raiser(SystemFailure("engine_unreachable")))
    collection = ask_collection(assignment, ada, by=ada.person, now=now)

    carry_out_collection(collection, now=now + GIVEN_UP + SECOND)

    assert (collection.state, collection.failure_code) == (Collection.State.FAILED, "engine_unreachable")
    assert collection.failure is not None


def test_full_disk_loses_nothing(
    assignment: Assignment, ada: Membership, now: datetime, monkeypatch: pytest.MonkeyPatch
) -> None:
    _change(ada, {"problem1.ipynb": EMPTY_NOTEBOOK + b" "})
    with monkeypatch.context() as broken:
        broken.setattr(storages["artefacts"], "save", _raiser(OSError(28, "No space left on device")))
        collection = _collected(assignment, ada, now)
        answer = _sent(ada, Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK + b"  "),)))

    assert collection.state == Collection.State.WAITING
    assert (answer.status_code, answer.json()["code"]) == (503, "artefacts_unreachable")
    assert not Submission.objects.exists()


def test_release_whose_files_are_lost_is_said_at_fetching(assignment: Assignment, now: datetime) -> None:
    assert assignment.release is not None
    assignment.release.bundle = "0" * 64
    assignment.release.save()
    fetch = ask_fetch(assignment, member(assignment.course, "eve"), now=now)

    carry_out_fetch(fetch, now=now)

    assert (fetch.state, fetch.failure_code) == (Fetch.State.FAILED, "artefact_missing")
    assert fetch.failure is not None


# --- When --------------------------------------------------------------------------------------------------


def test_last_second_is_taken_whole(assignment: Assignment, ada: Membership, now: datetime) -> None:
    assignment.closes_at = assignment.due_at = now.replace(microsecond=0)
    assignment.save()
    last = assignment.closes_at + SECOND - timedelta(microseconds=1)

    _collected(assignment, ada, last)
    with pytest.raises(AssignmentError) as raised:
        ask_collection(assignment, ada, by=ada.person, now=last + timedelta(microseconds=1))

    assert Submission.objects.get().submitted_at == last
    assert raised.value.code == "assignment_closed"


def test_two_in_one_second_are_both_kept(assignment: Assignment, ada: Membership, now: datetime) -> None:
    _collected(assignment, ada, now)
    _received(assignment, ada, now)

    assert list(Submission.objects.order_by("attempt").values_list("attempt", "submitted_at")) == [(1, now), (2, now)]


def test_attempt_that_was_used_meanwhile_is_said(assignment: Assignment, ada: Membership, now: datetime) -> None:
    assignment.attempts = 1
    assignment.save()
    collection = ask_collection(assignment, ada, by=ada.person, now=now)
    _received(assignment, ada, now)

    carry_out_collection(collection, now=now)

    assert (collection.state, collection.failure_code) == (Collection.State.FAILED, "attempts_used")
    assert Submission.objects.count() == 1


# --- By the exchange ---------------------------------------------------------------------------------------


def test_body_of_another_type_is_refused_in_words(ada: Membership) -> None:
    program = program_of(ada.person, [Scope.EXCHANGE])

    answer = program.post(_address(ada), {"a": 1}, format="json")

    assert (answer.status_code, answer.json()["code"]) == (415, "unsupported_media_type")
    assert "application/x-tar" in answer.json()["message"]


@pytest.mark.parametrize("name", ["../problem1.ipynb", "/problem1.ipynb", "a/../../problem1.ipynb"])
def test_way_out_of_the_folder_is_refused(ada: Membership, name: str) -> None:
    answer = _sent(ada, pack([Entry(PurePosixPath(name), size=1, content=(b"x",))]))

    assert (answer.status_code, answer.json()["code"]) == (422, "files_refused")
    assert name in answer.json()["message"]


def test_too_many_files_are_refused(ada: Membership) -> None:
    answer = _sent(ada, Bundle(tuple(File(f"{number:04}.txt", b"") for number in range(1001))))

    assert (answer.status_code, answer.json()["code"]) == (413, "files_too_many")


# --- Steps -------------------------------------------------------------------------------------------------


def _collected(assignment: Assignment, membership: Membership, at: datetime) -> Collection:
    collection = ask_collection(assignment, membership, by=membership.person, now=at)
    carry_out_collection(collection, now=at)
    return collection


def _received(assignment: Assignment, membership: Membership, at: datetime) -> Submission:
    bundle = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK),))
    return receive(assignment, membership, bundle, way=Way.LAB, by=membership.person, now=at)


def _sent(membership: Membership, body: Bundle | Any) -> Any:
    program: APIClient = program_of(membership.person, [Scope.EXCHANGE])
    tar = body.tar if isinstance(body, Bundle) else b"".join(body)
    return program.post(_address(membership), tar, content_type="application/x-tar")


def _address(membership: Membership) -> str:
    return f"/api/v1/exchange/{membership.course.slug}/given/submissions/"


def _home(membership: Membership) -> dict[PurePosixPath, bytes | None]:
    home, store = home_of(membership.person), volume_store()
    assert home is not None
    assert isinstance(store, FakeVolumeStore)
    return store.volumes[home.key]


def _change(membership: Membership, files: Mapping[str, bytes | None]) -> None:
    """Files of the copy written anew, and those without content deleted."""
    home, folder = _home(membership), PurePosixPath(membership.course.slug, "given")
    for name, content in files.items():
        if content is None:
            del home[folder / name]
        else:
            home[folder / name] = content


def _raiser(error: Exception) -> Callable[..., Any]:
    def fail(*_arguments: Any, **_named: Any) -> Any:
        raise error

    return fail
