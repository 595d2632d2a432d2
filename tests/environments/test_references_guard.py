"""Nothing is ever connected to that the guard has not checked."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Iterator
from pathlib import Path

import httpcore
import pytest
from pytest_django import fixtures

from environments.errors import EnvironmentsError, SystemFailure, UserError
from environments.references import guard
from environments.references.connections import RenewedPatience
from environments.references.http import download, get
from environments.references.remotes import fetch_url
from tests.fakes.archive_host import ArchiveHost
from tests.fakes.git_host import GitHost

PROXIES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


@pytest.fixture(autouse=True)
def _no_proxy(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in PROXIES:
        monkeypatch.delenv(name, raising=False)
        monkeypatch.delenv(name.lower(), raising=False)


@pytest.fixture
def host() -> Iterator[GitHost]:
    with GitHost() as host:
        yield host


@pytest.mark.parametrize(
    "address",
    [
        *("93.184.215.14", "1.1.1.1", "2606:4700:4700::1111", "::ffff:1.1.1.1", "64:ff9b::101:101"),
        "2002:101:101::1",
    ],
)
def test_is_public_accepts(address: str) -> None:
    assert guard.is_public(address)


@pytest.mark.parametrize(
    "address",
    [
        # IPv4: this host, private, shared, loopback, link-local, protocol, documentation, multicast, reserved
        *("0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "127.0.0.1", "127.255.255.255", "169.254.169.254"),
        *(
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.192",
            "168.63.129.16",
            "192.0.2.1",
            "192.168.1.1",
            "198.18.0.1",
            "198.51.100.1",
        ),
        *("203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255"),
        # IPv6: the same, with zones
        *("::", "::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "2001:db8::1"),
        *("100::1", "2001::1", "::127.0.0.1"),
        # IPv4 inside IPv6
        *("::ffff:127.0.0.1", "::ffff:169.254.169.254", "64:ff9b::7f00:1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::1"),
        *("2002:7f00:1::1", "2002:a00:1::1"),
    ],
)
def test_is_public_refuses(address: str) -> None:
    assert not guard.is_public(address)


@pytest.mark.parametrize(
    "url",
    [
        *("http://127.0.0.1/a", "http://127.0.0.1:8000/a", "http://[::1]/a", "http://169.254.169.254/latest/"),
        *("http://[::ffff:127.0.0.1]/a", "http://[::ffff:7f00:1]/a", "https://10.0.0.1/a", "http://0.0.0.0/a"),
        *("http://localhost/a", "http://LOCALHOST:8000/a", "http://2130706433/a", "http://0x7f.1/a"),
    ],
)
def test_get_refuses_a_private_address(url: str) -> None:
    with pytest.raises(UserError) as caught:
        get(url)

    assert caught.value.code == "repository_address_forbidden"


@pytest.mark.parametrize("addresses", [["10.0.0.1"], ["1.1.1.1", "10.0.0.1"], ["::1", "1.1.1.1"]])
def test_get_refuses_a_name_with_a_private_address(addresses: list[str]) -> None:
    with pytest.raises(UserError) as caught:
        get("https://git.example.org/a", resolver=lambda host, port: addresses)

    assert caught.value.code == "repository_address_forbidden"
    assert caught.value.facts == {"host": "git.example.org"}


def test_get_says_unreachable_when_there_is_no_such_name() -> None:
    def resolver(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    with pytest.raises(SystemFailure) as caught:
        get("https://git.example.org/a", resolver=resolver)

    assert caught.value.code == "repository_unreachable"


@pytest.mark.parametrize("spelling", ["{host}", "{host}:{port}"])
def test_get_connects_to_a_private_address_the_operator_allows(
    host: GitHost, settings: fixtures.Settings, spelling: str
) -> None:
    name, _colon, port = host.address.partition(":")
    settings.REPOSITORY_ALLOWED_HOSTS = [spelling.format(host=name, port=port)]
    host.answer("/x", body=b"hello")

    answer = get(f"{host.base_url}/x")

    assert (answer.status, answer.body) == (200, b"hello")


def test_get_refuses_another_port_than_the_operator_allows(host: GitHost, settings: fixtures.Settings) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = ["127.0.0.1:1"]

    with pytest.raises(UserError) as caught:
        get(f"{host.base_url}/x")

    assert caught.value.code == "repository_address_forbidden"
    assert not host.requests


def test_get_connects_to_the_checked_address_whatever_the_name_means(
    host: GitHost, settings: fixtures.Settings
) -> None:
    port = host.address.partition(":")[2]
    settings.REPOSITORY_ALLOWED_HOSTS = ["git.example.org"]
    host.answer("/x", body=b"hello")

    answer = get(f"http://git.example.org:{port}/x", resolver=lambda host, port: ["127.0.0.1"])

    assert answer.body == b"hello"
    assert host.seen[0][1]["host"] == f"git.example.org:{port}"


def test_get_tries_the_next_address_when_one_refuses(host: GitHost, settings: fixtures.Settings) -> None:
    port = host.address.partition(":")[2]
    settings.REPOSITORY_ALLOWED_HOSTS = ["git.example.org"]
    host.answer("/x", body=b"hello")

    answer = get(f"http://git.example.org:{port}/x", resolver=lambda host, port: ["127.0.0.2", "127.0.0.1"])

    assert answer.status == 200


@pytest.mark.parametrize(
    ("location", "code"),
    [
        ("http://169.254.169.254/latest/meta-data", "repository_address_forbidden"),
        ("http://[::1]/a", "repository_address_forbidden"),
        ("//127.0.0.1:1/a", "repository_address_forbidden"),
        ("file:///etc/passwd", "repository_local_forbidden"),
        ("ftp://git.example.org/a", "repository_scheme_forbidden"),
        ("http://ada:word@git.example.org/a", "repository_has_credentials"),
    ],
)
def test_get_checks_where_a_redirect_leads(
    host: GitHost, settings: fixtures.Settings, location: str, code: str
) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
    host.answer("/x", status=302, headers={"Location": location})

    with pytest.raises(EnvironmentsError) as caught:
        get(f"{host.base_url}/x")

    assert caught.value.code == code


@pytest.mark.parametrize(("hops", "reached"), [(5, True), (6, False)])
def test_get_follows_five_redirects(host: GitHost, settings: fixtures.Settings, hops: int, reached: bool) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
    for hop in range(hops):
        host.answer(f"/{hop}", status=307, headers={"Location": f"/{hop + 1}"})

    try:
        arrived = get(f"{host.base_url}/0").url == f"{host.base_url}/{hops}"
    except SystemFailure as failure:
        arrived = failure.code != "repository_unreachable"

    assert arrived is reached


def test_get_shows_secrets_to_the_first_origin_only(settings: fixtures.Settings) -> None:
    with GitHost() as first, GitHost() as second:
        settings.REPOSITORY_ALLOWED_HOSTS = [first.address, second.address]
        first.answer("/a", status=301, headers={"Location": "/b"})
        first.answer("/b", status=301, headers={"Location": f"{second.base_url}/c"})

        get(f"{first.base_url}/a", secrets={"Authorization": "Bearer word"})

        assert [headers.get("authorization") for _path, headers in first.seen] == ["Bearer word", "Bearer word"]
        assert second.seen[0][1].get("authorization") is None


def test_get_gives_up_on_a_host_that_never_answers(host: GitHost, settings: fixtures.Settings) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
    settings.REPOSITORY_TIMEOUT_SECONDS = 0.3
    host.hang("work")

    with pytest.raises(SystemFailure) as caught:
        fetch_url(host.url("work"))

    assert caught.value.code == "repository_unreachable"
    assert caught.value.facts == {"host": "127.0.0.1"}


def test_get_cuts_a_long_answer(host: GitHost, settings: fixtures.Settings) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
    host.answer("/x", body=b"x" * 5_000_000)

    assert get(f"{host.base_url}/x", max_bytes=1000).body == b"x" * 1000


def test_get_does_not_follow_when_told_so(host: GitHost, settings: fixtures.Settings) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
    host.answer("/x", status=302, headers={"Location": "/y"})

    answer = get(f"{host.base_url}/x", follow=False)

    assert (answer.status, answer.leads_to) == (302, f"{host.base_url}/y")
    assert host.requests["/y"] == 0


def test_get_asks_for_a_page_of_this_site_wherever_it_is_and_follows_nothing(host: GitHost) -> None:
    host.answer("/x", status=302, headers={"Location": "/y"})

    answer = get(f"{host.base_url}/x", is_our_own=True)

    assert answer.status == 302
    assert host.requests["/y"] == 0


class TestDownload:
    """Long answers pass the same guard, and neither their length nor their speed is taken on trust."""

    @pytest.fixture
    def archive(self, settings: fixtures.Settings) -> Iterator[ArchiveHost]:
        with ArchiveHost() as archive:
            settings.REPOSITORY_ALLOWED_HOSTS = [archive.address]
            yield archive

    def test_download_hands_on_what_comes(self, archive: ArchiveHost) -> None:
        archive.lead("/x", "/y")
        archive.answer("/y", body=b"x" * 5_000_000)
        pieces = list[bytes]()

        answer = download(f"{archive.base_url}/x", pieces.append)

        assert (answer.status, answer.body, answer.url) == (200, b"", f"{archive.base_url}/y")
        assert b"".join(pieces) == b"x" * 5_000_000
        assert max(map(len, pieces)) < 1_000_000

    @pytest.mark.parametrize("status", [202, 404, 429])
    def test_download_hands_on_no_page_that_is_served_instead(self, archive: ArchiveHost, status: int) -> None:
        archive.answer("/x", status=status, body=b"<html>")
        pieces = list[bytes]()

        assert download(f"{archive.base_url}/x", pieces.append).status == status
        assert pieces == []

    @pytest.mark.parametrize("location", ["http://169.254.169.254/latest", "http://10.0.0.1/x", "http://[::1]/x"])
    def test_download_checks_where_a_redirect_leads(self, archive: ArchiveHost, location: str) -> None:
        archive.lead("/x", location)

        with pytest.raises(UserError) as caught:
            download(f"{archive.base_url}/x", print)

        assert caught.value.code == "repository_address_forbidden"

    def test_download_follows_no_redirect_for_ever(self, archive: ArchiveHost) -> None:
        archive.lead("/x", "/x")

        with pytest.raises(SystemFailure, match="too many redirects"):
            download(f"{archive.base_url}/x", print)

    def test_download_notices_an_answer_that_ends_early(self, archive: ArchiveHost) -> None:
        archive.answer("/x", body=b"half", promised=8)
        pieces = list[bytes]()

        with pytest.raises(SystemFailure) as caught:
            download(f"{archive.base_url}/x", pieces.append)

        assert caught.value.code == "repository_unreachable"
        assert pieces == [b"half"]

    def test_download_gives_up_on_a_host_that_drips(self, archive: ArchiveHost, settings: fixtures.Settings) -> None:
        settings.REPOSITORY_TIMEOUT_SECONDS = 0.3
        archive.answer("/x", body=b"x" * 10_000, drips=True)
        pieces = list[bytes]()

        with pytest.raises(SystemFailure) as caught:
            download(f"{archive.base_url}/x", pieces.append)

        assert caught.value.code == "repository_unreachable"
        assert pieces

    def test_download_ends_when_the_receiver_has_enough(self, archive: ArchiveHost) -> None:
        archive.answer("/x", body=b"x" * 5_000_000)

        def receive(piece: bytes) -> None:
            raise StopAsyncIteration

        with pytest.raises(StopAsyncIteration):
            download(f"{archive.base_url}/x", receive)


def test_patience_begins_anew_when_enough_has_come() -> None:
    now = 0.0
    patience = RenewedPatience(10, clock=lambda: now)

    now = 9.0
    patience.received(9_999)
    assert patience.remaining() == 1
    patience.received(1)
    assert patience.remaining() == 10


def test_patience_ends() -> None:
    now = 0.0
    patience = RenewedPatience(10, clock=lambda: now)

    now = 10.0
    with pytest.raises(httpcore.ReadTimeout):
        patience.remaining()


def test_git_connects_to_the_checked_address_whatever_the_name_means(
    host: GitHost, settings: fixtures.Settings, tmp_path: Path
) -> None:
    port = host.address.partition(":")[2]
    settings.REPOSITORY_ALLOWED_HOSTS = ["git.example.org"]
    commit = host.add("work", {"a.txt": "a"})
    url = f"http://git.example.org:{port}/work.git"

    options = guard.guarded_git_options(url, resolver=lambda host, port: ["127.0.0.1"])
    done = _git(tmp_path, *options, "ls-remote", "--", url, "HEAD")

    assert done.stdout == f"{commit}\tHEAD\n", done.stderr


def test_git_options_are_refused_for_a_private_address() -> None:
    with pytest.raises(UserError) as caught:
        guard.guarded_git_options("https://git.example.org/a", resolver=lambda host, port: ["192.168.0.1"])

    assert caught.value.code == "repository_address_forbidden"


def test_git_options_name_every_checked_address() -> None:
    options = guard.guarded_git_options(
        "https://git.example.org/a", resolver=lambda host, port: ["1.1.1.1", "2606:4700::1"]
    )

    assert "http.curloptResolve=git.example.org:443:1.1.1.1,[2606:4700::1]" in options


def test_git_follows_no_redirect(host: GitHost, settings: fixtures.Settings, tmp_path: Path) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
    host.add("new", {"a.txt": "a"})
    host.redirect("old", host.url("new"))

    done = _git(tmp_path, *guard.guarded_git_options(host.url("old")), "ls-remote", "--", host.url("old"))

    assert done.returncode != 0
    assert host.requests["/new.git/info/refs"] == 0


@pytest.mark.parametrize("url", ["ext::sh -c touch% x", "ssh://git@127.0.0.1/x", "git://127.0.0.1/x", "file:///", "/"])
def test_git_speaks_nothing_but_http(url: str, tmp_path: Path) -> None:
    done = _git(tmp_path, "ls-remote", "--", url)

    assert done.returncode != 0
    assert "not allowed" in done.stderr
    assert not list(tmp_path.iterdir())


def test_git_asks_nobody_for_a_password(host: GitHost, settings: fixtures.Settings, tmp_path: Path) -> None:
    settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
    host.make_private("work")

    done = _git(tmp_path, *guard.guarded_git_options(host.url("work")), "ls-remote", "--", host.url("work"))

    assert done.returncode != 0
    assert all("authorization" not in headers or headers["authorization"] == "Basic Og==" for _, headers in host.seen)


def test_git_environment_keeps_certificates_and_loses_the_rest(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.delenv("GIT_SSL_CAINFO", raising=False)
    monkeypatch.setenv("SSL_CERT_FILE", "/certificates.pem")
    monkeypatch.setenv("GIT_SSH_COMMAND", "touch x")
    monkeypatch.setenv("GIT_CONFIG_PARAMETERS", "'core.pager=touch x'")
    monkeypatch.setenv("SECRET_KEY", "word")

    environment = guard.git_environment(tmp_path)

    assert environment["GIT_SSL_CAINFO"] == environment["SSL_CERT_FILE"] == "/certificates.pem"
    assert environment["HOME"] == str(tmp_path)
    assert not {"GIT_SSH_COMMAND", "GIT_CONFIG_PARAMETERS", "SECRET_KEY"} & environment.keys()


def test_get_goes_through_the_proxy_of_the_environment(host: GitHost, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HTTP_PROXY", host.base_url.replace("//", "//ada:word@"))

    get("http://1.1.1.1/x")

    assert host.seen[0][0] == "http://1.1.1.1/x"
    assert host.seen[0][1]["proxy-authorization"] == "Basic YWRhOndvcmQ="


def test_git_goes_through_the_proxy_of_the_environment(
    host: GitHost, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("HTTP_PROXY", host.base_url)

    _git(tmp_path, *guard.guarded_git_options("http://1.1.1.1/x"), "ls-remote", "--", "http://1.1.1.1/x")

    assert host.seen[0][0].startswith("http://1.1.1.1/x/info/refs")


def test_get_refuses_a_literal_private_address_even_through_a_proxy(
    host: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", host.base_url)

    with pytest.raises(UserError) as caught:
        get("http://169.254.169.254/latest/")

    assert caught.value.code == "repository_address_forbidden"
    assert not host.seen


def test_get_leaves_a_name_to_the_proxy_that_cannot_be_looked_up_here(
    host: GitHost, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", host.base_url)

    def resolver(host: str, port: int) -> list[str]:
        raise OSError("Name or service not known")

    get("http://git.example.org/x", resolver=resolver)

    assert host.seen[0][0] == "http://git.example.org/x"


def _git(home: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = guard.git_environment(home)
    assert os.environ["PATH"] == environment["PATH"]
    return subprocess.run(
        ["git", *arguments], env=environment, cwd=home, capture_output=True, text=True, timeout=30, check=False
    )
