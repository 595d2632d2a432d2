"""Which commit a reference means, asked of hosts that answer as the real ones do."""

from __future__ import annotations

import json
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from django.core.cache import cache
from pytest_django import fixtures

from environments import references
from environments.errors import EnvironmentsError
from environments.references.gist import Gist
from environments.references.git import Git
from environments.references.github import GitHub
from environments.references.gitlab import GitLab
from environments.references.guard import git_environment, guarded_git_options
from environments.values import Reference, ResolvedRepository
from tests.fakes.git_host import GitHost

COMMIT = "0123456789abcdef0123456789abcdef01234567"
OTHER = "89abcdef0123456789abcdef0123456789abcdef"
GIST = "0123456789abcdef0123456789abcdef"


@pytest.fixture
def host(settings: fixtures.Settings, monkeypatch: pytest.MonkeyPatch) -> Iterator[GitHost]:
    for name in ("http_proxy", "HTTP_PROXY"):
        monkeypatch.delenv(name, raising=False)
    with GitHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        settings.GITHUB_TOKEN = ""
        cache.clear()
        yield host


def code_of(provider: Git | GitHub | GitLab | Gist, reference: Reference) -> str:
    with pytest.raises(EnvironmentsError) as caught:
        provider.resolve(reference)
    caught.value.explain()
    return caught.value.code


class TestGit:
    """Any address, asked by git itself."""

    @pytest.fixture(autouse=True)
    def _repository(self, host: GitHost) -> None:
        self.first = host.add("work", {"a.txt": "a"})
        host.tag("work", "v1")
        host.tag("work", "v1-annotated", annotated=True)
        self.newest = host.commit("work", {"a.txt": "b"})
        self.side = host.commit("work", {"a.txt": "c"}, branch="feature/side")

    def resolve(self, host: GitHost, ref: str) -> ResolvedRepository:
        return references.resolve(references.parse(host.url("work"), ref=ref))

    def test_resolve_finds_the_newest(self, host: GitHost) -> None:
        assert self.resolve(host, "").commit == self.newest

    def test_resolve_finds_a_branch(self, host: GitHost) -> None:
        assert self.resolve(host, "feature/side").commit == self.side

    @pytest.mark.parametrize("tag", ["v1", "v1-annotated", "refs/tags/v1", "refs/tags/v1-annotated"])
    def test_resolve_finds_the_commit_of_a_tag(self, host: GitHost, tag: str) -> None:
        assert self.resolve(host, tag).commit == self.first

    def test_resolve_prefers_the_branch_to_the_tag(self, host: GitHost) -> None:
        host.tag("work", "main", target="v1")

        assert self.resolve(host, "main").commit == self.newest

    def test_resolve_takes_a_full_commit_at_its_word(self, host: GitHost) -> None:
        assert self.resolve(host, COMMIT).commit == COMMIT

    @pytest.mark.parametrize("ref", ["nothing", "side", "v", "HEAD2", COMMIT[:7], "refs/heads/nothing"])
    def test_resolve_says_when_there_is_no_such_ref(self, host: GitHost, ref: str) -> None:
        assert code_of(Git(), references.parse(host.url("work"), ref=ref)) == "ref_unknown"

    def test_resolve_is_canonical_for_every_spelling(self, host: GitHost) -> None:
        texts = [host.url("work"), f"{host.base_url}/work", f"{host.base_url}/work/", f"{host.url('work')}?x=y"]

        assert len({references.resolve(references.parse(text)) for text in texts}) == 1

    def test_resolve_follows_a_repository_that_moved(self, host: GitHost) -> None:
        host.redirect("old", host.url("work"))

        resolved = references.resolve(references.parse(host.url("old")))

        assert resolved == ResolvedRepository(host.url("work"), self.newest, "")

    def test_resolve_says_when_there_is_no_repository(self, host: GitHost) -> None:
        assert code_of(Git(), references.parse(host.url("nothing"))) == "repository_not_found"

    def test_resolve_says_when_the_repository_is_private(self, host: GitHost) -> None:
        host.make_private("work")

        assert code_of(Git(), references.parse(host.url("work"))) == "repository_not_found"

    def test_resolve_says_when_a_page_is_served_instead(self, host: GitHost) -> None:
        for path in ("/page/info/refs", "/page.git/info/refs"):
            host.answer(path, body=b"<html>", headers={"Content-Type": "text/html"})

        assert code_of(Git(), references.parse(f"{host.base_url}/page")) == "repository_not_found"

    @pytest.mark.parametrize(("status", "code"), [(500, "repository_unreachable"), (429, "repository_rate_limited")])
    def test_resolve_says_when_the_host_cannot(self, host: GitHost, status: int, code: str) -> None:
        host.answer("/work/info/refs", status=status)

        assert code_of(Git(), references.parse(host.url("work"))) == code

    def test_resolve_says_when_nobody_listens(self, host: GitHost, settings: fixtures.Settings) -> None:
        settings.REPOSITORY_ALLOWED_HOSTS = ["127.0.0.1"]

        assert code_of(Git(), Reference("git", "http://127.0.0.1:1/work")) == "repository_unreachable"

    def test_resolve_gives_up_on_a_host_that_hangs_later(self, host: GitHost, settings: fixtures.Settings) -> None:
        settings.REPOSITORY_TIMEOUT_SECONDS = 1
        host.hang("slow")
        greeting = b"001e# service=git-upload-pack\n0000000eversion 2\n000cls-refs\n0000"
        headers = {"Content-Type": "application/x-git-upload-pack-advertisement"}
        host.answer("/slow/info/refs", body=greeting, headers=headers)

        code = code_of(Git(), Reference("git", f"{host.base_url}/slow"))

        assert code == "repository_unreachable"
        assert host.requests["/slow/git-upload-pack"] == 1
        assert not [child for child in psutil.Process().children(recursive=True) if "git" in child.name()]

    def test_resolve_checks_a_stored_reference_again(self, host: GitHost, settings: fixtures.Settings) -> None:
        reference = references.parse(host.url("work"))
        settings.REPOSITORY_ALLOWED_HOSTS = []

        assert code_of(Git(), reference) == "repository_address_forbidden"

    def test_fetch_source_can_be_fetched_under_guard(self, host: GitHost, tmp_path: Path) -> None:
        host.redirect("old", host.url("work"))
        resolved = ResolvedRepository(f"{host.base_url}/old", self.newest, "")

        url = references.fetch_source(resolved)

        for arguments in (["init", "--quiet"], ["fetch", "--quiet", "--depth=1", "--", url, resolved.commit]):
            command = ["git", *guarded_git_options(url), *arguments]
            subprocess.run(command, cwd=tmp_path, env=git_environment(tmp_path), check=True, timeout=30)
        assert (tmp_path / ".git" / "FETCH_HEAD").read_text().startswith(self.newest)


class TestGitHub:
    """The API first, git when it will not answer."""

    path = "/repos/owner/name/commits/HEAD"

    @pytest.fixture
    def provider(self, host: GitHost) -> GitHub:
        return GitHub(site=host.base_url, api=host.base_url)

    def test_resolve_asks_the_api(self, host: GitHost, provider: GitHub) -> None:
        host.answer(self.path, body=COMMIT.encode())

        resolved = provider.resolve(Reference("gh", "owner/name"))

        assert resolved == ResolvedRepository(f"{host.base_url}/owner/name", COMMIT, "")
        assert host.seen[0][1]["accept"] == "application/vnd.github.sha"
        assert "authorization" not in host.seen[0][1]

    def test_resolve_encodes_the_ref(self, host: GitHost, provider: GitHub) -> None:
        host.answer("/repos/owner/name/commits/feature%2Fx%23", body=COMMIT.encode())

        assert provider.resolve(Reference("gh", "owner/name", "feature/x#")).commit == COMMIT

    def test_resolve_sends_the_operators_token(
        self, host: GitHost, provider: GitHub, settings: fixtures.Settings
    ) -> None:
        settings.GITHUB_TOKEN = "word"
        host.answer(self.path, body=COMMIT.encode())

        provider.resolve(Reference("gh", "owner/name"))

        assert host.seen[0][1]["authorization"] == "Bearer word"

    def test_resolve_asks_only_whether_the_last_answer_holds(self, host: GitHost, provider: GitHub) -> None:
        host.answer(self.path, body=COMMIT.encode(), headers={"ETag": '"x"'})
        provider.resolve(Reference("gh", "owner/name"))
        host.answer(self.path, status=304)

        resolved = provider.resolve(Reference("gh", "owner/name"))

        assert resolved.commit == COMMIT
        assert host.seen[-1][1]["if-none-match"] == '"x"'

    def test_resolve_notices_a_new_commit(self, host: GitHost, provider: GitHub) -> None:
        host.answer(self.path, body=COMMIT.encode(), headers={"ETag": '"x"'})
        provider.resolve(Reference("gh", "owner/name"))
        host.answer(self.path, body=OTHER.encode(), headers={"ETag": '"y"'})

        assert provider.resolve(Reference("gh", "owner/name")).commit == OTHER

    def test_resolve_follows_a_renamed_repository(self, host: GitHost, provider: GitHub) -> None:
        host.answer(self.path, status=301, headers={"Location": f"{host.base_url}/repositories/1/commits/HEAD"})
        host.answer("/repositories/1/commits/HEAD", body=COMMIT.encode())

        assert provider.resolve(Reference("gh", "owner/name")).commit == COMMIT

    def test_resolve_says_when_there_is_no_repository(self, host: GitHost, provider: GitHub) -> None:
        assert code_of(provider, Reference("gh", "owner/name")) == "repository_not_found"

    @pytest.mark.parametrize("status", [404, 422])
    def test_resolve_says_when_there_is_no_such_ref(self, host: GitHost, provider: GitHub, status: int) -> None:
        host.answer("/repos/owner/name/commits/nothing", status=status, body=b'{"message": "No commit found"}')
        host.answer("/repos/owner/name", body=b"{}")

        assert code_of(provider, Reference("gh", "owner/name", "nothing")) == "ref_unknown"

    def test_resolve_says_when_the_repository_is_empty(self, host: GitHost, provider: GitHub) -> None:
        host.answer(self.path, status=409)

        assert code_of(provider, Reference("gh", "owner/name")) == "ref_unknown"

    @pytest.mark.parametrize(
        ("status", "headers"),
        [(403, {"X-RateLimit-Remaining": "0"}), (429, {}), (401, {}), (500, {})],
    )
    def test_resolve_asks_git_when_the_api_will_not_answer(
        self, host: GitHost, provider: GitHub, status: int, headers: dict[str, str]
    ) -> None:
        host.answer(self.path, status=status, headers=headers)
        commit = host.add("owner/name", {"a.txt": "a"})

        assert provider.resolve(Reference("gh", "owner/name")).commit == commit

    def test_resolve_says_how_long_to_wait_for_what_only_the_api_knows(self, host: GitHost, provider: GitHub) -> None:
        reset = str(int(time.time()) + 600)
        headers = {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": reset}
        host.answer(f"/repos/owner/name/commits/{COMMIT[:7]}", status=403, headers=headers)
        host.add("owner/name", {"a.txt": "a"})

        with pytest.raises(EnvironmentsError) as caught:
            provider.resolve(Reference("gh", "owner/name", COMMIT[:7]))

        assert caught.value.code == "repository_rate_limited"
        assert caught.value.facts["minutes"] in (10, 11)

    def test_resolve_tells_missing_from_unknown_by_git_when_refused(self, host: GitHost, provider: GitHub) -> None:
        host.answer(self.path, status=429)

        assert code_of(provider, Reference("gh", "owner/name")) == "repository_not_found"


class TestGitLab:
    """The API first, git when it will not answer."""

    path = "/api/v4/projects/group%2Fsub%2Fname/repository/commits/"
    reference = Reference("gl", "group/sub/name", "main")

    @pytest.fixture
    def provider(self, host: GitHost) -> GitLab:
        return GitLab(site=host.base_url)

    def test_resolve_asks_the_api(self, host: GitHost, provider: GitLab) -> None:
        host.answer(f"{self.path}main", body=json.dumps({"id": COMMIT}).encode())

        resolved = provider.resolve(self.reference)

        assert resolved == ResolvedRepository(f"{host.base_url}/group/sub/name.git", COMMIT, "main")

    def test_resolve_says_when_there_is_no_repository(self, host: GitHost, provider: GitLab) -> None:
        host.answer(f"{self.path}main", status=404, body=b'{"message": "404 Project Not Found"}')

        assert code_of(provider, self.reference) == "repository_not_found"

    def test_resolve_says_when_there_is_no_such_ref(self, host: GitHost, provider: GitLab) -> None:
        host.answer(f"{self.path}main", status=404, body=b'{"message": "404 Commit Not Found"}')

        assert code_of(provider, self.reference) == "ref_unknown"

    @pytest.mark.parametrize(("status", "body"), [(429, b""), (500, b"<html>"), (200, b"[]"), (200, b'{"id": "x"}')])
    def test_resolve_asks_git_when_the_api_will_not_answer(
        self, host: GitHost, provider: GitLab, status: int, body: bytes
    ) -> None:
        host.answer(f"{self.path}main", status=status, body=body)
        commit = host.add("group/sub/name", {"a.txt": "a"})

        assert provider.resolve(self.reference).commit == commit

    def test_resolve_does_not_deny_a_short_commit_git_cannot_know(self, host: GitHost, provider: GitLab) -> None:
        host.answer(f"{self.path}{COMMIT[:7]}", status=429, headers={"Retry-After": "120"})
        host.add("group/sub/name", {"a.txt": "a"})

        assert code_of(provider, Reference("gl", "group/sub/name", COMMIT[:7])) == "repository_rate_limited"


def test_resolve_finds_the_newest_of_a_gist(host: GitHost) -> None:
    commit = host.add(GIST, {"a.ipynb": "{}"})

    resolved = Gist(site=host.base_url).resolve(Reference("gist", f"ada/{GIST}"))

    assert resolved == ResolvedRepository(f"{host.base_url}/{GIST}.git", commit, "")


def test_resolve_says_when_there_is_no_gist(host: GitHost) -> None:
    assert code_of(Gist(site=host.base_url), Reference("gist", f"ada/{GIST}")) == "repository_not_found"


class TestDisk:
    """Examples, and directories where the operator allows them: the same questions, no network."""

    @pytest.fixture(autouse=True)
    def _repository(self, host: GitHost, settings: fixtures.Settings, tmp_path: Path) -> None:
        self.commit = host.add("statistics", {"a.txt": "a"})
        settings.CARREL_DATA = tmp_path
        settings.REPOSITORY_ALLOWED_HOSTS = []
        self.examples = tmp_path / "examples"
        self.examples.mkdir()

    @pytest.mark.parametrize("folder", ["statistics.git", "statistics"])
    def test_resolve_finds_an_example(self, host: GitHost, folder: str) -> None:
        (self.examples / folder).symlink_to(host.directory("statistics"))

        resolved = references.resolve(references.parse("example/statistics"))

        assert resolved == ResolvedRepository("example:statistics", self.commit, "")
        assert references.fetch_source(resolved) == str(self.examples / folder)

    def test_resolve_says_when_there_is_no_such_example(self) -> None:
        with pytest.raises(EnvironmentsError) as caught:
            references.resolve(references.parse("example/statistics"))

        assert caught.value.code == "repository_not_found"

    def test_resolve_says_when_an_example_is_no_repository(self) -> None:
        (self.examples / "statistics").mkdir()

        with pytest.raises(EnvironmentsError) as caught:
            references.resolve(references.parse("example/statistics"))

        assert caught.value.code == "repository_not_found"
        assert str(self.examples) not in caught.value.explain().sentence

    def test_resolve_finds_a_working_directory(
        self, host: GitHost, settings: fixtures.Settings, tmp_path: Path
    ) -> None:
        settings.REPOSITORY_ALLOW_LOCAL = True
        work = tmp_path / "my work"
        command = ["git", "clone", "--quiet", str(host.directory("statistics")), str(work)]
        subprocess.run(command, env=git_environment(tmp_path, local=True), check=True, timeout=30)

        resolved = references.resolve(references.parse(str(work), ref="main"))

        assert resolved == ResolvedRepository(str(work), self.commit, "main")
        assert references.fetch_source(resolved) == str(work)

    def test_resolve_refuses_a_directory_no_longer_allowed(self, settings: fixtures.Settings, tmp_path: Path) -> None:
        settings.REPOSITORY_ALLOW_LOCAL = False

        assert code_of(Git(), Reference("git", str(tmp_path))) == "repository_local_forbidden"

    @pytest.mark.parametrize("url", ["/etc", "example:../../etc", "example:nothing"])
    def test_fetch_source_refuses(self, url: str) -> None:
        with pytest.raises(EnvironmentsError) as caught:
            references.fetch_source(ResolvedRepository(url, COMMIT, ""))

        assert caught.value.code in ("repository_local_forbidden", "repository_not_found")


class TestListing:
    """What lies in a repository, as its host tells it."""

    LISTED = json.dumps([{"name": "binder", "type": "dir"}, {"name": "postBuild", "type": "file"}]).encode()

    def test_names_of_a_github_folder(self, host: GitHost) -> None:
        host.answer("/repos/ada/engine/contents/binder", body=self.LISTED)
        provider = GitHub(site=host.base_url, api=host.base_url)

        assert provider.names_in(Reference("gh", "ada/engine"), COMMIT, "binder") == ["binder", "postBuild"]
        assert host.seen[-1][0].endswith(f"?ref={COMMIT}")

    def test_names_of_a_gitlab_root(self, host: GitHost) -> None:
        host.answer("/api/v4/projects/ada%2Fengine/repository/tree", body=self.LISTED)

        assert GitLab(site=host.base_url).names_in(Reference("gl", "ada/engine"), COMMIT, "") == ["binder", "postBuild"]

    @pytest.mark.parametrize(
        ("status", "body"), [(404, b"{}"), (200, b"{}"), (200, b"[1]"), (200, b"<html>"), (500, b"")]
    )
    def test_names_that_are_not_told_are_a_failure(self, host: GitHost, status: int, body: bytes) -> None:
        host.answer("/repos/ada/engine/contents/", status=status, body=body)

        with pytest.raises(EnvironmentsError):
            GitHub(site=host.base_url, api=host.base_url).names_in(Reference("gh", "ada/engine"), COMMIT, "")

    def test_names_are_not_known_of_hosts_that_do_not_list(self, host: GitHost) -> None:
        repository = ResolvedRepository(host.url("work"), COMMIT, "")

        assert references.names_in(references.parse(host.url("work")), repository) is None
