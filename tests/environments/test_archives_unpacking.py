"""Archives nobody vouches for: honest ones come out whole, the others harm nobody."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import stat
import struct
import tarfile
import zipfile
import zlib
from collections.abc import Mapping
from pathlib import Path

import pytest

from environments.builders import unpacking
from environments.builders.placing import Tree
from environments.builders.unpacking import entries_of, is_archive
from environments.errors import EnvironmentsError, UserError

MANY = 10_000_000
CONTENT = b"content" * 1000


def zipped(files: Mapping[str | zipfile.ZipInfo, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, content in files.items():
            archive.writestr(name, content, method)
    return buffer.getvalue()


def special(name: str, kind: int) -> zipfile.ZipInfo:
    """An entry of a zip archive that is no plain file."""
    info = zipfile.ZipInfo(name)
    info.create_system = 3
    info.external_attr = (kind | 0o755) << 16
    return info


def tarred(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", format=tarfile.PAX_FORMAT) as archive:
        for info, content in members:
            info.size = len(content) if info.isreg() else info.size
            archive.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


def member(name: str, kind: bytes = tarfile.REGTYPE, **attributes: object) -> tarfile.TarInfo:
    info = tarfile.TarInfo(name)
    info.type = kind
    for attribute, value in attributes.items():
        setattr(info, attribute, value)
    return info


def unpacked(directory: Path, name: str, archive: bytes, *, max_bytes: int = MANY) -> tuple[Path, list[str]]:
    """The folder an archive was unpacked to, and what was left out."""
    file = directory / name
    file.write_bytes(archive)
    left_out = list[str]()
    tree = Tree(directory / "unpacked", "https://example.org/record")
    tree.root.mkdir()
    for entry in entries_of(file, max_bytes=max_bytes, leave_out=left_out.append):
        for _piece in tree.add(entry):
            pass
    return tree.root, left_out


def files_in(root: Path) -> dict[str, bytes]:
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


TAR = tarred(
    (member("top", tarfile.DIRTYPE, mode=0o755), b""),
    (member("top/notes.md"), CONTENT),
    (member("./top/x/postBuild", mode=0o755), b"#!/bin/sh"),
)
HONEST = {
    "a.zip": zipped({"top/": b"", "top/notes.md": CONTENT, special("top/x/postBuild", stat.S_IFREG): b"#!/bin/sh"}),
    "stored.zip": zipped(
        {"top/notes.md": CONTENT, special("top/x/postBuild", stat.S_IFREG): b"#!/bin/sh"}, zipfile.ZIP_STORED
    ),
    "a.TAR": TAR,
    "a.tar.gz": gzip.compress(TAR),
    "a.tgz": gzip.compress(TAR[:600]) + gzip.compress(TAR[600:]),
    "a.tar.bz2": bz2.compress(TAR),
    "a.tar.xz": lzma.compress(TAR),
}


@pytest.mark.parametrize(("name", "archive"), HONEST.items(), ids=list(HONEST))
def test_unpack_what_is_in_an_archive(tmp_path: Path, name: str, archive: bytes) -> None:
    root, left_out = unpacked(tmp_path, name, archive)

    assert files_in(root) == {"top/notes.md": CONTENT, "top/x/postBuild": b"#!/bin/sh"}
    assert (root / "top/x/postBuild").stat().st_mode & stat.S_IXUSR
    assert not (root / "top/notes.md").stat().st_mode & stat.S_IXUSR
    assert left_out == []


@pytest.mark.parametrize("name", ["a.xlsx", "a.whl", "a.gz", "a.csv.gz", "zip", "a.zip.part", "a.7z", "a.rar"])
def test_unpack_only_what_is_called_an_archive(name: str) -> None:
    assert not is_archive(name)


def test_unpack_reads_separators_of_windows(tmp_path: Path) -> None:
    archive = zipped({"week1/notes.md": b"x"}).replace(b"week1/notes.md", b"week1\\notes.md")

    assert files_in(unpacked(tmp_path, "a.zip", archive)[0]) == {"week1/notes.md": b"x"}


LINKS = {
    "symbolic.zip": zipped({special("link", stat.S_IFLNK): b"/etc/passwd", "a.md": b"a"}),
    "pipe.zip": zipped({special("link", stat.S_IFIFO): b"", "a.md": b"a"}),
    "device.zip": zipped({special("link", stat.S_IFBLK): b"", "a.md": b"a"}),
    "symbolic.tar": tarred((member("link", tarfile.SYMTYPE, linkname="/etc/passwd"), b""), (member("a.md"), b"a")),
    "hard.tar": tarred((member("link", tarfile.LNKTYPE, linkname="/etc/passwd"), b""), (member("a.md"), b"a")),
    "pipe.tar": tarred((member("link", tarfile.FIFOTYPE), b""), (member("a.md"), b"a")),
    "device.tar": tarred((member("link", tarfile.CHRTYPE, devmajor=1, devminor=3), b""), (member("a.md"), b"a")),
}


@pytest.mark.parametrize(("name", "archive"), LINKS.items(), ids=list(LINKS))
def test_unpack_leaves_out_links_and_devices(tmp_path: Path, name: str, archive: bytes) -> None:
    root, left_out = unpacked(tmp_path, name, archive)

    assert [path.name for path in root.iterdir()] == ["a.md"]
    assert left_out == ["link"]


def test_unpack_writes_through_no_link(tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    archive = tarred((member("way", tarfile.SYMTYPE, linkname=str(outside)), b""), (member("way/out.md"), b"a"))

    root, _left_out = unpacked(tmp_path, "a.tar", archive)

    assert list(outside.iterdir()) == []
    assert files_in(root) == {"way/out.md": b"a"}


@pytest.mark.parametrize("name", [".git/config", "top/.GIT/hooks/post-checkout", "__MACOSX/._a.md"])
def test_unpack_leaves_out_what_has_no_place(tmp_path: Path, name: str) -> None:
    root, _left_out = unpacked(tmp_path, "a.zip", zipped({name: b"x", "a.md": b"a"}))

    assert files_in(root) == {"a.md": b"a"}


ESCAPES = ["../x", "a/../../x", "/etc/x", "//etc/x", "..", "a/..", "..\\x", "a\\..\\..\\x", "\\etc\\x"]


@pytest.mark.parametrize("name", ESCAPES)
def test_unpack_lets_no_name_lead_out_of_a_zip(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        unpacked(tmp_path, "a.zip", zipped({zipfile.ZipInfo(name): b"x"}))

    assert caught.value.code == "volume_path_invalid"
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize("name", [name for name in ESCAPES if "\\" not in name])
def test_unpack_lets_no_name_lead_out_of_a_tar(tmp_path: Path, name: str) -> None:
    with pytest.raises(UserError) as caught:
        unpacked(tmp_path, "a.tar", tarred((member(name), b"x")))

    assert caught.value.code == "volume_path_invalid"
    assert not list(tmp_path.rglob("x"))


@pytest.mark.parametrize(
    "names", [("a", "a"), ("a", "a/b"), ("a/b", "a"), ("a", "./a"), ("a\nb",), ("a\x1b[2J",), ("x" * 256,)]
)
@pytest.mark.parametrize("kind", ["zip", "tar"])
@pytest.mark.filterwarnings("ignore:Duplicate name")
def test_unpack_refuses_names_that_cannot_be(tmp_path: Path, kind: str, names: tuple[str, ...]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name in names:
            archive.writestr(zipfile.ZipInfo(name), b"x")
    data = buffer.getvalue() if kind == "zip" else tarred(*((member(name), b"x") for name in names))

    with pytest.raises(UserError) as caught:
        unpacked(tmp_path, f"a.{kind}", data)

    assert caught.value.code in ("record_file_refused", "volume_path_invalid")
    assert caught.value.explain().sentence.isprintable()


def test_unpack_ends_a_name_at_its_nul(tmp_path: Path) -> None:
    archive = zipped({"a.md_/../x": b"x"}).replace(b"a.md_/../x", b"a.md\0/../x")

    assert files_in(unpacked(tmp_path, "a.zip", archive)[0]) == {"a.md": b"x"}


# --- Bombs ---------------------------------------------------------------------------------------------------


ZEROS = bytes(3_000_000)
BOMBS = {
    "a.zip": zipped({"a": ZEROS, "b": ZEROS}),
    "a.tar": tarred((member("a"), ZEROS), (member("b"), ZEROS)),
    "a.tar.gz": gzip.compress(tarred((member("a"), ZEROS), (member("b"), ZEROS))),
    "a.tar.bz2": bz2.compress(tarred((member("a"), ZEROS), (member("b"), ZEROS))),
    "a.tar.xz": lzma.compress(tarred((member("a"), ZEROS), (member("b"), ZEROS))),
}


@pytest.mark.parametrize(("name", "archive"), BOMBS.items(), ids=list(BOMBS))
def test_unpack_no_more_than_is_allowed(tmp_path: Path, name: str, archive: bytes) -> None:
    with pytest.raises(UserError) as caught:
        unpacked(tmp_path, name, archive, max_bytes=4_000_000)

    assert caught.value.code == "volume_too_large"
    assert sum(len(content) for content in files_in(tmp_path / "unpacked").values()) <= 4_000_000


@pytest.mark.parametrize("name", [name for name in BOMBS if name != "a.tar"])
def test_unpack_no_more_than_can_be_honest(tmp_path: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(unpacking, "ALWAYS_ALLOWED_BYTES", 1_000_000)

    with pytest.raises(UserError) as caught:
        unpacked(tmp_path, name, BOMBS[name])

    assert caught.value.code == "archive_suspicious"


def test_unpack_what_shrank_very_much_while_it_is_small(tmp_path: Path) -> None:
    assert len(files_in(unpacked(tmp_path, "a.zip", BOMBS["a.zip"])[0])["a"]) == len(ZEROS)


FOUR = [f"{number}.md" for number in range(4)]


@pytest.mark.parametrize(
    ("name", "archive"),
    [
        ("files.zip", zipped(dict.fromkeys(FOUR, b""))),
        ("links.zip", zipped({special(name, stat.S_IFLNK): b"x" for name in FOUR})),
        ("files.tar", tarred(*((member(name), b"") for name in FOUR))),
        ("links.tar", tarred(*((member(name, tarfile.SYMTYPE, linkname="x"), b"") for name in FOUR))),
    ],
)
def test_unpack_no_more_entries_than_are_allowed(
    tmp_path: Path, name: str, archive: bytes, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "MAX_ENTRIES", 3)

    with pytest.raises(UserError) as caught:
        unpacked(tmp_path, name, archive)

    assert caught.value.code == "record_too_many_files"


def test_unpack_reads_no_table_of_contents_that_would_fill_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(unpacking, "_MAX_TABLE_BYTES", 100_000)
    archive = zipped({f"{number:0200}": b"" for number in range(1000)})

    with pytest.raises(UserError) as caught:
        unpacked(tmp_path, "a.zip", archive)

    assert caught.value.code == "archive_unreadable"


def test_unpack_reads_no_header_that_would_fill_the_memory(tmp_path: Path) -> None:
    header = member("x", tarfile.XHDTYPE, size=5_000_000).tobuf()

    with pytest.raises(UserError) as caught:
        unpacked(tmp_path, "a.tar.gz", gzip.compress(header + b"1" * 5_000_000))

    assert caught.value.code in ("volume_too_large", "volume_archive_invalid")


def test_unpack_takes_no_more_memory_than_is_allowed(tmp_path: Path) -> None:
    filters = [{"id": lzma.FILTER_LZMA2, "dict_size": 1 << 30}]

    with pytest.raises(UserError) as caught:
        unpacked(tmp_path, "a.tar.xz", lzma.compress(TAR, filters=filters))

    assert caught.value.code == "archive_unreadable"


# --- Damage --------------------------------------------------------------------------------------------------


def with_size(archive: bytes, size: int) -> bytes:
    """A zip archive of one file, whose table of contents claims that it has this size."""
    at = archive.index(b"PK\x01\x02")
    return archive[: at + 24] + struct.pack("<I", size) + archive[at + 28 :]


def encrypted(archive: bytes) -> bytes:
    at = archive.index(b"PK\x01\x02")
    local = archive[:6] + b"\x01\x00" + archive[8:at]
    return local + archive[at : at + 8] + b"\x01\x00" + archive[at + 10 :]


ONE = zipped({"a.bin": os.urandom(100_000)})
DAMAGED = {
    "empty.zip": b"",
    "page.zip": b"<html>",
    "cut.zip": ONE[:-30],
    "cut-within.zip": ONE[:50_000] + ONE[-100:],
    "flipped.zip": ONE[:5000] + bytes([ONE[5000] ^ 255]) + ONE[5001:],
    "shorter.zip": with_size(ONE, 10),
    "longer.zip": with_size(ONE, 4_000_000_000),
    "encrypted.zip": encrypted(ONE),
    "bzip2.zip": zipped({"a": b"x"}, zipfile.ZIP_BZIP2),
    "lzma.zip": zipped({"a": b"x"}, zipfile.ZIP_LZMA),
    "empty.tar.gz": b"",
    "page.tar.gz": b"<html>",
    "cut.tar.gz": gzip.compress(TAR)[:-20],
    "zlib.tar.gz": zlib.compress(TAR),
    "page.tar.bz2": b"<html>",
    "cut.tar.bz2": bz2.compress(TAR)[:-20],
    "page.tar.xz": b"<html>",
    "cut.tar.xz": lzma.compress(TAR)[:-60],
    "page.tar": b"<html>" * 1000,
    "cut.tar": TAR[:3000],
    "checksum.tar": b"x" + TAR[1:],
}


@pytest.mark.parametrize(("name", "archive"), DAMAGED.items(), ids=list(DAMAGED))
def test_unpack_says_when_an_archive_is_damaged(tmp_path: Path, name: str, archive: bytes) -> None:
    with pytest.raises(EnvironmentsError) as caught:
        unpacked(tmp_path, name, archive)

    assert caught.value.code in ("archive_unreadable", "volume_archive_invalid")
