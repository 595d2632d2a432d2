"""Bringing a new version into files somebody has worked in: what is planned, and what becomes of a folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from environments import merging
from environments.merging import Action, beside, manifest_of, plan, refresh_directory

COMMIT = "1a2b3c4d5e6f7081920a1b2c3d4e5f6071829304"
ADD, REPLACE, KEEP, KEEP_BOTH, DELETE = "add", "replace", "keep", "keep both", "delete"
Files = dict[str, str | None]


def action(verb: str, path: str, target: str = "") -> Action:
    return Action(verb, path, target or path)


@pytest.mark.parametrize(
    ("seeded", "new", "present", "actions"),
    [
        # Nobody changed anything, or both did the same.
        ({"a": "1"}, {"a": "1"}, {"a": "1"}, []),
        ({"a": "1"}, {"a": "2"}, {"a": "2"}, []),
        ({}, {"a": "1"}, {"a": "1"}, []),
        ({"a": "1"}, {}, {}, []),
        # Only the new version changed.
        ({"a": "1"}, {"a": "2"}, {"a": "1"}, [action(REPLACE, "a")]),
        ({}, {"a": "1"}, {}, [action(ADD, "a")]),
        ({}, {"x": None, "x/a": "1"}, {}, [action(ADD, "x"), action(ADD, "x/a")]),
        ({"a": "1"}, {}, {"a": "1"}, [action(DELETE, "a")]),
        (
            {"x": None, "x/a": "1"},
            {},
            {"x": None, "x/a": "1"},
            [action(DELETE, "x/a"), action(DELETE, "x")],
        ),
        # Only the person changed something.
        ({"a": "1"}, {"a": "1"}, {"a": "mine"}, [action(KEEP, "a")]),
        ({"a": "1"}, {"a": "1"}, {}, [action(KEEP, "a")]),
        ({}, {}, {"mine": "1"}, []),
        ({"x": None}, {"x": None}, {}, []),
        # Both changed something.
        ({"a.py": "1"}, {"a.py": "2"}, {"a.py": "mine"}, [action(KEEP_BOTH, "a.py", "a.1a2b3c4.new.py")]),
        ({}, {"a.py": "2"}, {"a.py": "mine"}, [action(KEEP_BOTH, "a.py", "a.1a2b3c4.new.py")]),
        ({"a.py": "1"}, {"a.py": "2"}, {"a.py": "mine", "a.1a2b3c4.new.py": "2"}, []),
        ({"a.py": "1"}, {"a.py": "2"}, {"a.py": "mine", "a.1a2b3c4.new.py": "edited"}, []),
        ({"a": "1"}, {"a": "2"}, {}, [action(KEEP, "a")]),
        ({"a": "1"}, {}, {"a": "mine"}, [action(KEEP, "a")]),
        # A folder where there was a file, and the other way round.
        (
            {"a": "1"},
            {"a": None, "a/b": "2"},
            {"a": "1"},
            [action(DELETE, "a"), action(ADD, "a"), action(ADD, "a/b")],
        ),
        (
            {"a": None, "a/b": "1"},
            {"a": "2"},
            {"a": None, "a/b": "1"},
            [action(DELETE, "a/b"), action(DELETE, "a"), action(ADD, "a")],
        ),
        (
            {"a": None, "a/b": "1"},
            {"a": "2"},
            {"a": None, "a/b": "1", "a/mine": "3"},
            [action(DELETE, "a/b"), action(KEEP_BOTH, "a", "a.1a2b3c4.new")],
        ),
        ({}, {"a": None, "a/b": "2"}, {"a": "mine"}, [action(KEEP_BOTH, "a/b", "a.1a2b3c4.new/b")]),
        ({}, {"a": "2"}, {"a": None, "a/mine": "1"}, [action(KEEP_BOTH, "a", "a.1a2b3c4.new")]),
        # A link of the person's is never gone through.
        (
            {"x": None, "x/a": "1"},
            {"x": None, "x/a": "2"},
            {"x": "link:/elsewhere"},
            [action(KEEP_BOTH, "x/a", "x.1a2b3c4.new/a")],
        ),
        # What the environment was made from is not known any more.
        ({}, {"a": "2", "b": "1"}, {"a": "1", "b": "1"}, [action(KEEP_BOTH, "a", "a.1a2b3c4.new")]),
        # The repository itself, whole or not at all.
        (
            {".git/HEAD": "1", ".git/old": "1"},
            {".git/HEAD": "2"},
            {".git/HEAD": "1", ".git/old": "1"},
            [action(DELETE, ".git/old"), action(REPLACE, ".git/HEAD")],
        ),
        ({".git/HEAD": "1", "a": "1"}, {".git/HEAD": "2", "a": "1"}, {".git/HEAD": "mine", "a": "1"}, []),
        ({".git/HEAD": "1"}, {".git/HEAD": "2"}, {".git/HEAD": "1", ".git/objects": "mine"}, []),
    ],
)
def test_plan_spares_what_the_person_changed(seeded: Files, new: Files, present: Files, actions: list[Action]) -> None:
    assert plan(seeded, new, present, commit=COMMIT) == actions


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("first.ipynb", "first.1a2b3c4.new.ipynb"),
        ("x/y/data.tar.gz", "x/y/data.tar.1a2b3c4.new.gz"),
        ("Makefile", "Makefile.1a2b3c4.new"),
        (".bashrc", ".bashrc.1a2b3c4.new"),
    ],
)
def test_beside_keeps_the_ending(path: str, place: str) -> None:
    assert beside(path, COMMIT) == place


def test_beside_names_the_whole_version_of_an_archive() -> None:
    assert beside("x/first.ipynb", "10423456") == "x/first.10423456.new.ipynb"


# --- Folders -----------------------------------------------------------------------------------------------


@pytest.fixture
def seeded(tmp_path: Path) -> Path:
    return folder(tmp_path / "seeded", {"kept.txt": "1", "edited.txt": "1", "gone.txt": "1", "x/deep.txt": "1"})


@pytest.fixture
def new(tmp_path: Path) -> Path:
    return folder(tmp_path / "new", {"kept.txt": "2", "edited.txt": "2", "added/run.sh": "2", "x/deep.txt": "2"})


@pytest.fixture
def home(tmp_path: Path, seeded: Path) -> Path:
    home = folder(tmp_path / "home", dict.fromkeys(("kept.txt", "edited.txt", "gone.txt", "x/deep.txt"), "1"))
    (home / "edited.txt").write_text("mine")
    return home


def folder(root: Path, files: dict[str, str]) -> Path:
    for name, content in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(content)
    return root


def contents(root: Path) -> dict[str, str]:
    return {str(file.relative_to(root)): file.read_text() for file in root.rglob("*") if file.is_file()}


def test_refresh_brings_new_version_in(home: Path, seeded: Path, new: Path) -> None:
    merged = refresh_directory(home, seeded=seeded, new=new, commit=COMMIT)

    assert contents(home) == {
        "kept.txt": "2",
        "edited.txt": "mine",
        "edited.1a2b3c4.new.txt": "2",
        "added/run.sh": "2",
        "x/deep.txt": "2",
    }
    assert (merged.added, merged.replaced, merged.deleted, merged.kept) == (2, 2, 1, 1)
    assert merged.beside == ("edited.1a2b3c4.new.txt",)


def test_refresh_does_nothing_the_second_time(home: Path, seeded: Path, new: Path) -> None:
    refresh_directory(home, seeded=seeded, new=new, commit=COMMIT)
    before = contents(home)

    merged = refresh_directory(home, seeded=seeded, new=new, commit=COMMIT)

    assert contents(home) == before
    assert (merged.added, merged.replaced, merged.deleted, merged.beside) == (0, 0, 0, ())


def test_refresh_without_earlier_version_replaces_nothing(home: Path, new: Path) -> None:
    refresh_directory(home, seeded=None, new=new, commit=COMMIT)

    assert (home / "kept.txt").read_text() == "1"
    assert (home / "kept.1a2b3c4.new.txt").read_text() == "2"
    assert (home / "gone.txt").exists()


def test_refresh_leaves_mounts_out(home: Path, seeded: Path, new: Path) -> None:
    folder(new, {"home/a.txt": "2"})

    refresh_directory(home, seeded=seeded, new=new, commit=COMMIT, leave_out={"home", "x"})

    assert not (home / "home").exists()
    assert (home / "x" / "deep.txt").read_text() == "1"


def test_refresh_keeps_programs_executable_and_links_links(home: Path, seeded: Path, new: Path) -> None:
    (new / "added" / "run.sh").chmod(0o755)
    (new / "link").symlink_to("kept.txt")

    refresh_directory(home, seeded=seeded, new=new, commit=COMMIT)

    assert os.access(home / "added" / "run.sh", os.X_OK)
    assert str((home / "link").readlink()) == "kept.txt"


def test_refresh_follows_no_link_of_the_persons(home: Path, seeded: Path, new: Path, tmp_path: Path) -> None:
    outside = folder(tmp_path / "outside", {"deep.txt": "1"})
    (home / "x" / "deep.txt").unlink()
    (home / "x").rmdir()
    (home / "x").symlink_to(outside)
    (home / "kept.txt").unlink()
    (home / "kept.txt").symlink_to(outside / "deep.txt")

    refresh_directory(home, seeded=seeded, new=new, commit=COMMIT)

    assert contents(outside) == {"deep.txt": "1"}
    assert (home / "x.1a2b3c4.new" / "deep.txt").read_text() == "2"


def test_refresh_is_repeated_after_it_was_interrupted(home: Path, seeded: Path, new: Path) -> None:
    (home / ".carrel-unfinished").write_text("half")
    (home / "kept.txt").write_text("2")

    refresh_directory(home, seeded=seeded, new=new, commit=COMMIT)

    assert (home / "x" / "deep.txt").read_text() == "2"
    assert not (home / ".carrel-unfinished").exists()


def test_manifest_names_pipes_and_unreadable_files_without_opening_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert manifest_of(tmp_path) == {"pipe": "neither file nor folder"}


def test_program_says_what_it_did(home: Path, seeded: Path, new: Path) -> None:
    program = Path(merging.__file__).read_text()

    done = subprocess.run(
        [sys.executable, "-I", "-c", program, home, seeded, new, COMMIT, "x"],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert '"replaced": 1' in done.stdout
    assert (home / "kept.txt").read_text() == "2"
