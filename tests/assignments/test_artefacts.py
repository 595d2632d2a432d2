"""Files are kept by what is in them, and removed once nobody names them."""

from __future__ import annotations

import os
from collections.abc import Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from django.apps import apps
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.db.models import CharField
from django.utils import timezone

from assignments import artefacts
from assignments.errors import AssignmentError, AssignmentFailure
from assignments.files import Bundle, File
from assignments.models import Way
from assignments.models.artefact_field import ArtefactField
from assignments.submitting.submissions import receive
from assignments.sweeping import sweep_artefacts
from tests.factories import EMPTY_NOTEBOOK, AssignmentFactory, member, released

LATER = timedelta(days=3)


def test_read_gives_what_was_kept() -> None:
    name = artefacts.keep(b"a notebook")

    assert artefacts.read(name) == b"a notebook"


def test_keep_twice_is_one_file() -> None:
    assert artefacts.keep(b"the same") == artefacts.keep(b"the same")


def test_read_refuses_what_was_changed() -> None:
    name = artefacts.keep(b"as it was")
    storage = storages["artefacts"]
    path = f"{name[:2]}/{name}"
    storage.delete(path)
    storage.save(path, ContentFile(b"as it is"))

    with pytest.raises(AssignmentError) as raised:
        artefacts.read(name)

    assert raised.value.code == "artefact_missing"


def test_read_of_what_is_gone_says_so() -> None:
    with pytest.raises(AssignmentError) as raised:
        artefacts.read("0" * 64)

    assert raised.value.code == "artefact_missing"


def test_sweep_removes_what_nobody_names() -> None:
    needed, forgotten = artefacts.keep(b"needed"), artefacts.keep(b"forgotten")

    artefacts.sweep([needed], now=_now() + LATER)

    assert artefacts.read(needed) == b"needed"
    with pytest.raises(AssignmentError):
        artefacts.read(forgotten)


def test_sweep_spares_what_is_new() -> None:
    name = artefacts.keep(b"not yet in a row")

    artefacts.sweep([], now=_now())

    assert artefacts.read(name) == b"not yet in a row"


def test_sweep_spares_what_was_kept_again() -> None:
    name = artefacts.keep(b"handed in twice")
    _aged(name)

    artefacts.keep(b"handed in twice")
    artefacts.sweep([], now=_now())

    assert artefacts.read(name) == b"handed in twice"


def test_sweep_spares_what_is_kept_while_it_looks(monkeypatch: pytest.MonkeyPatch) -> None:
    name = artefacts.keep(b"just coming in")
    _aged(name)
    put_aside = Path.replace

    def keep_first(path: Path, target: Path) -> Any:
        if str(target).endswith(".aside"):
            artefacts.keep(b"just coming in")
        return put_aside(path, target)

    monkeypatch.setattr(Path, "replace", keep_first)
    artefacts.sweep([], now=_now())

    assert artefacts.read(name) == b"just coming in"


def test_worker_that_dies_while_keeping_leaves_nothing_by_that_name(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "fsync", _raises(OSError("no space left")))
    with pytest.raises(AssignmentFailure, match="no space"):
        artefacts.keep(b"half of it")
    monkeypatch.undo()

    assert artefacts.read(artefacts.keep(b"half of it")) == b"half of it"


@pytest.mark.django_db
@pytest.mark.usefixtures("fake_backends")
def test_submission_that_is_received_meanwhile_is_kept(now: datetime) -> None:
    assignment = AssignmentFactory.create()
    released(assignment)
    bundle = Bundle((File("problem1.ipynb", EMPTY_NOTEBOOK), File("old.txt", b"As somebody had it before")))
    _aged(artefacts.keep(bundle.tar))

    student = member(assignment.course, "ada")
    submission = receive(assignment, student, bundle, way=Way.PAGE, by=student.person, now=now)
    artefacts.sweep([], now=_now())  # By what was named before it came.

    assert artefacts.read(submission.bundle) == bundle.tar


@pytest.mark.django_db
@pytest.mark.usefixtures("fake_backends")
def test_sweep_keeps_what_rows_name_and_nothing_else(now: datetime) -> None:
    assignment = AssignmentFactory.create()
    release = released(assignment)
    forgotten = artefacts.keep(b"of a row that is gone")
    for name in (release.bundle, release.gradebook, forgotten):
        _aged(name)

    sweep_artefacts(now=_now())

    assert artefacts.read(release.bundle) is not None
    assert artefacts.read(release.gradebook) == b""
    with pytest.raises(AssignmentError):
        artefacts.read(forgotten)


def test_every_column_that_looks_like_an_artefact_is_one() -> None:
    columns = [field for model in apps.get_app_config("assignments").get_models() for field in model._meta.fields]
    digests = [field for field in columns if isinstance(field, CharField) and field.max_length == 64]

    others = [str(field) for field in digests if not isinstance(field, ArtefactField)]

    assert all(name.endswith("failure_code") for name in others)


def _aged(name: str) -> None:
    long_ago = (_now() - LATER).timestamp()
    os.utime(storages["artefacts"].path(f"{name[:2]}/{name}"), (long_ago, long_ago))


def _raises(error: Exception) -> Callable[..., None]:
    def raise_it(*arguments: object) -> None:
        raise error

    return raise_it


def _now() -> datetime:
    return timezone.now()
