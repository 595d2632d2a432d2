"""What becomes of the files that somebody hands in, whatever they are."""

from __future__ import annotations

import io
import stat
import tarfile
import unicodedata
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from assignments.errors import REASONS, AssignmentError
from assignments.files import (
    LEFT_OUT_WORDS,
    MAX_LEFT_OUT,
    Bundle,
    LeftOut,
    Limits,
    from_archive,
    from_files,
    from_tar,
    from_zip,
)

LIMITS = Limits(max_bytes=100_000, max_files=20)
FILES = [("problem1.ipynb", b"{}"), ("data/numbers.csv", b"1,2\n"), ("notes.txt", b"")]


def member(name: str | bytes, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> tarfile.TarInfo:
    info = tarfile.TarInfo(name if isinstance(name, str) else name.decode(errors="surrogateescape"))
    info.type, info.linkname, info.size, info.mtime = kind, link, len(content), 1_700_000_000
    info.uname = "student"
    return info


def tar(*members: tuple[str | bytes, bytes] | tarfile.TarInfo) -> bytes:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w", errors="surrogateescape") as archive:
        for one in members:
            if isinstance(one, tarfile.TarInfo):
                archive.addfile(one)
            else:
                archive.addfile(member(*one), io.BytesIO(one[1]))
    return buffer.getvalue()


def zipped(*members: tuple[str | zipfile.ZipInfo, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, content in members:
            archive.writestr(name, content)
    return buffer.getvalue()


def untar(raw: bytes) -> Bundle:
    return from_tar([raw], limits=LIMITS).bundle


def code_of(call: Callable[[], object]) -> str:
    with pytest.raises(AssignmentError) as caught:
        call()
    assert caught.value.code in REASONS
    return caught.value.code


# --- One way to write it -----------------------------------------------------------------------------------


def test_the_same_files_are_the_same_bundle_however_they_came() -> None:
    bundles = [
        from_files(FILES, limits=LIMITS).bundle,
        from_files(reversed(FILES), limits=LIMITS).bundle,
        untar(tar(*FILES, member("data", kind=tarfile.DIRTYPE))),
        untar(tar(*((f"./{path}", content) for path, content in FILES))),
        from_zip(zipped(*FILES), limits=LIMITS).bundle,
        from_zip(zipped(*((f"ps1/{path}", content) for path, content in FILES)), limits=LIMITS).bundle,
    ]

    assert {bundle.sha256 for bundle in bundles} == {bundles[0].sha256}


def test_a_bundle_is_written_as_plainly_as_can_be() -> None:
    with tarfile.open(fileobj=io.BytesIO(from_files(FILES, limits=LIMITS).bundle.tar)) as archive:
        members = archive.getmembers()

    assert [one.name for one in members] == ["data/numbers.csv", "notes.txt", "problem1.ipynb"]
    assert {(one.mtime, one.uid, one.uname, one.mode, one.type) for one in members} == {(0, 0, "", 0o644, b"0")}
    assert not any(one.pax_headers for one in members)


paths = st.lists(
    st.text(
        st.characters(codec="utf-8", exclude_categories=("C", "Z"), exclude_characters="/\\"), min_size=1, max_size=9
    ).filter(lambda name: name not in (".", "..")),
    min_size=1,
    max_size=3,
).map("/".join)


@given(st.dictionaries(paths, st.binary(max_size=50), max_size=8))
def test_what_a_bundle_is_written_as_reads_as_itself(files: dict[str, bytes]) -> None:
    assume(not any(folder.startswith(f"{file}/") for file in files for folder in files))
    bundle = from_files(files.items(), limits=LIMITS).bundle

    again = from_tar([bundle.tar], limits=LIMITS)

    assert again.bundle == bundle
    assert again.bundle.sha256 == bundle.sha256
    assert not again.left_out


@given(st.binary(max_size=2000) | st.binary(max_size=600).map(lambda noise: tar(*FILES)[:700] + noise))
def test_anything_is_read_or_refused_in_words(raw: bytes) -> None:
    refused = None
    try:
        from_archive(raw, limits=LIMITS)
    except AssignmentError as error:
        refused = error

    assert refused is None or refused.code in REASONS


def test_a_bundle_tells_what_is_in_it() -> None:
    bundle = from_files([*FILES, ("old/problem2.ipynb", b"{}"), (".ipynb", b"")], limits=LIMITS).bundle

    assert bundle.notebooks == ("problem1",)
    assert bundle.notebook("problem1") == b"{}"
    assert bundle.read("data/numbers.csv") == b"1,2\n"
    assert bundle.read("data") is None
    assert len(bundle) == len(list(bundle)) == 5
    assert code_of(lambda: bundle.notebook("problem2")) == "notebook_missing"


# --- Left out ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "link"),
    [
        (tarfile.SYMTYPE, "/etc/passwd"),
        (tarfile.LNKTYPE, "problem1.ipynb"),
        (tarfile.CHRTYPE, ""),
        (tarfile.BLKTYPE, ""),
        (tarfile.FIFOTYPE, ""),
    ],
)
def test_links_and_devices_are_left_out(kind: bytes, link: str) -> None:
    received = from_tar([tar(*FILES, member("odd", kind=kind, link=link))], limits=LIMITS)

    assert received.left_out == (LeftOut("not_a_file", "odd"),)
    assert len(received.bundle) == 3


def test_names_that_are_no_text_are_left_out() -> None:
    received = from_tar([tar((b"caf\xe9.txt", b"x"), ("a\nb", b"x"), ("c\\d", b"x"), ("ok", b"x"))], limits=LIMITS)

    assert {one.code for one in received.left_out} == {"not_text"}
    assert len(received.left_out) == 3
    assert [file.path for file in received.bundle] == ["ok"]


@pytest.mark.parametrize(
    ("one", "other"),
    [("Data.csv", "data.csv"), ("Data/a", "data/b"), ("é", unicodedata.normalize("NFD", "é")), ("straße", "STRASSE")],
)
def test_names_that_differ_in_case_only_are_left_out(one: str, other: str) -> None:
    received = from_tar([tar((one, b"1"), (other, b"2"))], limits=LIMITS, prefer=[other])

    assert received.left_out == (LeftOut("same_name", one),)
    assert [file.path for file in received.bundle] == [other]


@pytest.mark.parametrize(
    "path",
    [
        ".DS_Store",
        ".git/config",
        ".ipynb_checkpoints/a.ipynb",
        ".jupyter_ystore.db",
        ".nbgrader.log",
        ".virtual_documents/a.ipynb",
        "x/.pytest_cache/v",
        "x/__pycache__/y.pyc",
    ],
)
def test_what_programs_leave_behind_is_left_out_without_a_word(path: str) -> None:
    received = from_tar([tar((path, b"x"))], limits=LIMITS)

    assert (len(received.bundle), received.left_out) == (0, ())


def test_not_everything_left_out_is_named() -> None:
    links = [member(f"link{number}", kind=tarfile.SYMTYPE, link="x") for number in range(MAX_LEFT_OUT + 9)]

    assert len(from_tar([tar(*links)], limits=LIMITS).left_out) == MAX_LEFT_OUT


@pytest.mark.parametrize("code", LEFT_OUT_WORDS)
def test_every_file_left_out_has_words(code: str) -> None:
    assert "“{x}”" in str(LeftOut(code, "{x}"))


# --- Refused -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["../up", "a/../../up", "/etc/passwd", "a/..", "x" * 300])
def test_a_way_out_is_refused(name: str) -> None:
    assert code_of(lambda: untar(tar((name, b"x")))) == "files_refused"
    assert code_of(lambda: from_files([(name, b"x")], limits=LIMITS)) == "files_refused"


@pytest.mark.parametrize("name", ["../up", "/etc/passwd", "a\\b"])
def test_a_way_out_of_a_zip_file_is_refused(name: str) -> None:
    assert code_of(lambda: from_zip(zipped((name, b"x")), limits=LIMITS)) == "files_refused"


def test_a_link_in_a_zip_file_is_refused() -> None:
    info = zipfile.ZipInfo("link")
    info.external_attr = (stat.S_IFLNK | 0o777) << 16

    assert code_of(lambda: from_zip(zipped((info, b"/etc/passwd")), limits=LIMITS)) == "files_refused"


@pytest.mark.parametrize("names", [("a", "a"), ("a", "./a"), ("a", "a/b"), ("a/b/c", "a/b")])
def test_a_name_that_is_there_twice_is_refused(names: tuple[str, str]) -> None:
    assert code_of(lambda: untar(tar(*((name, b"x") for name in names)))) == "files_refused"


def test_too_many_files_are_refused() -> None:
    many = [(f"{number}.txt", b"") for number in range(LIMITS.max_files + 1)]

    assert code_of(lambda: untar(tar(*many))) == "files_too_many"
    assert len(untar(tar(*many[:-1]))) == LIMITS.max_files


def test_too_many_folders_are_refused() -> None:
    folders = [member(f"{number}", kind=tarfile.DIRTYPE) for number in range(2 * LIMITS.max_files + 1)]

    assert code_of(lambda: untar(tar(*folders))) in ("files_too_many", "files_too_large")


def test_too_large_files_are_refused() -> None:
    half = bytes(LIMITS.max_bytes // 2)

    assert len(untar(tar(("a", half), ("b", half)))) == 2
    assert code_of(lambda: untar(tar(("a", half), ("b", half + b"x")))) == "files_too_large"
    assert code_of(lambda: from_files([("a", half + half + b"x")], limits=LIMITS)) == "files_too_large"


def test_a_header_that_claims_too_much_is_refused_before_it_is_read() -> None:
    claim = member("huge")
    claim.size = 1 << 40
    read = []

    def stream() -> object:
        yield claim.tobuf()
        for _ in range(1000):
            read.append(1)
            yield bytes(100_000)

    assert code_of(lambda: from_tar(stream(), limits=LIMITS)) == "files_too_large"  # type: ignore[arg-type]
    assert len(read) < 5


def test_a_zip_bomb_is_refused() -> None:
    limits = Limits(max_bytes=100_000_000)

    assert code_of(lambda: from_zip(zipped(("bomb", bytes(50_000_000))), limits=limits)) == "files_refused"
    assert code_of(lambda: from_zip(zipped(("large", bytes(200_000))), limits=LIMITS)) == "files_too_large"


@pytest.mark.parametrize(
    "raw", [b"", b"no archive at all", b"PK\x03\x04 and nothing", zipped(*FILES)[:-9], tar(*FILES)[:600]]
)
def test_damage_is_refused(raw: bytes) -> None:
    assert code_of(lambda: from_archive(raw, limits=LIMITS)) == "files_unreadable"
