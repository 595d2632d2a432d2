"""Which headers pass in each direction."""

from __future__ import annotations

import pytest

from environments.gateway.headers import (
    Header,
    headers_for_client,
    headers_for_server,
    safe_next,
    sort_client_headers,
    token_of,
)


def for_server(*headers: Header) -> list[Header]:
    client = sort_client_headers([(b"host", b"s.localhost:8000"), *headers])
    return headers_for_server(client, token="secret", client_address="192.0.2.7")


@pytest.mark.parametrize(
    "header",
    [
        (b"connection", b"keep-alive"),
        (b"keep-alive", b"timeout=5"),
        (b"proxy-authorization", b"Basic x"),
        (b"te", b"trailers"),
        (b"upgrade", b"h2c"),
        (b"expect", b"100-continue"),
        (b"x-forwarded-for", b"198.51.100.1"),
        (b"x-forwarded-anything", b"x"),
        (b"x-real-ip", b"198.51.100.1"),
        (b"x-scheme", b"https"),
        (b"forwarded", b"for=198.51.100.1"),
        (b"authorization", b"Bearer carrel_x"),
    ],
)
def test_send_to_server_drops_what_ends_here(header: Header) -> None:
    assert header not in for_server(header)


def test_send_to_server_drops_what_connection_names() -> None:
    sent = for_server((b"connection", b"close, X-Secret"), (b"x-secret", b"1"), (b"x-other", b"2"))

    assert (b"x-secret", b"1") not in sent
    assert (b"x-other", b"2") in sent


def test_send_to_server_says_who_asks() -> None:
    sent = dict(for_server((b"x-forwarded-for", b"198.51.100.1"), (b"authorization", b"token theirs")))

    assert sent[b"authorization"] == b"token secret"
    assert sent[b"x-forwarded-for"] == b"192.0.2.7"
    assert sent[b"x-forwarded-host"] == sent[b"host"] == b"s.localhost:8000"
    assert sent[b"x-forwarded-proto"] == b"http"


@pytest.mark.parametrize(
    ("cookie", "kept"),
    [
        (b"_xsrf=1; carrel_pass=a; username-8888=2", b"_xsrf=1; username-8888=2"),
        (b"carrel_session=a;carrel_csrf=b;carrel_language=fr;x=y=z", b"x=y=z"),
        (b"__Host-carrel_pass=a; __host-carrel_x=b; __Secure-carrel=c; not_carrel_pass=d", b"not_carrel_pass=d"),
        (b" carrel_pass = a ;x=1", b"x=1"),
    ],
)
def test_send_to_server_keeps_only_cookies_of_others(cookie: bytes, kept: bytes) -> None:
    assert dict(for_server((b"cookie", cookie)))[b"cookie"] == kept


def test_send_to_server_without_foreign_cookies() -> None:
    assert b"cookie" not in dict(for_server((b"cookie", b"carrel_pass=a")))


def test_sort_finds_every_pass() -> None:
    client = sort_client_headers([(b"cookie", b"carrel_pass=a; x=1; carrel_pass=b"), (b"cookie", b"carrel_pass=c")])

    assert client.passes == ("a", "b", "c")


@pytest.mark.parametrize("name", [b"host", b"origin", b"content-length"])
def test_sort_notices_a_header_given_twice(name: bytes) -> None:
    assert sort_client_headers([(name, b"1"), (name, b"2")]).is_ambiguous


@pytest.mark.parametrize(
    ("header", "passes"),
    [
        ((b"set-cookie", b"_xsrf=1; Path=/; SameSite=Lax"), True),
        ((b"set-cookie", b"domain=1; Path=/"), True),
        ((b"set-cookie", b"carrel_pass=1"), False),
        ((b"set-cookie", b"__Host-carrel_session=1; Secure; Path=/"), False),
        ((b"set-cookie", b"a=1; Domain=localhost"), False),
        ((b"set-cookie", b"a=1;DOMAIN = .localhost ;Path=/"), False),
        ((b"set-cookie", b"a=1; domain"), False),
        ((b"clear-site-data", b'"cookies"'), False),
        ((b"transfer-encoding", b"chunked"), False),
        ((b"server", b"TornadoServer"), False),
        ((b"content-encoding", b"gzip"), True),
        ((b"location", b"/lab"), True),
    ],
)
def test_return_to_client(header: Header, passes: bool) -> None:
    assert (header in headers_for_client([header])) is passes


def test_return_to_client_drops_what_connection_names() -> None:
    assert headers_for_client([(b"connection", b"X-Hop"), (b"x-hop", b"1"), (b"x-end", b"2")]) == [(b"x-end", b"2")]


@pytest.mark.parametrize(
    ("authorization", "token"),
    [
        ("Bearer abc", "abc"),
        ("bearer  abc", "abc"),
        ("token abc", "abc"),
        ("Token abc", "abc"),
        ("Basic abc", ""),
        ("Bearer", ""),
        ("", ""),
    ],
)
def test_read_token(authorization: str, token: str) -> None:
    assert token_of(authorization) == token


@pytest.mark.parametrize(
    ("path", "location"),
    [
        ("/lab/tree/first.ipynb", "/lab/tree/first.ipynb"),
        ("/lab?a=1&b=%2F#cell", "/lab?a=1&b=%2F#cell"),
        ("/lab/tree/Übung 1.ipynb", "/lab/tree/%C3%9Cbung%201.ipynb"),
        ("/a//b", "/a//b"),
        ("", "/lab"),
        ("lab", "/lab"),
        ("//evil.example", "/lab"),
        ("/\\evil.example", "/lab"),
        ("/a\\b", "/lab"),
        ("\\/evil.example", "/lab"),
        ("/\t/evil.example", "/lab"),
        ("/lab\r\nSet-Cookie: a=1", "/lab"),
        ("/\x00", "/lab"),
        ("/\x7f", "/lab"),
        (" /lab", "/lab"),
        ("https://evil.example", "/lab"),
        ("javascript:alert(1)", "/lab"),
    ],
)
def test_sanitise_next(path: str, location: str) -> None:
    assert safe_next(path) == location
