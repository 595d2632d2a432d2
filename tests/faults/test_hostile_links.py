"""Links and forms made to break something: a clear answer each time, nobody led away, nothing started or lost."""

from __future__ import annotations

import html
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import dataclass
from urllib.parse import quote, urlsplit

import httpx
import pytest

from tests.fakes.git_host import GitHost
from tests.faults.conftest import Prepared
from tests.faults.people import SESSION_COOKIE, Person, Server, csrf, proposed
from tests.faults.traces import build_processes, rows, work_under_way
from tests.stack import Stack

pytestmark = [pytest.mark.stack, pytest.mark.timeout(120)]

LONG = 100_000
ASKS, REFUSED, NOWHERE = (200,), (400,), (404,)
TOO_LONG = (400, 414, 431)
"""What is said of an address too long: by Carrel, or by the server in front of it, which reads no further."""

LINKS: dict[str, tuple[bytes, tuple[int, ...]]] = {
    "a thousand parameters": (b"/v2/example/first-steps/HEAD?" + b"&".join(b"p%d=1" % n for n in range(1000)), ASKS),
    "more parameters than forms have": (b"/v2/example/first-steps/HEAD?" + b"&" * 7000 + b"x", (*ASKS, *REFUSED)),
    "a long path": (b"/v2/gh/a/" + b"b" * LONG, TOO_LONG),
    "a long query": (b"/v2/gh/a/b/HEAD?x=" + b"y" * LONG, TOO_LONG),
    "a query that is just too long": (b"/v2/gh/a/b/HEAD?x=" + b"y" * 8000, (414,)),
    "no UTF-8 in the path": (b"/v2/gh/a/b%ff%fe", REFUSED),
    "no UTF-8 in the ref": (b"/v2/gh/a/b/%C3%28", REFUSED),
    "no UTF-8 in the query": (b"/v2/gh/a/b/HEAD?urlpath=%ff%fe", REFUSED),
    "bytes as they are": (b"/v2/gh/a/\xff\xfe", REFUSED),
    "bytes in the query": (b"/v2/gh/a/b/HEAD?server=\xff\xfe", REFUSED),
    "NUL in the path": (b"/v2/gh/a/b%00c", REFUSED),
    "NUL in the ref": (b"/v2/gh/a/b/%00", REFUSED),
    "NUL in the query": (b"/v2/gh/a/b/HEAD?urlpath=a%00b", REFUSED),
    "NUL in a name": (b"/v2/gh/a/b/HEAD?server=a%00", REFUSED),
    "a name too long": (b"/v2/gh/a/b/HEAD?server=" + b"a" * 41, REFUSED),
    "a repository too long": (b"/v2/gh/" + b"a" * 200 + b"/b", REFUSED),
    "a ref too long": (b"/v2/gh/a/b/" + b"r" * 251, REFUSED),
    "an address too long": (b"/v2/git/https%3A%2F%2Fexample.org%2F" + b"a" * 600, REFUSED),
    "a slash encoded": (b"/v2/gh/a%2Fb/HEAD", REFUSED),
    "an address encoded twice": (b"/v2/git/https%253A%252F%252Fexample.org%252Fx/HEAD", REFUSED),
    "a folder of this machine": (b"/v2/git/%2fetc%2Fpasswd/HEAD", REFUSED),
    "a slash in UTF-8 too long": (b"/v2/git/%c0%afetc/HEAD", REFUSED),
    "dots in the path": (b"/v2/gh/../../admin/", REFUSED),
    "dots encoded": (b"/v2/gh/%2e%2e/%2e%2e/etc", REFUSED),
    "dots in a ref": (b"/v2/gh/a/b/%2e%2e/x", REFUSED),
    "dots in an address": (b"/v2/git/https%3A%2F%2Fexample.org%2F..%2Fx/HEAD", REFUSED),
    "dots in an example": (b"/v2/example/..%2f..%2fetc/HEAD", REFUSED),
    "the prefix encoded": (b"/%762/gh/a/b/HEAD", REFUSED),
    "the prefix twice": (b"/v2//v2/gh/a/b/HEAD", REFUSED),
    "nothing": (b"/v2/", NOWHERE),
    "a private address": (b"/v2/git/http%3A%2F%2F169.254.169.254%2Fx/HEAD", (403,)),
    "two slashes before a host": (b"//evil.example/v2/gh/a/b/HEAD", NOWHERE),
    "an absolute request line": (b"http://evil.example/v2/nonsense/a", REFUSED),
    "a line break": (b"/v2/nonsense/a%0d%0aSet-Cookie:%20evil=1", NOWHERE),
    "a line break in the query": (b"/v2/gh/a/b/HEAD?urlpath=x%0d%0aSet-Cookie:%20evil=1", REFUSED),
    "dots in what to open": (b"/v2/gh/a/b/HEAD?urlpath=../../x", REFUSED),
    "dots encoded in what to open": (b"/v2/gh/a/b/HEAD?urlpath=%2e%2e/%2e%2e/x", REFUSED),
    "backslashes in what to open": (b"/v2/gh/a/b/HEAD?urlpath=%5C%5Cevil.example", REFUSED),
    "a backslash after a slash": (b"/v2/gh/a/b/HEAD?urlpath=/%5Cevil.example", REFUSED),
    "a page of another host": (b"/v2/gh/a/b/HEAD?urlpath=https://evil.example/x", REFUSED),
    "another host after two slashes": (b"/v2/gh/a/b/HEAD?urlpath=//evil.example", REFUSED),
    "another host after a space": (b"/v2/gh/a/b/HEAD?urlpath=%20https%3A%2F%2Fevil.example", REFUSED),
    "another host encoded twice": (b"/v2/gh/a/b/HEAD?urlpath=%252F%252Fevil.example", REFUSED),
    "a script to open": (b"/v2/gh/a/b/HEAD?urlpath=javascript:alert(1)", REFUSED),
    "two places, one bad": (b"/v2/gh/a/b/HEAD?labpath=a.ipynb&labpath=../b.ipynb", REFUSED),
    "dots in where files go": (b"/v2/gh/a/b/HEAD?mount=data:../../etc", REFUSED),
    "dots encoded in where files go": (b"/v2/gh/a/b/HEAD?mount=data:%2e%2e/etc:ro", REFUSED),
    "a folder as files": (b"/v2/gh/a/b/HEAD?mount=/etc:etc", REFUSED),
    "a memory of many digits": (b"/v2/gh/a/b/HEAD?memory=" + b"9" * 5000, REFUSED),
    "digits of another script": ("/v2/gh/a/b/HEAD?idle=٣٠".encode(), REFUSED),
    "an address as a hub": (b"/v2/gh/a/b/HEAD?hub=https%3A%2F%2Fevil.example", NOWHERE),
}
"""What is asked for, and what somebody signed in is answered with."""
ELSEWHERE = ["//evil.example", "https:evil.example", "https://evil.example/", "/\\evil.example", "javascript:alert(1)"]
ELSEWHERE += ["\\\\evil.example", "///evil.example", "http:///evil.example", "/\t/evil.example", "\x00//evil.example"]
REFUSED_PLACES = ["//evil.example", "///evil.example", "https://evil.example/x", "https:evil.example"]
REFUSED_PLACES += ["javascript:alert(1)", "%2F%2Fevil.example", "/%2Fevil.example", "%5C%5Cevil.example"]
OPENED = ["@evil.example", ".evil.example", "lab/https://evil.example", "lab//evil.example", "lab?next=//evil.example"]
"""What looks like another host, and is a page of the server."""


@dataclass(frozen=True)
class Running:
    """A server that runs, with the link that leads to it, and its owner."""

    person: Person
    server: Server
    link: str


@pytest.fixture(scope="module")
def person(stack: Stack, token_of: Callable[[str], str]) -> Iterator[Person]:
    """Who follows all these links."""
    with closing(Person(stack, "student", token_of("student"))) as person:
        yield person


@pytest.fixture(scope="module")
def browser(person: Person) -> httpx.Client:
    """Theirs, signed in: once, since nobody may sign in as often as there are tests."""
    return person.sign_in()


@pytest.fixture(scope="module")
def running(person: Person, prepared: Prepared) -> Running:
    """Theirs, for links that lead into a server at once."""
    return Running(person, person.launch_and_wait(prepared.url), link_to(prepared.url))


@pytest.fixture(autouse=True)
def _unharmed(running: Running, student: Person, stack: Stack) -> Iterator[None]:
    """Nothing is made, started, fetched or lost by any of this, and nothing in the log is a crash."""
    before, read = rows(stack), len(log_of(stack))
    yield
    assert rows(stack) == before
    assert work_under_way(stack) == []
    assert build_processes(stack) == []
    said = log_of(stack)[read:].decode(errors="replace")
    assert "Internal Server Error" not in said
    assert "Exception in ASGI application" not in said


@pytest.fixture
def proposal(browser: httpx.Client, repositories: GitHost) -> Callable[[str], str]:
    """What the page about a repository of this name wants to be sent back."""

    def shown(name: str) -> str:
        repositories.add(name, {"requirements.txt": ""})
        return proposed(browser.get(link_to(repositories.url(name))).text)

    return shown


@pytest.mark.parametrize("name", LINKS)
def test_link_that_is_hostile_is_answered_clearly(name: str, browser: httpx.Client, stack: Stack) -> None:
    target, statuses = LINKS[name]

    status, head, body = ask_raw(stack, target, browser.cookies[SESSION_COOKIE])

    assert status in statuses, body[:300]
    assert "evil" not in head.lower()
    assert is_clear(body)


@pytest.mark.parametrize("name", LINKS)
def test_link_that_is_hostile_leads_a_stranger_nowhere_but_to_sign_in(name: str, stack: Stack) -> None:
    target, _statuses = LINKS[name]

    status, head, body = ask_raw(stack, target)

    assert status in (302, *REFUSED, *NOWHERE, *TOO_LONG)
    assert "set-cookie: evil" not in head.lower()
    if status == 302:
        assert re.search(r"(?im)^location: /accounts/login/\?next=/v2/", head), head[:300]
    else:
        assert is_clear(body)


@pytest.mark.parametrize("place", REFUSED_PLACES)
def test_link_to_a_running_server_opens_no_page_of_another_host(
    place: str, browser: httpx.Client, running: Running
) -> None:
    answer = browser.get(running.link, params={"urlpath": place})

    assert answer.status_code == 400
    assert "would lead away from the server" in answer.text


def goes_on_to(page: httpx.Response) -> str:
    """Where a page leads by itself, which has to be on its own origin."""
    found = re.search(r'<meta http-equiv="refresh" content="0;url=(/[^"/][^"]*)">', page.text)
    assert found is not None
    return html.unescape(found[1])


@pytest.mark.parametrize("place", OPENED)
def test_link_opens_nothing_outside_its_server(place: str, browser: httpx.Client, running: Running) -> None:
    answer = browser.get(running.link, params={"urlpath": place})

    between = browser.get(answer.headers["Location"])
    opened = browser.get(goes_on_to(between))
    target = opened.headers["Location"].removeprefix(running.server["url"])
    entered = running.person.arrive(running.server, {}).ask("GET", target)
    statuses = [each.status_code for each in (answer, between, opened, entered)]
    assert statuses == [302, 200, 302, 303]
    assert opened.headers["Location"].startswith(f"{running.server['url']}/_carrel/enter?")
    location = entered.headers["Location"]
    assert httpx.URL(running.server["url"]).join(location).netloc == httpx.URL(running.server["url"]).netloc
    assert re.match(r"/(?![/\\\s])", location)


@pytest.mark.parametrize("place", ELSEWHERE)
def test_sign_in_leads_nobody_away(place: str, browser: httpx.Client, stack: Stack) -> None:
    answer = browser.get("/accounts/login/", params={"next": place})

    assert answer.status_code == 302
    assert_stays(answer, stack)


def test_sign_in_with_an_address_elsewhere_in_its_form_leads_nobody_away(stack: Stack) -> None:
    with httpx.Client(base_url=stack.base_url, trust_env=False) as browser:
        browser.get("/accounts/login/").raise_for_status()
        form = {"login": "student", "password": stack.password("student"), "next": "//evil.example"}

        answer = browser.post("/accounts/login/", data=form, headers=csrf(browser))

    assert answer.status_code == 302
    assert_stays(answer, stack)


@pytest.mark.parametrize("place", ELSEWHERE)
def test_preferences_lead_nobody_away(place: str, browser: httpx.Client, stack: Stack) -> None:
    answer = browser.post("/preferences/", data={"theme": "dark", "next": place}, headers=csrf(browser))

    assert answer.status_code == 302
    assert_stays(answer, stack)


@pytest.mark.parametrize("damage", ["", "x", "\x00", "cut", "swapped", "changed", "long", "surrogate"])
def test_proposal_that_was_tampered_with_is_refused(
    damage: str, browser: httpx.Client, proposal: Callable[[str], str]
) -> None:
    mine, other = proposal("hostile-one"), proposal("hostile-two")
    damaged = {
        "cut": mine[:-3],
        "swapped": ":".join([mine.split(":")[0], *other.split(":")[1:]]),
        "changed": mine.replace(mine[5], "A" if mine[5] != "A" else "B", 1),
        "long": mine * 200,
        "surrogate": f"{mine}\N{PILE OF POO}",
    }.get(damage, damage)

    answer = browser.post("/launch/", data={"proposal": damaged}, headers=csrf(browser))

    assert answer.status_code == 403
    assert "This confirmation was not made for you" in answer.text


def test_proposal_made_for_another_person_is_refused(
    proposal: Callable[[str], str], stack: Stack, token_of: Callable[[str], str]
) -> None:
    with closing(Person(stack, "teacher", token_of("teacher"))) as teacher:
        browser = teacher.sign_in()

        answer = browser.post("/launch/", data={"proposal": proposal("hostile-one")}, headers=csrf(browser))

    assert answer.status_code == 403
    assert "This confirmation was not made for you" in answer.text


FAULTS: dict[str, Callable[[GitHost, str], None]] = {
    "hangs": lambda host, name: host.hang(name),
    "sends a page": lambda host, name: answer_refs(host, name, b"<!doctype html><h1>Sign in</h1>"),
    "sends without end": lambda host, name: answer_refs(host, name, b"0" * 20_000_000),
    "says that more will come": lambda host, name: answer_refs(host, name, b"0", {"Content-Encoding": "gzip"}),
    "lies about a size": lambda host, name: answer_refs(host, name, b"fffe# service=git-upload-pack\n0000"),
    "fails": lambda host, name: host.answer(refs_of(name), status=503),
    "redirects to itself": lambda host, name: host.redirect(name, host.url(name)),
    "redirects to a private address": lambda host, name: host.redirect(name, "http://10.0.0.1/x.git"),
    "redirects to a cloud's credentials": lambda host, name: host.redirect(name, "http://169.254.169.254/latest"),
    "redirects to a file": lambda host, name: host.redirect(name, "file:///etc"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_link_to_a_host_with_a_fault_says_so(fault: str, browser: httpx.Client, repositories: GitHost) -> None:
    name = f"hostile-{fault.replace(' ', '-')}".replace("'", "")
    repositories.add(name, {"requirements.txt": ""})
    FAULTS[fault](repositories, name)

    answer = browser.get(link_to(repositories.url(name)))

    assert answer.status_code in (400, 403, 422)
    assert "Nothing was started" in answer.text


@pytest.mark.parametrize(
    "repository", ["x" * LONG, "a\x00b", "gh/a/b\r\nX: y", "javascript:alert(1)", "//evil.example"]
)
def test_form_that_is_hostile_says_what_is_wrong(repository: str, browser: httpx.Client) -> None:
    answer = browser.post("/", data={"repository": repository, "path": "\\\\evil"}, headers=csrf(browser))

    assert answer.status_code == 422
    assert "is-invalid" in answer.text or "aria-invalid" in answer.text


@pytest.mark.parametrize("slug", ["x" * 500, "%00", "[]", "{00000000-0000-0000-0000-000000000000}", "", "..%2Fx"])
def test_environment_there_is_not_finds_nothing(slug: str, browser: httpx.Client) -> None:
    answer = browser.post(f"/environments/{slug}/launch/", headers=csrf(browser))

    assert answer.status_code == 404


@pytest.mark.parametrize(
    ("content", "content_type"),
    [
        (b'{"repository": ["gh/a/b"]}', "application/json"),
        (b"\xff" * 2000, "application/x-www-form-urlencoded"),
        (b"--x\r\nbroken", "multipart/form-data; boundary=x"),
        (b"--x\r\nbroken", "multipart/form-data"),
        (b"repository=%ff%fe&repository=%00", "application/x-www-form-urlencoded; charset=no-such"),
        (b"&".join(b"p%d=1" % n for n in range(2000)), "application/x-www-form-urlencoded"),
        (b"repository=" + b"x" * 3_000_000, "application/x-www-form-urlencoded"),
    ],
    ids=["JSON", "bytes", "cut", "no boundary", "no such encoding", "many fields", "too much"],
)
@pytest.mark.parametrize("path", ["/", "/launch/", "/preferences/", "/accounts/login/"])
def test_body_of_another_kind_is_no_crash(path: str, content: bytes, content_type: str, browser: httpx.Client) -> None:
    headers = {**csrf(browser), "Content-Type": content_type}

    answer = browser.post(path, content=content, headers=headers)

    assert answer.status_code in (200, 302, 400, 403, 413, 422)


@pytest.mark.parametrize(
    "query",
    [
        "repository=" + "x" * 50_000,
        "&".join(f"p{n}=1" for n in range(1500)),
        "ref=%00&repository=gh/a/b",
        "repository=%ff%fe",
        "repository=gh/a/b&path=%5C%5Cevil",
    ],
)
def test_preview_of_nonsense_shows_no_link(query: str, browser: httpx.Client) -> None:
    answer = browser.get(f"/link-preview/?{query}")

    assert answer.status_code in (200, 400, 414, 431)
    assert "/v2/" not in answer.text


def ask_raw(stack: Stack, target: bytes, session: str = "") -> tuple[int, str, str]:
    """Status, head and body of what is answered to this request line, whose letters no client has tidied."""
    cookie = f"Cookie: {SESSION_COOKIE}={session}\r\n" if session else ""
    host = urlsplit(stack.base_url).netloc
    with closing(socket.create_connection(("127.0.0.1", stack.port), timeout=30)) as connection:
        connection.sendall(
            b"GET " + target + f" HTTP/1.1\r\nHost: {host}\r\n{cookie}Connection: close\r\n\r\n".encode()
        )
        answer = b"".join(iter(lambda: connection.recv(65536), b""))
    head, _blank, body = answer.decode(errors="replace").partition("\r\n\r\n")
    return int(head.split()[1]), head, body


def assert_stays(answer: httpx.Response, stack: Stack) -> None:
    """Whoever follows this answer stays on this site."""
    location = answer.headers.get("Location", "/")
    assert httpx.URL(stack.base_url).join(location).netloc == httpx.URL(stack.base_url).netloc
    assert location.startswith("/")
    assert not re.match(r"[/\\]{2}|/[\\\s]", location)


def is_clear(body: str) -> bool:
    """Whether this is a page of ours that says what is wrong or asks; or one line of the web server's."""
    return ("</html>" in body and "<h1>" in body) or body == "Invalid HTTP request received."


def link_to(url: str) -> str:
    """The launch link of a repository at this address."""
    return f"/v2/git/{quote(url, safe='')}/HEAD"


def refs_of(name: str) -> str:
    """Where git asks what a repository has."""
    return f"/{name}/info/refs"


def answer_refs(host: GitHost, name: str, body: bytes, headers: dict[str, str] | None = None) -> None:
    """Say this to whoever asks what the repository has."""
    kind = {"Content-Type": "application/x-git-upload-pack-advertisement", **(headers or {})}
    host.answer(refs_of(name), body=body, headers=kind)


def log_of(stack: Stack) -> bytes:
    """What its pages have said."""
    log = stack.data_directory / "log" / "web.log"
    return log.read_bytes() if log.exists() else b""
