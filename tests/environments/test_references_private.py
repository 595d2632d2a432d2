"""Private repositories: found with a person's credential, which nobody but their host gets to see."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator

import pytest
from django.core.cache import cache
from pytest_django import Settings

from environments import references
from environments.errors import EnvironmentsError
from environments.references.base import Provider
from environments.references.gist import Gist
from environments.references.git import Git
from environments.references.github import GitHub
from environments.references.gitlab import GitLab
from environments.values import Credential, Reference
from tests.fakes.git_host import GitHost

TOKEN = "correct horse battery"
HEADER = "Basic " + b64encode(f"ada:{TOKEN}".encode()).decode()
GIST = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def host(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHost]:
    """A git host with one repository, work, that asks for ada's token."""
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS, settings.GITHUB_TOKEN = [host.address], ""
        cache.clear()
        add_private(host, "work")
        yield host


@pytest.fixture
def elsewhere(host: GitHost, settings: Settings) -> Iterator[GitHost]:
    """Another host, which has no business with the token."""
    with GitHost() as elsewhere:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address, elsewhere.address]
        yield elsewhere


def add_private(host: GitHost, name: str) -> str:
    """A new repository that asks for ada's token. Returns its commit."""
    commit = host.add(name, {"notes.md": name})
    host.make_private(name, username="ada", password=TOKEN)
    return commit


def credential_for(host: GitHost, password: str = TOKEN) -> Credential:
    return Credential(host.base_url, "ada", password)


def refusal(reference: Reference, credential: Credential | None) -> EnvironmentsError:
    """Why it is not found."""
    with pytest.raises(EnvironmentsError) as caught:
        references.resolve(reference, credential)
    caught.value.explain()
    return caught.value


def shown_to(host: GitHost) -> list[str]:
    """The credentials this host got to see."""
    return [headers["authorization"] for _path, headers in host.seen if "authorization" in headers]


# --- Found ---------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("ref", ["", "main", "v1"])
def test_resolve_finds_with_credential_what_is_private(host: GitHost, ref: str) -> None:
    host.tag("work", "v1")
    reference = references.parse(host.url("work"), ref=ref)

    found = references.resolve(reference, credential_for(host))

    assert found.is_private
    assert TOKEN not in repr(found)
    assert set(shown_to(host)) == {HEADER}


def test_resolve_without_credential_finds_nothing_private(host: GitHost) -> None:
    assert refusal(references.parse(host.url("work")), None).code == "repository_not_found"


def test_resolve_says_which_ref_is_unknown(host: GitHost) -> None:
    reference = references.parse(host.url("work"), ref="nothing")

    assert refusal(reference, credential_for(host)).code == "ref_unknown"


def test_resolve_follows_a_private_repository_that_was_renamed(host: GitHost) -> None:
    host.redirect("old", host.url("work"))

    found = references.resolve(references.parse(host.url("old")), credential_for(host))

    assert (found.url, found.is_private) == (host.url("work"), True)


def test_resolve_takes_what_needs_no_credential_for_public(host: GitHost, elsewhere: GitHost) -> None:
    elsewhere.add("work", {"notes.md": ""})

    found = references.resolve(references.parse(elsewhere.url("work")), credential_for(host))

    assert not found.is_private


@pytest.mark.parametrize("kind", ["github", "gitlab", "gist"])
def test_provider_finds_with_credential_what_is_private(host: GitHost, kind: str) -> None:
    cases: dict[str, tuple[Provider, Reference, str]] = {
        "github": (GitHub(host.base_url, host.base_url), Reference("gh", "owner/name"), "owner/name"),
        "gitlab": (GitLab(host.base_url), Reference("gl", "group/sub/name"), "group/sub/name"),
        "gist": (Gist(host.base_url), Reference("gist", f"ada/{GIST}"), GIST),
    }
    provider, reference, path = cases[kind]
    commit = add_private(host, path)

    found = provider.resolve(reference, credential_for(host))

    assert found.commit == commit
    assert not [path for path in host.requests if path.startswith(("/repos/", "/api/"))]


# --- Refused -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("status", [401, 403])
def test_resolve_says_that_the_host_refuses_the_token(host: GitHost, status: int) -> None:
    for path in ("/work/info/refs", "/work.git/info/refs"):
        host.answer(path, status=status)

    error = refusal(references.parse(host.url("work")), credential_for(host))

    assert (error.code, error.facts) == ("credential_refused", {"host": "127.0.0.1"})


def test_resolve_says_that_the_token_is_wrong(host: GitHost) -> None:
    error = refusal(references.parse(host.url("work")), credential_for(host, "wrong"))

    assert error.code == "credential_refused"
    assert "wrong" not in f"{error!r} {error.detail}"


def test_resolve_blames_no_token_for_what_is_not_there(host: GitHost) -> None:
    assert refusal(references.parse(host.url("nothing")), credential_for(host)).code == "repository_not_found"


def test_resolve_blames_no_token_for_what_another_host_refuses(host: GitHost, elsewhere: GitHost) -> None:
    host.redirect("moved", elsewhere.url("work"))
    add_private(elsewhere, "work")

    assert refusal(references.parse(host.url("moved")), credential_for(host)).code == "repository_not_found"


# --- Shown to nobody else ------------------------------------------------------------------------------------


def test_resolve_shows_credential_to_no_host_it_is_not_for(host: GitHost, elsewhere: GitHost) -> None:
    elsewhere.add("work", {"notes.md": ""})

    references.resolve(references.parse(elsewhere.url("work")), credential_for(host))

    assert shown_to(elsewhere) == []


def test_resolve_shows_credential_to_nobody_it_is_redirected_to(host: GitHost, elsewhere: GitHost) -> None:
    elsewhere.add("work", {"notes.md": ""})
    host.redirect("moved", elsewhere.url("work"))

    found = references.resolve(references.parse(host.url("moved")), credential_for(host))

    assert (found.url, found.is_private) == (elsewhere.url("work"), False)
    assert (len(shown_to(host)) > 0, shown_to(elsewhere)) == (True, [])


def test_git_follows_no_redirect_with_a_credential(host: GitHost, elsewhere: GitHost) -> None:
    location = {"Location": f"{elsewhere.base_url}/work.git/git-upload-pack"}
    host.answer("/work/git-upload-pack", status=307, headers=location)

    error = refusal(Reference(Git.prefix, f"{host.base_url}/work"), credential_for(host))

    assert error.code == "repository_unreachable"
    assert not elsewhere.seen
    assert HEADER not in error.detail


# --- Which host a text names ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "origin"),
    [
        ("github.com", "https://github.com"),
        (" GitHub.com/ ", "https://github.com"),
        ("https://git.example.org", "https://git.example.org"),
        ("https://git.example.org:443/", "https://git.example.org"),
        ("git.example.org:8443", "https://git.example.org:8443"),
        ("http://git.example.org", "http://git.example.org"),
        ("127.0.0.1:8000", "https://127.0.0.1:8000"),
        ("[2001:db8::1]:8443", "https://[2001:db8::1]:8443"),
        ("https://github.com/owner/name/tree/main/week1", "https://github.com"),
        ("https://git.example.org/group/name/-/blob/main/a.ipynb?x=y#z", "https://git.example.org"),
        ("git@gitlab.com:owner/name.git", "https://gitlab.com"),
        ("ssh://git@git.example.org:22/owner/name.git", "https://git.example.org"),
        ("gitlab.com/group/name", "https://gitlab.com"),
        ("gh/owner/name", "https://github.com"),
        ("gl/group%2Fname", "https://gitlab.com"),
        ("gist/ada/0123456789abcdef", "https://gist.github.com"),
        ("git/https%3A%2F%2Fgit.example.org%2Fx", "https://git.example.org"),
        ("https://mybinder.org/v2/gh/owner/name/main", "https://github.com"),
    ],
)
def test_origin_is_that_of_the_host_a_text_names(text: str, origin: str) -> None:
    assert references.origin_in(text) == origin


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("", "repository_missing"),
        ("GitHub", "repository_invalid"),
        ("example/statistics", "repository_invalid"),
        ("git.example.org:x", "repository_invalid"),
        ("a..b", "repository_invalid"),
        ("https://me:token@github.com/owner/name", "repository_has_credentials"),
        ("ftp://git.example.org/x", "repository_scheme_forbidden"),
        ("file:///etc", "repository_local_forbidden"),
        ("ext::sh", "repository_invalid"),
    ],
)
def test_origin_of_anything_else_is_refused(text: str, code: str) -> None:
    with pytest.raises(EnvironmentsError) as caught:
        references.origin_in(text)

    assert caught.value.code == code
