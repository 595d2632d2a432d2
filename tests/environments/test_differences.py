"""What would be different about a server, in words."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from django.utils import translation

from environments.differences import differences
from environments.values import Limits, MountWish, Reference, Target

NOW = Target(Reference("gh", "owner/name", "main"), "https://github.com/owner/name", "1a2b3c4" + "0" * 33)


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({}, []),
        ({"url": "https://github.com/owner/renamed"}, []),
        ({"commit": "5d6e7f8" + "0" * 33}, [("Commit", "1a2b3c4", "5d6e7f8")]),
        ({"commit": "3242074.v2-2026"}, [("Commit", "1a2b3c4", "3242074.v2-2026")]),
        ({"reference": Reference("gh", "owner/name")}, [("Version", "main", "the newest")]),
        ({"reference": Reference("gh", "owner/other", "main")}, [("Repository", "owner/name", "owner/other")]),
        ({"urlpath": "lab/tree/a.ipynb"}, [("Opens", "JupyterLab", "lab/tree/a.ipynb")]),
        ({"limits": Limits(512)}, [("Memory", "the usual", "512.0\xa0MB")]),
        ({"limits": Limits(1536)}, [("Memory", "the usual", "1.5\xa0GB")]),
        ({"limits": Limits(None, 2.0)}, [("Processors", "the usual", "2")]),
        (
            {"mounts": (MountWish("data", "shared/data", True), MountWish("work", "out"))},
            [
                (
                    "Shared files",
                    "none",
                    "“data” in the folder shared/data, to read; “work” in the folder out, to read and change",
                )
            ],
        ),
        ({"idle_minutes": 1}, [("Stops when nobody uses it for", "the usual", "1 minute")]),
        ({"lifetime_minutes": 120}, [("Stops in any case after", "the usual", "2 hours")]),
        (
            {"limits": Limits(2048, 0.5), "commit": "5d6e7f8" + "0" * 33},
            [
                ("Commit", "1a2b3c4", "5d6e7f8"),
                ("Memory", "the usual", "2.0\xa0GB"),
                ("Processors", "the usual", "0.5"),
            ],
        ),
    ],
)
def test_differences_are_told_as_a_person_would(changes: dict[str, Any], told: list[tuple[str, str, str]]) -> None:
    found = differences(NOW, replace(NOW, **changes))

    assert [(str(difference.label), difference.old, difference.new) for difference in found] == told


def test_differences_are_told_in_the_readers_language() -> None:
    with translation.override("fr"):
        found = differences(NOW, replace(NOW, limits=Limits(1536, 0.5)))

    assert [difference.new for difference in found] == ["1,5\xa0Gio", "0,5"]
