"""Files are kept by what is in them, and removed once nobody names them."""

from __future__ import annotations

from datetime import datetime, timedelta

import pytest
from django.core.files.base import ContentFile
from django.core.files.storage import storages
from django.utils import timezone

from assignments import artefacts
from assignments.errors import AssignmentError

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


def _now() -> datetime:
    return timezone.now()
