"""Records of archives become the folder an environment is made of, or an error that says why not."""

from __future__ import annotations

import io
import threading
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path

import pytest
from pytest_django import Settings

from environments import references
from environments.builders import records
from environments.builders.commands import Commands
from environments.builders.fetching import Checkout
from environments.builders.records import Download
from environments.builders.repo2docker import Repo2DockerBuilder
from environments.builders.sources import source_of
from environments.builders.venv import VenvBuilder
from environments.errors import EnvironmentsError
from environments.processes import installation_label
from environments.values import BuildPhase, BuildRequest, Credential, ResolvedRepository
from tests.contracts.images import NOTEBOOK, share_package_cache
from tests.engine_images import FROM_BASE, names_left, own_images
from tests.fakes.archive_host import ArchiveHost

KEY = "fedcba9876543210" * 4
MODIFIED = "2019-09-25T07:35:57Z"
RECORD = "/api/records/7"


@pytest.fixture
def host() -> Iterator[ArchiveHost]:
    with ArchiveHost() as host:
        yield host


@pytest.fixture(autouse=True)
def _allowed(host: ArchiveHost, settings: Settings, tmp_path: Path) -> None:
    settings.CARREL_DATA, settings.REPOSITORY_ALLOWED_HOSTS = tmp_path / "data", [host.address]
    settings.REPOSITORY_TIMEOUT_SECONDS = 5


def zipped(files: Mapping[str, bytes | str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, content in files.items():
            archive.writestr(name, content)
    return buffer.getvalue()


def record_on(host: ArchiveHost) -> ResolvedRepository:
    """Record 7 of the Zenodo here."""
    return ResolvedRepository(f"zenodo+{host.base_url}/records/7", "7", "")


def download_of(host: ArchiveHost, directory: Path, *, max_bytes: int = 1_000_000, seconds: int = 30) -> Download:
    commands = Commands(installation_label(directory), time_limit_seconds=seconds)
    return Download(record_on(host), directory / "repo", commands, max_bytes)


def fetched(download: Download) -> dict[str, bytes]:
    """What a record became, file by file."""
    list(download.make())
    root = download.directory
    return {str(path.relative_to(root)): path.read_bytes() for path in root.rglob("*") if path.is_file()}


def code_of(download: Download) -> str:
    """How a download fails. Nothing is left of it then."""
    with pytest.raises(EnvironmentsError) as caught:
        list(download.make())
    assert list(download.directory.parent.iterdir()) == []
    assert caught.value.explain().sentence.isprintable()
    return caught.value.code


# --- Whole records -------------------------------------------------------------------------------------------


def test_make_puts_all_files_where_they_belong(host: ArchiveHost, tmp_path: Path) -> None:
    contents = {"notes.md": b"hello", "data/numbers é.csv": b"1,2", "lesson.zip": zipped({"a": "a"}), "empty": b""}
    host.zenodo("7", contents)

    assert fetched(download_of(host, tmp_path)) == contents
    assert [path.name for path in tmp_path.iterdir()] == ["repo"]


@pytest.mark.parametrize(
    ("packed", "expected"),
    [
        ({"owner-name-1a2b3c4/a.md": "a", "owner-name-1a2b3c4/x/b.md": "b"}, {"a.md": b"a", "x/b.md": b"b"}),
        ({"a.md": "a", "x/b.md": "b"}, {"a.md": b"a", "x/b.md": b"b"}),
        ({"top/": "", "top/a.md": "a", "__MACOSX/top/._a.md": "x"}, {"a.md": b"a"}),
        ({"outer/inner/a.md": "a"}, {"inner/a.md": b"a"}),
        ({"a.md": "a"}, {"a.md": b"a"}),
    ],
)
def test_make_unpacks_an_only_archive_without_its_wrapping(
    host: ArchiveHost, tmp_path: Path, packed: dict[str, str], expected: dict[str, bytes]
) -> None:
    host.zenodo("7", {"lesson.zip": zipped(packed)})

    assert fetched(download_of(host, tmp_path)) == expected
    assert [path.name for path in tmp_path.iterdir()] == ["repo"]


def test_make_says_what_it_does(host: ArchiveHost, tmp_path: Path) -> None:
    link = zipfile.ZipInfo("link")
    link.create_system, link.external_attr = 3, 0o120777 << 16
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        archive.writestr("a.md", "a")
        archive.writestr(link, "/etc/passwd")
    host.zenodo("7", {"lesson.zip": buffer.getvalue()})

    said = [line.replace("\xa0", " ") for line in download_of(host, tmp_path).make() if line]

    assert said == [
        f"Downloading lesson.zip ({len(buffer.getvalue())} bytes)",
        "Unpacking lesson.zip",
        "Left out, because it is a link and not a file: link",
    ]


def test_make_keeps_files_of_one_name_apart(host: ArchiveHost, tmp_path: Path) -> None:
    host.ckan("sample", KEY[:8], {"data.csv": b"1", "x/data.csv": b"2"}, modified=MODIFIED)
    repository = references.resolve(references.parse(f"{host.base_url}/dataset/sample"))
    commands = Commands(installation_label(tmp_path), time_limit_seconds=30)

    assert fetched(Download(repository, tmp_path / "repo", commands)) == {"data.csv": b"1", "r1/data.csv": b"2"}


@pytest.mark.parametrize("name", ["hydroshare", "dataverse", "ckan"])
def test_make_fetches_from_every_archive(host: ArchiveHost, tmp_path: Path, name: str) -> None:
    contents = {"notes 1.md": b"hello", "lesson.ipynb": b"{}"}
    resource, dataset = "b8f6eae9d89241cf8b5904033460af61", "doi:10.7910/DVN/6ZXAGT"
    host.hydroshare(resource, contents, modified=MODIFIED)
    host.dataverse(dataset, contents)
    host.ckan("sample", "sample", contents, modified=MODIFIED)
    repository = {
        "hydroshare": ResolvedRepository(f"hydroshare+{host.base_url}/resource/{resource}", "2019-09-25T07-35-57Z", ""),
        "dataverse": ResolvedRepository(f"dataverse+{host.base_url}/dataset.xhtml?persistentId={dataset}", "1.0", ""),
        "ckan": ResolvedRepository(f"ckan+{host.base_url}/dataset/sample", "2019-09-25T07-35-57Z", ""),
    }[name]
    commands = Commands(installation_label(tmp_path), time_limit_seconds=30)

    assert fetched(Download(repository, tmp_path / "repo", commands)) == contents


# --- What is not as the archive says -------------------------------------------------------------------------


def entry(host: ArchiveHost, key: str = "a.md", place: str = "/a") -> dict[str, object]:
    """A file as Zenodo describes it, without size and checksum."""
    return {"key": key, "links": {"content": host.base_url + place}}


@pytest.mark.parametrize(
    ("described", "code"),
    [
        ({"size": 5}, ""),
        ({"checksum": "md5:5d41402abc4b2a76b9719d911017c592"}, ""),
        ({"checksum": "MD5:5D41402ABC4B2A76B9719D911017C592"}, ""),
        ({"checksum": "sha1:aaf4c61ddcc5e8a2dabede0f3b482cd9aea9434d"}, ""),
        ({"checksum": "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"}, ""),
        ({"checksum": "crc32:3610a686"}, ""),
        ({"checksum": "md5:5d41402abc4b2a76b9719d911017c593-2"}, ""),
        ({"checksum": "md5:"}, ""),
        ({"size": 4}, "record_file_damaged"),
        ({"size": 6}, "record_file_damaged"),
        ({"checksum": "md5:5d41402abc4b2a76b9719d911017c593"}, "record_file_damaged"),
    ],
)
def test_make_compares_what_arrives_with_what_is_promised(
    host: ArchiveHost, tmp_path: Path, described: dict[str, object], code: str
) -> None:
    host.answer("/a", body=b"hello")
    host.say(f"{RECORD}/files", {"entries": [entry(host) | described]})
    download = download_of(host, tmp_path)

    if code:
        assert code_of(download) == code
    else:
        assert fetched(download) == {"a.md": b"hello"}


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (202, "repository_unreachable"),
        (400, "record_restricted"),
        (401, "record_restricted"),
        (403, "record_restricted"),
        (404, "record_file_damaged"),
        (410, "record_file_damaged"),
        (500, "repository_unreachable"),
    ],
)
def test_make_says_what_the_archive_says_of_a_file(host: ArchiveHost, tmp_path: Path, status: int, code: str) -> None:
    host.say(f"{RECORD}/files", {"entries": [entry(host)]})
    host.answer("/a", status=status, body=b"<html>")

    assert code_of(download_of(host, tmp_path)) == code


def test_make_waits_for_no_more_than_is_promised(host: ArchiveHost, tmp_path: Path) -> None:
    host.say(f"{RECORD}/files", {"entries": [entry(host) | {"size": 4}]})
    host.answer("/a", body=b"hello", promised=1000, drips=True)

    assert code_of(download_of(host, tmp_path)) == "record_file_damaged"


def test_make_says_when_an_answer_ends_early(host: ArchiveHost, tmp_path: Path) -> None:
    host.say(f"{RECORD}/files", {"entries": [entry(host)]})
    host.answer("/a", body=b"half", promised=8)

    assert code_of(download_of(host, tmp_path)) == "repository_unreachable"


ELSEWHERE = [
    ("http://169.254.169.254/latest", "repository_address_forbidden"),
    ("http://10.0.0.1/x", "repository_address_forbidden"),
    ("http://127.0.0.1:1/x", "repository_address_forbidden"),
    ("file:///etc/passwd", "repository_local_forbidden"),
    ("ftp://example.org/x", "repository_scheme_forbidden"),
    ("http://u:p@example.org/x", "repository_has_credentials"),
]


@pytest.mark.parametrize(
    ("place", "code"),
    [
        *ELSEWHERE,
        ("/etc/passwd", "repository_local_forbidden"),
        ("", "record_file_damaged"),
        ("nonsense", "record_file_damaged"),
        ("http://[", "record_file_damaged"),
        ("http://" + "x" * 10_000, "record_file_damaged"),
    ],
)
def test_make_downloads_from_nowhere_it_may_not(host: ArchiveHost, tmp_path: Path, place: str, code: str) -> None:
    host.say(f"{RECORD}/files", {"entries": [{"key": "a.md", "links": {"content": place}}]})

    assert code_of(download_of(host, tmp_path)) == code


@pytest.mark.parametrize(("place", "code"), ELSEWHERE)
def test_make_is_led_nowhere_it_may_not_go(host: ArchiveHost, tmp_path: Path, place: str, code: str) -> None:
    host.say(f"{RECORD}/files", {"entries": [entry(host)]})
    host.lead("/a", place)

    assert code_of(download_of(host, tmp_path)) == code


def test_make_follows_to_where_the_files_are_kept(host: ArchiveHost, tmp_path: Path) -> None:
    kept = f"/kept?X-Amz-Security-Token={'x' * 3000}&X-Amz-Credential=a%2Fb&disposition=attachment%3B%20x"
    host.say(f"{RECORD}/files", {"entries": [entry(host, place="/a b")]})
    host.lead("/a%20b", kept)
    host.answer(kept, body=b"hello")

    assert fetched(download_of(host, tmp_path)) == {"a.md": b"hello"}


@pytest.mark.parametrize(
    "name",
    [
        *("../x", "a/../../x", "/etc/x", "..", ".", "", "a\0b", "a\nb", "\x1b[2Jx", "x" * 256, "a/" + "x" * 256),
        "\ud800",
    ],
)
def test_make_refuses_names_that_cannot_be(host: ArchiveHost, tmp_path: Path, name: str) -> None:
    host.answer("/a", body=b"hello")
    host.say(f"{RECORD}/files", {"entries": [entry(host, name)]})

    assert code_of(download_of(host, tmp_path)) == "record_file_refused"


@pytest.mark.parametrize("names", [("a", "a/b"), ("a/b", "a"), ("a", "a")])
def test_make_refuses_names_that_are_in_each_others_way(
    host: ArchiveHost, tmp_path: Path, names: tuple[str, str]
) -> None:
    host.answer("/a", body=b"hello")
    host.say(f"{RECORD}/files", {"entries": [entry(host, name) for name in names]})

    assert code_of(download_of(host, tmp_path)) == "record_file_refused"


def test_make_leaves_out_what_git_would_obey(host: ArchiveHost, tmp_path: Path) -> None:
    host.zenodo("7", {".git/config": b"[core]", "x/.Git/config": b"", "a.md": b"a"})

    assert fetched(download_of(host, tmp_path)) == {"a.md": b"a"}
    assert host.requests[f"{RECORD}/files/.git%2Fconfig/content"] == 0


# --- Too much, or nothing ------------------------------------------------------------------------------------


def test_make_downloads_nothing_of_a_record_that_says_it_is_too_large(host: ArchiveHost, tmp_path: Path) -> None:
    host.zenodo("7", {"a": b"x" * 600, "b": b"x" * 600})

    assert code_of(download_of(host, tmp_path, max_bytes=1000)) == "repository_too_large"
    assert set(host.requests) == {f"{RECORD}/files"}


def test_make_stops_when_more_comes_than_is_allowed(host: ArchiveHost, tmp_path: Path) -> None:
    host.say(f"{RECORD}/files", {"entries": [entry(host, "a"), entry(host, "b")]})
    host.answer("/a", body=b"x" * 600_000)

    assert code_of(download_of(host, tmp_path, max_bytes=1_000_000)) == "repository_too_large"


def test_make_stops_when_more_is_unpacked_than_is_allowed(host: ArchiveHost, tmp_path: Path) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("zeros", bytes(5_000_000))
    host.zenodo("7", {"bomb.zip": buffer.getvalue()})

    assert code_of(download_of(host, tmp_path)) == "repository_too_large"


@pytest.mark.parametrize(
    ("name", "archive", "code"),
    [
        ("a.zip", b"<html>", "archive_unreadable"),
        ("a.tar", b"<html>" * 1000, "archive_unreadable"),
        ("a.zip", zipped({"../../x": "x"}), "record_file_refused"),
        ("a.zip", zipped({"a\nb": "x"}), "record_file_refused"),
        ("a.zip", zipped({}), "record_empty"),
        ("a.zip", zipped({"top/": "", "top/x/": ""}), "record_empty"),
        ("a.zip", zipped({".git/config": "x"}), "record_empty"),
    ],
)
def test_make_says_what_is_wrong_with_an_archive(
    host: ArchiveHost, tmp_path: Path, name: str, archive: bytes, code: str
) -> None:
    host.zenodo("7", {name: archive})

    assert code_of(download_of(host, tmp_path)) == code


def test_make_says_when_there_is_nothing(host: ArchiveHost, tmp_path: Path) -> None:
    host.zenodo("7", {})

    assert code_of(download_of(host, tmp_path)) == "record_empty"


def test_make_asks_for_no_more_files_than_are_allowed(
    host: ArchiveHost, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(records, "MAX_FILES", 2)
    host.zenodo("7", dict.fromkeys("abc", b""))

    assert code_of(download_of(host, tmp_path)) == "record_too_many_files"
    assert set(host.requests) == {f"{RECORD}/files"}


# --- Waiting -------------------------------------------------------------------------------------------------


def test_make_waits_when_it_is_asked_to(host: ArchiveHost, tmp_path: Path) -> None:
    host.zenodo("7", {"a.md": b"hello"})
    host.answer_once(f"{RECORD}/files/a.md/content", status=429, headers={"Retry-After": "0"})

    assert fetched(download_of(host, tmp_path)) == {"a.md": b"hello"}


@pytest.mark.parametrize("headers", [{"Retry-After": "600"}, {"Retry-After": "0"}])
def test_make_gives_up_on_a_host_that_has_had_enough(
    host: ArchiveHost, tmp_path: Path, headers: dict[str, str]
) -> None:
    host.say(f"{RECORD}/files", {"entries": [entry(host)]})
    host.answer("/a", status=429, headers=headers)

    assert code_of(download_of(host, tmp_path)) == "repository_rate_limited"
    assert host.requests["/a"] <= 5


def test_make_ends_at_the_time_limit(host: ArchiveHost, tmp_path: Path) -> None:
    host.say(f"{RECORD}/files", {"entries": [entry(host)]})
    host.answer("/a", body=b"x" * 100_000, drips=True)

    assert code_of(download_of(host, tmp_path, seconds=0)) == "build_timeout"


def test_make_gives_signs_of_life_while_the_host_is_silent(host: ArchiveHost, tmp_path: Path) -> None:
    host.say(f"{RECORD}/files", {"entries": [entry(host)]})
    host.answer("/a", promised=10, drips=True)
    making = download_of(host, tmp_path).make()

    said = [next(making) for _ in range(6)]

    assert "" in said[said.index("Downloading a.md") :]
    making.close()
    assert list(tmp_path.iterdir()) == []


def test_close_ends_a_download(host: ArchiveHost, tmp_path: Path) -> None:
    host.say(f"{RECORD}/files", {"entries": [entry(host)]})
    host.answer("/a", body=b"x" * 100_000, drips=True)
    making = download_of(host, tmp_path).make()
    while not (tmp_path / "repo.files" / "a.md").exists():
        next(making)

    making.close()

    assert list(tmp_path.iterdir()) == []
    assert [thread for thread in downloads() if thread.is_alive()] == []


def downloads() -> list[threading.Thread]:
    """Those that download at the moment, once each has had the time to end."""
    working = [thread for thread in threading.enumerate() if thread.name.startswith("download")]
    for thread in working:
        thread.join(timeout=10)
    return working


# --- Builders ------------------------------------------------------------------------------------------------


def test_source_of_a_record_is_shown_no_credential(host: ArchiveHost, tmp_path: Path) -> None:
    host.zenodo("7", {"a.md": b"a"})
    credential = Credential(host.base_url, "ada", "correct horse")
    request = BuildRequest("b", KEY, record_on(host), 30, credential)
    commands = Commands(installation_label(tmp_path), time_limit_seconds=30)

    list(source_of(request, tmp_path / "repo", tmp_path, commands).make())

    assert not [headers for _target, headers in host.seen if "authorization" in headers]


def test_source_of_anything_else_is_a_checkout(tmp_path: Path) -> None:
    request = BuildRequest("b", KEY, ResolvedRepository("https://git.example.org/a", "0" * 40, ""), 30)

    source = source_of(request, tmp_path / "repo", tmp_path, Commands({}, time_limit_seconds=30))

    assert isinstance(source, Checkout)


def test_build_makes_a_virtual_environment_of_a_record(host: ArchiveHost, tmp_path: Path) -> None:
    lesson = {"lesson-1.0/requirements.txt": "six==1.16.0\n", "lesson-1.0/first.ipynb": NOTEBOOK}
    host.zenodo("9", {"lesson-1.0.zip": zipped({**lesson, "lesson-1.0/postBuild": "python -c 'import six'"})})
    share_package_cache(tmp_path / "data")
    repository = ResolvedRepository(f"zenodo+{host.base_url}/records/9", "9", "")

    events = list(VenvBuilder().build(BuildRequest("build-1", KEY, repository, 120)))

    image = VenvBuilder().find(KEY)
    assert image is not None
    directory = Path(image.location)
    assert {path.name for path in directory.iterdir()} == {"repo", "venv", "image.json", "build"}
    assert {path.name for path in (directory / "repo").iterdir()} == {"requirements.txt", "first.ipynb", "postBuild"}
    assert events[0].text == f"Fetching {host.base_url}/records/9 at 9"
    assert " + six==1.16.0" in [event.text for event in events if event.phase is BuildPhase.BUILDING]


def test_build_leaves_nothing_of_a_record_that_cannot_be_had(host: ArchiveHost, tmp_path: Path) -> None:
    host.zenodo("7", {}, access="restricted")

    with pytest.raises(EnvironmentsError) as caught:
        list(VenvBuilder().build(BuildRequest("build-1", KEY, record_on(host), 120)))

    assert caught.value.code == "record_restricted"
    assert not (tmp_path / "data" / "images" / KEY).exists()


@pytest.mark.docker
def test_build_makes_an_image_of_a_record(host: ArchiveHost, tmp_path: Path) -> None:
    host.zenodo("7", {"Dockerfile": f"{FROM_BASE}RUN ls > here.txt && cat here.txt\n".encode(), "first.ipynb": b"{}"})

    with own_images(tmp_path, host):
        log = [event.text for event in Repo2DockerBuilder().build(BuildRequest("build-1", KEY, record_on(host), 60))]

        assert names_left()
    assert "Downloading first.ipynb" in " ".join(log)
