"""Bringing a new version into files somebody has worked in: what is planned, and what becomes of a folder."""

from __future__ import annotations

import errno
import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from environments import merging
from environments.merging import (
    MAX_NAME,
    MAX_NAMED,
    OWN_NAMES,
    Action,
    Files,
    Merged,
    after,
    beside,
    bring_directory,
    manifest_of,
    outcome,
    plan,
    refresh_directory,
)

COMMIT = "1a2b3c4d5e6f7081920a1b2c3d4e5f6071829304"
ADD, REPLACE, KEEP, KEEP_BOTH, DELETE = "add", "replace", "keep", "keep both", "delete"
Listing = dict[str, str | None]


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
        ({".git/HEAD": "1"}, {".git/HEAD": "2"}, {}, []),
        # The repository, when it was being taken over and somebody was interrupted.
        (
            {".git/HEAD": "1", ".git/old": "1", ".git/refs": "1"},
            {".git/HEAD": "2", ".git/refs": "2"},
            {".git/HEAD": "2", ".git/refs": "1"},
            [action(REPLACE, ".git/refs")],
        ),
    ],
)
def test_plan_spares_what_the_person_changed(
    seeded: Listing, new: Listing, present: Listing, actions: list[Action]
) -> None:
    assert plan(seeded, new, present, commit=COMMIT) == actions


@pytest.mark.parametrize(
    ("path", "place"),
    [
        ("first.ipynb", "first.1a2b3c4.new.ipynb"),
        ("x/y/data.tar.gz", "x/y/data.tar.1a2b3c4.new.gz"),
        ("Makefile", "Makefile.1a2b3c4.new"),
        (".bashrc", ".bashrc.1a2b3c4.new"),
        ("x" * 255, "x" * 243 + ".1a2b3c4.new"),
        ("é" * 125 + ".txt", "é" * 119 + ".1a2b3c4.new.txt"),
        ("x." + "y" * 253, "x.1a2b3c4.new." + "y" * 19),
    ],
)
def test_beside_keeps_the_ending(path: str, place: str) -> None:
    assert beside(path, COMMIT) == place


def test_beside_names_the_whole_version_of_an_archive() -> None:
    assert beside("x/first.ipynb", "10423456") == "x/first.10423456.new.ipynb"


# --- Telling -----------------------------------------------------------------------------------------------


def told(**kinds: str) -> Merged:
    """A report that names these files, parted by spaces."""
    targets = tuple(kinds.pop("targets", "").split())
    return Merged(
        **{kind: Files(len(names.split()), tuple(names.split())) for kind, names in kinds.items()}, targets=targets
    )


@pytest.mark.parametrize(
    ("seeded", "new", "present", "merged"),
    [
        ({"a": "1"}, {"a": "1"}, {"a": "1"}, told()),
        ({"a": "1"}, {"a": "1"}, {"a": "mine", "own": "1"}, told()),
        ({}, {"x": None, "x/a": "1"}, {}, told(added="x/a")),
        ({"a": "1"}, {"a": "2"}, {"a": "1"}, told(replaced="a")),
        ({"x": None, "x/a": "1"}, {}, {"x": None, "x/a": "1"}, told(deleted="x/a")),
        ({"a": "1"}, {"a": "2"}, {"a": "mine"}, told(beside="a", targets="a.1a2b3c4.new")),
        ({}, {"a": "2"}, {"a": None, "a/own": "1"}, told(beside="a", targets="a.1a2b3c4.new")),
        ({}, {"a": None, "a/b": "2"}, {"a": "mine"}, told(beside="a/b", targets="a.1a2b3c4.new/b")),
        ({"a": "1"}, {"a": "2"}, {}, told(kept="a")),
        ({"a": "1"}, {}, {"a": "mine"}, told(kept="a")),
        ({"a": "1"}, {"a": None, "a/b": "2"}, {"a": "1"}, told(added="a/b")),
        ({".git/HEAD": "1"}, {".git/HEAD": "2"}, {".git/HEAD": "1"}, told()),
    ],
)
def test_outcome_tells_what_became_of_files(seeded: Listing, new: Listing, present: Listing, merged: Merged) -> None:
    now = after(plan(seeded, new, present, commit=COMMIT), present, new)

    again = after(plan(seeded, new, now, commit=COMMIT), now, new)

    assert outcome(seeded, new, now, commit=COMMIT) == outcome(seeded, new, again, commit=COMMIT) == merged


def test_outcome_names_the_first_of_many_as_they_can_be_stored() -> None:
    new: Listing = {f"{number:04}-\udcff\0{'x' * 300}": "1" for number in range(MAX_NAMED + 5)}

    merged = outcome({}, new, new, commit=COMMIT)

    assert (merged.added.count, len(merged.added.names)) == (MAX_NAMED + 5, MAX_NAMED)
    assert merged.added.names[0] == ("0000-\\udcff\\0" + "x" * 300)[:MAX_NAME]


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
    assert merged == told(
        added="added/run.sh",
        replaced="kept.txt x/deep.txt",
        deleted="gone.txt",
        beside="edited.txt",
        targets="edited.1a2b3c4.new.txt",
    )


def test_refresh_does_nothing_the_second_time_and_tells_the_same(home: Path, seeded: Path, new: Path) -> None:
    first = refresh_directory(home, seeded=seeded, new=new, commit=COMMIT)
    before = contents(home)

    second = refresh_directory(home, seeded=seeded, new=new, commit=COMMIT)

    assert contents(home) == before
    assert second == first


def test_refresh_leaves_an_empty_home_to_whoever_fills_it(seeded: Path, new: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()

    merged = refresh_directory(tmp_path / "empty", seeded=seeded, new=new, commit=COMMIT)

    assert (merged, contents(tmp_path / "empty")) == (Merged(), {})


def test_refresh_without_earlier_version_replaces_nothing(home: Path, new: Path) -> None:
    folder(home, {"added/run.sh": "2"})

    merged = refresh_directory(home, seeded=None, new=new, commit=COMMIT)

    assert (merged.added, merged.replaced) == (Files(), Files())
    assert (home / "kept.txt").read_text() == "1"
    assert (home / "kept.1a2b3c4.new.txt").read_text() == "2"
    assert (home / "gone.txt").exists()


def test_refresh_reads_none_of_the_persons_own_files(
    home: Path, seeded: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder(home, {"own/large.bin": "mine"})
    read: list[str] = []
    hash_of = merging._hash
    monkeypatch.setattr(merging, "_hash", lambda place: read.append(place) or hash_of(place))  # type: ignore[func-returns-value]

    refresh_directory(home, seeded=seeded, new=new, commit=COMMIT)

    assert str(home / "edited.txt") in read
    assert str(home / "own" / "large.bin") not in read


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


def test_manifest_reads_no_file_that_is_of_no_interest(tmp_path: Path) -> None:
    folder(tmp_path, {"large.bin": "1", "a.txt": "1"})

    found = manifest_of(tmp_path, of_interest={"a.txt"})

    assert found["large.bin"] == "of no interest"
    assert found["a.txt"] == manifest_of(tmp_path)["a.txt"]


def test_manifest_names_pipes_and_unreadable_files_without_opening_them(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")

    assert manifest_of(tmp_path) == {"pipe": "neither file nor folder"}


def test_program_says_what_it_did(home: Path, seeded: Path, new: Path, tmp_path: Path) -> None:
    program, job = Path(merging.__file__).read_text(), tmp_path / "job.json"
    asked = {"home": str(home), "seeded": str(seeded), "new": str(new), "commit": COMMIT, "leave_out": ["x"]}
    job.write_text(json.dumps(asked))

    done = subprocess.run(
        [sys.executable, "-I", "-c", program, job],
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert '"replaced": {"count": 1, "names": ["kept.txt"]}' in done.stdout
    assert (home / "kept.txt").read_text() == "2"


# --- While somebody is at work -------------------------------------------------------------------------------


def listing(root: Path) -> dict[str, str | None]:
    return dict(manifest_of(root))


def brought(home: Path, seeded: Path, new: Path) -> Merged:
    return bring_directory(home, given=listing(seeded), wanted=listing(new), new=new, commit=COMMIT)


def when_planned(monkeypatch: pytest.MonkeyPatch, happens: Callable[[], object]) -> None:
    """Have this happen once it is decided what to do, and before it is done."""
    original = merging.plan

    def plan(*args: Any, **kwargs: Any) -> list[Action]:
        actions = original(*args, **kwargs)
        happens()
        return actions

    monkeypatch.setattr(merging, "plan", plan)


def test_bring_keeps_what_is_saved_after_it_was_planned(
    home: Path, seeded: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    when_planned(monkeypatch, lambda: (home / "kept.txt").write_text("just saved"))

    merged = brought(home, seeded, new)

    assert ((home / "kept.txt").read_text(), (home / "kept.1a2b3c4.new.txt").read_text()) == ("just saved", "2")
    assert "kept.txt" in merged.beside.names


def test_bring_keeps_what_is_saved_in_the_moment_it_is_replaced(
    home: Path, seeded: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As Jupyter saves: into the file as it is."""
    file, replace = (home / "kept.txt").open("r+"), os.replace

    def save_and_replace(source: str, target: str) -> None:
        if target == str(home / "kept.txt") and not file.closed:
            with file:
                file.write("just saved")
        replace(source, target)

    monkeypatch.setattr(os, "replace", save_and_replace)

    merged = brought(home, seeded, new)

    assert ((home / "kept.txt").read_text(), (home / "kept.1a2b3c4.new.txt").read_text()) == ("just saved", "2")
    assert "kept.txt" in merged.beside.names
    assert not list(home.rglob(".carrel-*"))


def test_bring_keeps_what_appears_after_it_was_planned(
    home: Path, seeded: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (new / "fresh.txt").write_text("2")
    when_planned(monkeypatch, lambda: (home / "fresh.txt").write_text("mine"))

    brought(home, seeded, new)

    assert ((home / "fresh.txt").read_text(), (home / "fresh.1a2b3c4.new.txt").read_text()) == ("mine", "2")


def test_bring_does_not_delete_what_is_saved_after_it_was_planned(
    home: Path, seeded: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (new / "kept.txt").unlink()
    when_planned(monkeypatch, lambda: (home / "kept.txt").write_text("just saved"))

    merged = brought(home, seeded, new)

    assert ((home / "kept.txt").read_text(), "kept.txt" in merged.kept.names) == ("just saved", True)


def test_bring_leaves_deleted_what_is_deleted_after_it_was_planned(
    home: Path, seeded: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    when_planned(monkeypatch, lambda: (home / "kept.txt").unlink())

    merged = brought(home, seeded, new)

    assert (list(home.glob("kept*")), "kept.txt" in merged.kept.names) == ([], True)


def test_bring_works_where_there_are_no_hard_links(
    home: Path, seeded: Path, new: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def link(*args: object) -> None:
        raise PermissionError(errno.EPERM, "no hard links here")

    monkeypatch.setattr(os, "link", link)
    (new / "fresh.txt").write_text("2")

    brought(home, seeded, new)

    assert ((home / "kept.txt").read_text(), (home / "fresh.txt").read_text()) == ("2", "2")


def test_bring_that_was_killed_while_a_file_was_replaced_leaves_nothing_behind(
    home: Path, seeded: Path, new: Path
) -> None:
    (home / "kept.txt").write_text("2")
    for name in OWN_NAMES:
        (home / name).write_text("1")

    brought(home, seeded, new)

    assert not list(home.rglob(".carrel-*"))


def test_bring_of_ten_thousand_files_is_repeated_after_a_full_disk(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = {f"folder{number % 100}/file{number}.txt": "2" for number in range(10_000)}
    home, new = folder(tmp_path / "home", {"mine.txt": "mine"}), folder(tmp_path / "new", texts)
    copy2, copies = shutil.copy2, iter(range(20_000))

    def copy_until_full(*args: Any, **kwargs: Any) -> object:
        if next(copies) == 5_000:
            raise OSError(errno.ENOSPC, "no space left on device")
        return copy2(*args, **kwargs)

    monkeypatch.setattr(shutil, "copy2", copy_until_full)
    wanted = listing(new)
    with pytest.raises(OSError, match="no space left"):
        bring_directory(home, given={}, wanted=wanted, new=new, commit=COMMIT)
    before = (home / "mine.txt").read_text()

    merged = bring_directory(home, given={}, wanted=wanted, new=new, commit=COMMIT)

    assert (before, merged.added.count, len(merged.added.names)) == ("mine", 10_000, MAX_NAMED)
    assert contents(home) == {**texts, "mine.txt": "mine"}


def test_bring_follows_no_link_of_the_persons(home: Path, seeded: Path, new: Path, tmp_path: Path) -> None:
    elsewhere = folder(tmp_path / "elsewhere", {"a": "theirs"})
    (new / "data").mkdir()
    (new / "data" / "a").write_text("2")
    (home / "data").symlink_to(elsewhere)

    merged = brought(home, seeded, new)

    assert (elsewhere / "a").read_text() == "theirs"
    assert "data/a" in merged.beside.names
