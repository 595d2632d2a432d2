"""What the confirmation page says that a launch runs."""

from __future__ import annotations

import pytest

from environments.values import Reference, ResolvedRepository
from environments.views import consequences
from environments.views.consequences import programs_of

REFERENCE = Reference("gh", "ada/engine")
RESOLVED = ResolvedRepository("https://github.com/ada/engine", "1" * 40, "")


@pytest.mark.parametrize(
    ("folders", "programs"),
    [
        ({"": ["README.md", "postBuild", "requirements.txt"]}, ["requirements.txt", "postBuild"]),
        ({"": ["Dockerfile", "binder"], "binder": ["environment.yml"]}, ["binder/environment.yml"]),
        ({"": [".binder"], ".binder": ["start", "notes.txt"]}, [".binder/start"]),
        ({"": ["README.md"]}, []),
        ({}, None),
        ({"": ["binder"]}, None),
    ],
)
def test_programs_are_those_that_count(
    monkeypatch: pytest.MonkeyPatch, folders: dict[str, list[str]], programs: list[str] | None
) -> None:
    monkeypatch.setattr(consequences, "names_in", lambda _reference, _repository, folder="": folders.get(folder))

    assert programs_of(REFERENCE, RESOLVED) == programs
