"""What is fetched for a build beyond a public repository: private ones, and submodules."""

from __future__ import annotations

import secrets
from base64 import b64encode
from collections.abc import Iterator
from contextlib import nullcontext
from pathlib import Path

import pytest
from pytest_django import Settings

from environments.builders.commands import Commands
from environments.builders.fetching import Checkout
from environments.builders.submodules import MAX_SUBMODULES, fetch_submodules
from environments.errors import EnvironmentsError
from environments.processes import installation_label
from environments.references.credentials import git_variables, headers_for
from environments.values import BuildRequest, Credential, ResolvedRepository
from tests.fakes.git_host import GitHost

PASSWORD = "correct horse battery"
HEADER = "Basic " + b64encode(f"ada:{PASSWORD}".encode()).decode()


@pytest.fixture(scope="module")
def host() -> Iterator[GitHost]:
    with GitHost() as host:
        yield host


@pytest.fixture(autouse=True)
def _allowed(host: GitHost, settings: Settings, tmp_path: Path) -> None:
    settings.CARREL_DATA, settings.REPOSITORY_ALLOWED_HOSTS = tmp_path, [host.address]


def checkout_of(url: str, commit: str, directory: Path, credential: Credential | None = None) -> Checkout:
    commands = Commands(installation_label(directory), time_limit_seconds=30)
    (directory / "home").mkdir()
    repository = ResolvedRepository(url, commit, "")
    return Checkout(repository, directory / "repo", directory / "home", commands, credential=credential)


def files_with(directory: Path, text: str) -> list[Path]:
    return [path for path in directory.rglob("*") if path.is_file() and text.encode() in path.read_bytes()]


# --- Private repositories ------------------------------------------------------------------------------------


def test_checkout_shows_credential_to_its_host(host: GitHost, tmp_path: Path) -> None:
    commit = host.add("private", {"notes.md": "hello"})
    host.make_private("private", username="ada", password=PASSWORD)
    checkout = checkout_of(host.url("private"), commit, tmp_path, Credential(host.base_url, "ada", PASSWORD))

    said = list(checkout.make())

    assert (tmp_path / "repo" / "notes.md").read_text() == "hello"
    assert not [line for line in said if PASSWORD in line or HEADER in line]


def test_checkout_keeps_credential_in_no_file(host: GitHost, tmp_path: Path) -> None:
    commit = host.add("kept", {"notes.md": "hello"})
    host.make_private("kept", username="ada", password=PASSWORD)

    list(checkout_of(host.url("kept"), commit, tmp_path, Credential(host.base_url, "ada", PASSWORD)).make())

    assert files_with(tmp_path, PASSWORD) + files_with(tmp_path, HEADER) + files_with(tmp_path, "extraHeader") == []


@pytest.mark.parametrize(("password", "code"), [("wrong", "credential_refused"), ("", "repository_not_found")])
def test_checkout_says_why_private_repository_is_not_to_be_had(
    host: GitHost, tmp_path: Path, password: str, code: str
) -> None:
    name = f"closed-{password}"
    commit = host.add(name, {})
    host.make_private(name, username="ada", password=PASSWORD)
    credential = Credential(host.base_url, "ada", password) if password else None

    with pytest.raises(EnvironmentsError) as caught:
        list(checkout_of(host.url(name), commit, tmp_path, credential).make())

    assert caught.value.code == code
    assert PASSWORD not in f"{caught.value!r} {caught.value.detail}"


def test_checkout_shows_credential_to_no_other_host(host: GitHost, settings: Settings, tmp_path: Path) -> None:
    with GitHost() as elsewhere:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address, elsewhere.address]
        commit = elsewhere.add("moved", {"notes.md": "hello"})
        host.redirect("moving", elsewhere.url("moved"))
        checkout = checkout_of(host.url("moving"), commit, tmp_path, Credential(host.base_url, "ada", PASSWORD))

        list(checkout.make())

        assert [headers for _path, headers in host.seen if headers.get("authorization") == HEADER]
        assert not [headers for _path, headers in elsewhere.seen if "authorization" in headers]


def test_checkout_says_that_credential_was_refused_while_fetching(host: GitHost, tmp_path: Path) -> None:
    commit = host.add("revoked", {"notes.md": "hello"})
    host.answer("/revoked.git/git-upload-pack", status=401, headers={"WWW-Authenticate": "Basic"})
    checkout = checkout_of(host.url("revoked"), commit, tmp_path, Credential(host.base_url, "ada", PASSWORD))

    with pytest.raises(EnvironmentsError) as caught:
        list(checkout.make())

    assert (caught.value.code, caught.value.facts) == ("credential_refused", {"host": "127.0.0.1"})
    assert PASSWORD not in caught.value.detail
    assert HEADER not in caught.value.detail


@pytest.mark.parametrize(
    ("url", "is_shown"),
    [
        ("https://git.example.org/a/b", True),
        ("https://GIT.example.org:443/a", True),
        ("http://git.example.org/a/b", False),
        ("https://git.example.org:8443/a/b", False),
        ("https://git.example.org.evil.example/a", False),
        ("https://evil.example/git.example.org", False),
    ],
)
def test_headers_are_for_the_credential_s_own_host(url: str, is_shown: bool) -> None:
    headers = headers_for(url, Credential("https://git.example.org", "ada", PASSWORD))

    assert headers == ({"Authorization": HEADER} if is_shown else {})


def test_git_variables_name_the_host() -> None:
    variables = git_variables(Credential("https://Git.example.org", "ada", PASSWORD))

    assert variables["GIT_CONFIG_KEY_0"] == "http.https://git.example.org/.extraHeader"
    assert git_variables(None) == {}


def test_request_shows_no_credential() -> None:
    credential = Credential("https://git.example.org", "ada", PASSWORD)

    shown = f"{credential!r} {BuildRequest('b', 'k', ResolvedRepository('u', 'c', ''), 1, credential)!r}"

    assert PASSWORD not in shown


# --- Submodules ----------------------------------------------------------------------------------------------


def with_submodules(host: GitHost, name: str, submodules: dict[str, tuple[str, str]]) -> str:
    """A repository with these submodules: from path to URL and commit. Returns its commit."""
    listing = "".join(
        f'[submodule "{path}"]\n\tpath = {path}\n\turl = {url}\n' for path, (url, _commit) in submodules.items()
    )
    commit = host.add(name, {".gitmodules": listing})
    for path, (_url, linked) in submodules.items():
        commit = host.link_submodule(name, path, linked)
    return commit


def test_submodules_are_fetched_at_their_commits(host: GitHost, tmp_path: Path) -> None:
    inner = host.add("inner", {"inner.txt": "inner"})
    middle = with_submodules(host, "middle", {"deep": ("../inner.git", inner)})
    commit = with_submodules(host, "outer", {"sub/middle": (host.url("middle"), middle)})
    checkout = checkout_of(host.url("outer"), commit, tmp_path)
    list(checkout.make())

    list(fetch_submodules(checkout))

    assert (tmp_path / "repo" / "sub" / "middle" / "deep" / "inner.txt").read_text() == "inner"


@pytest.mark.parametrize(
    ("submodule", "is_fetched"),
    [("course/data", True), ("course/inner/data", True), ("other/data", False), ("course-of-others/data", False)],
)
def test_submodules_get_the_credential_beside_their_repository_only(
    host: GitHost, tmp_path: Path, submodule: str, is_fetched: bool
) -> None:
    folder = f"course-{secrets.token_hex(4)}"
    name, main = submodule.replace("course", folder, 1), f"{folder}/main"
    linked = host.add(name, {"data.csv": "1\n"})
    commit = with_submodules(host, main, {"data": (host.url(name), linked)})
    for private in (main, name):
        host.make_private(private, username="ada", password=PASSWORD)
    checkout = checkout_of(host.url(main), commit, tmp_path, Credential(host.base_url, "ada", PASSWORD))
    list(checkout.make())

    with nullcontext() if is_fetched else pytest.raises(EnvironmentsError, match="repository_not_found"):
        list(fetch_submodules(checkout))

    assert (tmp_path / "repo" / "data" / "data.csv").exists() is is_fetched


def test_submodules_get_no_credential_by_a_path_that_climbs(host: GitHost, tmp_path: Path) -> None:
    linked = host.add("theirs/secret", {"data.csv": "1\n"})
    url = f"{host.base_url}/mine/..%2Ftheirs/secret.git"
    commit = with_submodules(host, "mine/main", {"data": (url, linked)})
    checkout = checkout_of(host.url("mine/main"), commit, tmp_path, Credential(host.base_url, "ada", PASSWORD))
    list(checkout.make())
    before = len(host.seen)

    with pytest.raises(EnvironmentsError):
        list(fetch_submodules(checkout))

    assert not [headers for _path, headers in host.seen[before:] if "authorization" in headers]


@pytest.mark.parametrize(
    ("url", "code"),
    [
        ("file:///etc", "repository_local_forbidden"),
        ("/etc", "repository_local_forbidden"),
        ("ext::sh -c evil", "repository_scheme_forbidden"),
        ("http://169.254.169.254/latest", "repository_address_forbidden"),
        ("https://user:password@example.org/x", "repository_invalid"),
        ("--upload-pack=evil", "repository_invalid"),
    ],
)
def test_submodules_pass_the_same_guard(host: GitHost, tmp_path: Path, url: str, code: str) -> None:
    name = f"guarded-{secrets.token_hex(4)}"
    checkout = checkout_of(host.url(name), with_submodules(host, name, {"sub": (url, "1" * 40)}), tmp_path)
    list(checkout.make())

    with pytest.raises(EnvironmentsError) as caught:
        list(fetch_submodules(checkout))

    assert caught.value.code == code


def test_submodules_may_not_be_too_many(host: GitHost, tmp_path: Path) -> None:
    links = {f"sub{number}": ("https://example.org/x", "1" * 40) for number in range(MAX_SUBMODULES + 1)}
    commit = with_submodules(host, "many", links)
    checkout = checkout_of(host.url("many"), commit, tmp_path)
    list(checkout.make())

    with pytest.raises(EnvironmentsError) as caught:
        list(fetch_submodules(checkout))

    assert caught.value.facts["file"] == ".gitmodules"


def test_submodules_without_a_listing_stay_empty(host: GitHost, tmp_path: Path) -> None:
    host.add("unlisted", {"a.txt": ""})
    commit = host.link_submodule("unlisted", "sub", "1" * 40)
    checkout = checkout_of(host.url("unlisted"), commit, tmp_path)
    list(checkout.make())

    assert list(fetch_submodules(checkout)) == []
