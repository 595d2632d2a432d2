"""What every volume store has to do, asked of the fake and of the real one."""

from __future__ import annotations

import io
import secrets
import tarfile
from collections.abc import Iterable, Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from pytest_django import Settings

from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.values import FolderListing, VolumeUsage
from environments.volumes.base import VolumeStore
from environments.volumes.docker import DockerVolumeStore
from environments.volumes.fake import FakeVolumeStore
from environments.volumes.local import LocalVolumeStore
from tests.engine import clean_engine

VOLUME = f"home-{secrets.token_hex(16)}"
"""Of this process alone: an engine is shared by all who test."""
PLENTY = 1_000_000


@pytest.fixture(params=[FakeVolumeStore, LocalVolumeStore, pytest.param(DockerVolumeStore, marks=pytest.mark.docker)])
def store(request: pytest.FixtureRequest, settings: Settings, tmp_path: Path) -> Iterator[VolumeStore]:
    settings.CARREL_DATA = tmp_path / "data"
    with clean_engine() if request.param is DockerVolumeStore else nullcontext():
        store: VolumeStore = request.param()
        store.create(VOLUME)
        yield store


def tar(*members: tuple[str, bytes | None] | tarfile.TarInfo) -> bytes:
    """An archive of files (with content), folders (None) and whatever else a TarInfo can be."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for member in members:
            if isinstance(member, tarfile.TarInfo):
                archive.addfile(member)
                continue
            info = tarfile.TarInfo(member[0])
            info.size = len(member[1] or b"")
            info.type = tarfile.DIRTYPE if member[1] is None else tarfile.REGTYPE
            archive.addfile(info, io.BytesIO(member[1] or b""))
    return buffer.getvalue()


def special(name: str, kind: bytes, target: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type, info.linkname = kind, target
    return info


def contents(stream: Iterable[bytes]) -> dict[str, bytes | None]:
    with tarfile.open(fileobj=io.BytesIO(b"".join(stream)), mode="r:") as archive:
        files = {member: archive.extractfile(member) for member in archive}
        return {member.name: file.read() if file else None for member, file in files.items()}


def test_create_makes_empty_volume(store: VolumeStore) -> None:
    assert store.exists(VOLUME)
    assert store.usage(VOLUME) == VolumeUsage(bytes=0, files=0)


def test_create_keeps_volume_that_exists(store: VolumeStore) -> None:
    store.write(VOLUME, "", [tar(("a.txt", b"a"))], max_bytes=PLENTY)

    store.create(VOLUME)

    assert contents(store.read(VOLUME)) == {"a.txt": b"a"}


def test_exists_says_no_for_unknown_volume(store: VolumeStore) -> None:
    assert not store.exists("home-" + "b" * 32)


def test_read_gives_back_what_was_written(store: VolumeStore) -> None:
    files = {"a.txt": b"a" * 1000, "folder": None, "folder/b.bin": bytes(range(256)) * 3000, "folder/é": b""}

    store.write(VOLUME, "", [tar(*files.items())], max_bytes=PLENTY)

    assert contents(store.read(VOLUME)) == files


def test_read_names_files_relative_to_parent_of_path(store: VolumeStore) -> None:
    store.write(VOLUME, "", [tar(("a/b/c.txt", b"c"), ("a/other.txt", b""))], max_bytes=PLENTY)

    assert contents(store.read(VOLUME, "a/b")) == {"b": None, "b/c.txt": b"c"}
    assert contents(store.read(VOLUME, "a/b/c.txt")) == {"c.txt": b"c"}


def test_list_folder_names_what_is_in_it_and_not_what_is_below(store: VolumeStore) -> None:
    files = {"b.txt": b"bb", "a.txt": b"a", "sub": None, "sub/deep": None, "sub/deep/c.txt": b"c", "sub/d.txt": b""}
    store.write(VOLUME, "", [tar(*files.items())], max_bytes=PLENTY)

    root, sub = store.list_folder(VOLUME), store.list_folder(VOLUME, "sub")

    assert [(entry.name, entry.is_folder, entry.size) for entry in root.entries] == [
        ("sub", True, 0),
        ("a.txt", False, 1),
        ("b.txt", False, 2),
    ]
    assert [entry.name for entry in sub.entries] == ["deep", "d.txt"]
    assert root.is_complete


def test_list_folder_says_when_there_is_more_than_it_names(store: VolumeStore) -> None:
    many = FolderListing.MAX_ENTRIES + 1
    store.write(VOLUME, "", [tar(*((f"{number}.txt", b"") for number in range(many)))], max_bytes=10 * PLENTY)

    listing = store.list_folder(VOLUME)

    assert (len(listing.entries), listing.is_complete) == (many - 1, False)


@pytest.mark.parametrize("path", ["a.txt", "nowhere", "../outside", "/etc", "a.txt/below"])
def test_list_folder_refuses_what_is_no_folder_inside(store: VolumeStore, path: str) -> None:
    store.write(VOLUME, "", [tar(("a.txt", b"a"))], max_bytes=PLENTY)

    with pytest.raises(UserError, match="volume_path_invalid"):
        store.list_folder(VOLUME, path)


def test_list_folder_reports_missing_volume(store: VolumeStore) -> None:
    with pytest.raises(SystemFailure, match="volume_missing"):
        store.list_folder("home-" + "b" * 32)


def test_write_makes_folders_below_path(store: VolumeStore) -> None:
    store.write(VOLUME, "course/week 1", [tar(("x/y.txt", b"y"))], max_bytes=PLENTY)

    assert contents(store.read(VOLUME, "course/week 1/x/y.txt")) == {"y.txt": b"y"}


def test_write_takes_stream_in_any_pieces(store: VolumeStore) -> None:
    archive = tar(("a.txt", b"a" * 2000))

    store.write(VOLUME, "", (archive[at : at + 7] for at in range(0, len(archive), 7)), max_bytes=PLENTY)

    assert contents(store.read(VOLUME)) == {"a.txt": b"a" * 2000}


def test_write_replaces_file(store: VolumeStore) -> None:
    store.write(VOLUME, "", [tar(("a.txt", b"old"))], max_bytes=PLENTY)

    store.write(VOLUME, "", [tar(("a.txt", b"new"))], max_bytes=PLENTY)

    assert contents(store.read(VOLUME)) == {"a.txt": b"new"}


@pytest.mark.parametrize(
    ("archive", "code"),
    [
        (tar(special("link", tarfile.SYMTYPE, "/etc/passwd")), "volume_entry_refused"),
        (tar(special("link", tarfile.LNKTYPE, "a.txt")), "volume_entry_refused"),
        (tar(special("device", tarfile.CHRTYPE)), "volume_entry_refused"),
        (tar(special("pipe", tarfile.FIFOTYPE)), "volume_entry_refused"),
        (tar(("../outside.txt", b"")), "volume_path_invalid"),
        (tar(("a/../../outside.txt", b"")), "volume_path_invalid"),
        (tar(("/etc/outside.txt", b"")), "volume_path_invalid"),
        (tar(("n" * 300, b"")), "volume_path_invalid"),
        (tar(("large.bin", b"x" * PLENTY)), "volume_too_large"),
        (tar(*((f"{number}.txt", b"") for number in range(2000))), "volume_too_large"),
        (tar(("a.txt", b"a" * 5000))[:3000], "volume_archive_invalid"),
        (b"this is no archive" * 100, "volume_archive_invalid"),
        (b"", "volume_archive_invalid"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_write_refuses_hostile_archive(store: VolumeStore, archive: bytes, code: str) -> None:
    with pytest.raises(EnvironmentsError) as caught:
        store.write(VOLUME, "", [archive], max_bytes=PLENTY)

    assert caught.value.code == code
    assert contents(store.read(VOLUME)).keys() <= {f"{number}.txt" for number in range(2000)}


def test_write_refuses_header_that_claims_too_much(store: VolumeStore) -> None:
    info = tarfile.TarInfo("huge.bin")
    info.size = 1 << 50

    with pytest.raises(UserError, match="volume_too_large"):
        store.write(VOLUME, "", [info.tobuf(), bytes(1 << 20)], max_bytes=PLENTY)


def test_write_refuses_endless_names(store: VolumeStore) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1 << 32
    endless = (piece for piece in [info.tobuf(), *[b"n" * (1 << 20)] * 64])

    with pytest.raises(UserError, match="volume_too_large"):
        store.write(VOLUME, "", endless, max_bytes=PLENTY)

    assert next(endless, None) is not None


def test_write_refuses_chain_of_headers(store: VolumeStore) -> None:
    info = tarfile.TarInfo("././@LongLink")
    info.type, info.size = tarfile.GNUTYPE_LONGNAME, 1
    chain = (info.tobuf() + b"n" + bytes(511)) * 5000

    with pytest.raises(UserError) as caught:
        store.write(VOLUME, "", [chain], max_bytes=100 * PLENTY)

    assert caught.value.code in ("volume_archive_invalid", "volume_too_large")


def test_write_keeps_whole_files_that_came_before_trouble(store: VolumeStore) -> None:
    archive = tar(("a.txt", b"a"), special("link", tarfile.SYMTYPE, "a.txt"))

    with pytest.raises(UserError, match="volume_entry_refused"):
        store.write(VOLUME, "", [archive], max_bytes=PLENTY)

    assert contents(store.read(VOLUME)) == {"a.txt": b"a"}


@pytest.mark.parametrize("archive", [tar(("a/b.txt", b"")), tar(("a", None))])
def test_write_refuses_folder_where_a_file_is(store: VolumeStore, archive: bytes) -> None:
    store.write(VOLUME, "", [tar(("a", b"file"))], max_bytes=PLENTY)

    with pytest.raises(UserError, match="volume_path_invalid"):
        store.write(VOLUME, "", [archive], max_bytes=PLENTY)

    assert contents(store.read(VOLUME)) == {"a": b"file"}


def test_write_refuses_file_where_a_folder_is(store: VolumeStore) -> None:
    store.write(VOLUME, "", [tar(("a/b.txt", b""))], max_bytes=PLENTY)

    with pytest.raises(UserError, match="volume_path_invalid"):
        store.write(VOLUME, "", [tar(("a", b"file"))], max_bytes=PLENTY)

    assert contents(store.read(VOLUME)) == {"a": None, "a/b.txt": b""}


@pytest.mark.parametrize("path", ["..", "a/../..", "/", "/etc", "nul\0byte", "missing", "n" * 300])
def test_read_refuses_path_that_is_not_there(store: VolumeStore, path: str) -> None:
    with pytest.raises(UserError, match="volume_path_invalid"):
        b"".join(store.read(VOLUME, path))


@pytest.mark.parametrize("path", ["..", "a/../..", "/etc", "nul\0byte", "n" * 300])
def test_write_refuses_path_outside(store: VolumeStore, path: str) -> None:
    with pytest.raises(UserError, match="volume_path_invalid"):
        store.write(VOLUME, path, [tar(("a.txt", b""))], max_bytes=PLENTY)


def test_usage_counts_bytes_and_files(store: VolumeStore) -> None:
    store.write(VOLUME, "", [tar(("a.txt", b"aaa"), ("b/c.txt", b"cc"))], max_bytes=PLENTY)

    assert store.usage(VOLUME) == VolumeUsage(bytes=5, files=2)


def test_usage_says_whether_there_was_time_to_see_all(store: VolumeStore) -> None:
    store.write(VOLUME, "", [tar(("a.txt", b"aaa"))], max_bytes=PLENTY)

    plenty, none = (store.usage(VOLUME, time_limit_seconds=seconds) for seconds in (60, 0))

    assert plenty == VolumeUsage(bytes=3, files=1, is_complete=True)
    assert (none.is_complete, none.bytes <= 3) == (False, True)


def test_snapshot_is_a_volume_of_its_own(store: VolumeStore) -> None:
    store.write(VOLUME, "", [tar(("a.txt", b"before"))], max_bytes=PLENTY)

    copy = store.snapshot(VOLUME)
    store.write(VOLUME, "", [tar(("a.txt", b"after"))], max_bytes=PLENTY)
    again = store.snapshot(copy)

    assert len({VOLUME, copy, again}) == 3
    assert contents(store.read(copy)) == contents(store.read(again)) == {"a.txt": b"before"}


def test_delete_removes_volume(store: VolumeStore) -> None:
    store.write(VOLUME, "", [tar(("a/b.txt", b""))], max_bytes=PLENTY)

    store.delete(VOLUME)

    assert not store.exists(VOLUME)


def test_delete_does_nothing_to_missing_volume(store: VolumeStore) -> None:
    store.delete(VOLUME)

    store.delete(VOLUME)

    assert not store.exists(VOLUME)


def test_missing_volume_is_reported(store: VolumeStore) -> None:
    missing = "home-" + "b" * 32

    with pytest.raises(SystemFailure, match="volume_missing"):
        b"".join(store.read(missing))
    with pytest.raises(SystemFailure, match="volume_missing"):
        store.write(missing, "", [tar()], max_bytes=PLENTY)
    with pytest.raises(SystemFailure, match="volume_missing"):
        store.usage(missing)
    with pytest.raises(SystemFailure, match="volume_missing"):
        store.snapshot(missing)
