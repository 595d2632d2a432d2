"""What people type and paste, and what it means. No network, no disk."""

from __future__ import annotations

from pathlib import Path

import pytest
from pytest_django import fixtures

from environments import references
from environments.errors import UserError
from environments.links import read_link
from environments.references.addresses import shown
from environments.values import Reference

GIST = "0123456789abcdef0123456789abcdef"
COMMIT = "0123456789abcdef0123456789abcdef01234567"

SPELLINGS = [
    # GitHub
    ("gh/binder-examples/requirements", "gh", "binder-examples/requirements", ""),
    ("gh/binder-examples/requirements/HEAD", "gh", "binder-examples/requirements", ""),
    ("GH/Binder-Examples/Requirements/main", "gh", "binder-examples/requirements", "main"),
    ("gh/owner/name/feature/x", "gh", "owner/name", "feature/x"),
    ("gh/owner/name/issue%2312", "gh", "owner/name", "issue#12"),
    ("gh/owner/name.git/main", "gh", "owner/name", "main"),
    ("https://github.com/owner/name", "gh", "owner/name", ""),
    ("  https://github.com/owner/name\n", "gh", "owner/name", ""),
    ("HTTPS://GitHub.com/Owner/Name.git/", "gh", "owner/name", ""),
    ("http://www.github.com/owner/name", "gh", "owner/name", ""),
    ("github.com/owner/name", "gh", "owner/name", ""),
    ("https://github.com/owner/name/tree/v1.0", "gh", "owner/name", "v1.0"),
    (f"https://github.com/owner/name/commit/{COMMIT}", "gh", "owner/name", COMMIT),
    ("https://github.com/owner/name/releases/tag/v2", "gh", "owner/name", "v2"),
    ("https://github.com/owner/name/issues?q=is%3Aopen#top", "gh", "owner/name", ""),
    ("git@github.com:owner/name.git", "gh", "owner/name", ""),
    ("ssh://git@github.com/owner/name.git", "gh", "owner/name", ""),
    ("ssh://git@github.com:22/owner/name", "gh", "owner/name", ""),
    # GitLab
    ("gl/group%2Fsub%2Fproject/main", "gl", "group/sub/project", "main"),
    ("gl/group/project", "gl", "group/project", ""),
    ("gl/group/project/feature/x", "gl", "group/project", "feature/x"),
    ("https://gitlab.com/group/sub/project", "gl", "group/sub/project", ""),
    ("https://gitlab.com/group/sub/project.git", "gl", "group/sub/project", ""),
    ("https://gitlab.com/group/project/-/tree/main?ref_type=heads", "gl", "group/project", "main"),
    ("https://gitlab.com/group/project/-/issues", "gl", "group/project", ""),
    ("git@gitlab.com:group/sub/project.git", "gl", "group/sub/project", ""),
    # Gists
    (f"gist/ada/{GIST}", "gist", f"ada/{GIST}", ""),
    (f"gist/ada/{GIST}/{COMMIT}", "gist", f"ada/{GIST}", COMMIT),
    (f"gist/{GIST}", "gist", f"anonymous/{GIST}", ""),
    (f"https://gist.github.com/ada/{GIST}", "gist", f"ada/{GIST}", ""),
    (f"https://gist.github.com/{GIST}.git", "gist", f"anonymous/{GIST}", ""),
    (f"https://gist.github.com/ada/{GIST}/{COMMIT}", "gist", f"ada/{GIST}", COMMIT),
    # Any other host
    ("git/https%3A%2F%2Fgit.example.org%2Fa%2Fb.git/main", "git", "https://git.example.org/a/b", "main"),
    ("git/https%3A%2F%2Fgit.example.org%2Fa%2Fb/feature%2Fx", "git", "https://git.example.org/a/b", "feature/x"),
    ("git/https://git.example.org/a/b.git/main", "git", "https://git.example.org/a/b", "main"),
    ("git/https://git.example.org/a/b", "git", "https://git.example.org/a/b", ""),
    ("https://Git.Example.org:443/a/B.git/", "git", "https://git.example.org/a/B", ""),
    ("https://git.example.org:8443/a/b", "git", "https://git.example.org:8443/a/b", ""),
    ("http://git.example.org/a/b?x=1#y", "git", "http://git.example.org/a/b", ""),
    ("https://bücher.example/a/b", "git", "https://xn--bcher-kva.example/a/b", ""),
    ("https://gitlab.example.org/group/p/-/tree/main", "git", "https://gitlab.example.org/group/p", "main"),
    ("https://codeberg.org/a/b/src/branch/main", "git", "https://codeberg.org/a/b", "main"),
    ("git@git.example.org:a/b.git", "git", "https://git.example.org/a/b", ""),
    # Examples
    ("example/statistics", "example", "statistics", ""),
    ("example/statistics/v1", "example", "statistics", "v1"),
    # Links of Binders
    ("https://mybinder.org/v2/gh/owner/name/HEAD", "gh", "owner/name", ""),
    ("https://mybinder.org/v2/gh/owner/name/main?urlpath=lab", "gh", "owner/name", "main"),
    ("https://hub.example.org/services/binder/v2/gl/group%2Fproject/main", "gl", "group/project", "main"),
    ("https://mybinder.org/v2/git/https%3A%2F%2Fgit.example.org%2Fa/HEAD", "git", "https://git.example.org/a", ""),
]


@pytest.mark.parametrize(("text", "provider", "repository", "ref"), SPELLINGS)
def test_parse_understands(text: str, provider: str, repository: str, ref: str) -> None:
    assert references.parse(text) == Reference(provider, repository, ref)


@pytest.mark.parametrize("text", [spelling[0] for spelling in SPELLINGS])
def test_parse_inverts_path_of(text: str) -> None:
    reference = references.parse(text)

    assert references.parse(references.path_of(reference)) == reference


PATHS = [
    ("https://github.com/owner/name", "", ""),
    ("https://github.com/owner/name/blob/main/intro/first.ipynb", "main", "lab/tree/intro/first.ipynb"),
    ("https://github.com/owner/name/blob/main/my%20notes%23.ipynb", "main", "lab/tree/my%20notes%23.ipynb"),
    ("https://github.com/owner/name/tree/main/intro", "main", "lab/tree/intro"),
    ("https://gitlab.com/group/sub/p/-/blob/main/first.ipynb?ref_type=heads", "main", "lab/tree/first.ipynb"),
    ("https://gitlab.example.org/group/p/-/blob/v1/a/b.ipynb", "v1", "lab/tree/a/b.ipynb"),
    ("https://codeberg.org/a/b/src/tag/v1/first.ipynb", "v1", "lab/tree/first.ipynb"),
    ("https://mybinder.org/v2/gh/owner/name/main?urlpath=%2Flab%2Ftree%2Fa.ipynb", "main", "lab/tree/a.ipynb"),
    ("https://mybinder.org/v2/gh/owner/name/main?labpath=a%20b.ipynb", "main", "doc/tree/a%20b.ipynb"),
    ("https://mybinder.org/v2/gh/owner/name/main?filepath=a.ipynb", "main", "lab/tree/a.ipynb"),
    ("https://mybinder.org/v2/gh/owner/name/main?urlpath=u&filepath=f&labpath=l", "main", "doc/tree/l"),
    ("https://mybinder.org/v2/gh/owner/name/main?urlpath=u&filepath=f", "main", "lab/tree/f"),
    ("https://mybinder.org/v2/gh/owner/name/main?urlpath=first&urlpath=second", "main", "second"),
    (
        "https://mybinder.org/v2/gh/o/n/main?urlpath=git-pull%3Frepo%3Dhttps%253A%252F%252Fx.org%252Fy%26branch%3Dmain",
        "main",
        "git-pull?repo=https%3A%2F%2Fx.org%2Fy&branch=main",
    ),
]


@pytest.mark.parametrize(("text", "ref", "urlpath"), PATHS)
def test_parse_with_path_finds_where_to_open(text: str, ref: str, urlpath: str) -> None:
    reference, found = references.parse_with_path(text)

    assert (reference.ref, found) == (ref, urlpath)


BINDER_LINKS = [
    "gh/o/n/main",
    "gh/o/n/main/",
    "gh/o/n/feature/x",
    "gh/o/n/feature%2Fx?labpath=a.ipynb",
    "gh/o/n/HEAD?labpath=week%201%2Fa%20b.ipynb",
    "gh/o/n/HEAD?labpath=week+1/a.ipynb",
    "gh/o/n/HEAD?filepath=%2Fa.ipynb",
    "gh/o/n/HEAD?urlpath=%2Flab%2Ftree%2Fa%2520b.ipynb",
    "gh/o/n/HEAD?urlpath=tree/a.ipynb",
    "gh/o/n/HEAD?urlpath=rstudio",
    "gh/o/n/HEAD?urlpath=%2Fproxy%2F5006%2Fapp%3Fx%3D1%26y%3D2",
    "gh/o/n/HEAD?urlpath=git-pull%3Frepo%3Dhttps%253A%252F%252Fgithub.com%252Fa%252Fb%26urlpath%3Dlab%252Ftree%252Fb%252Fc.ipynb",
    "gh/o/n/HEAD?urlpath=git-pull?repo=https://github.com/a/b%26urlpath=lab/tree/b/c.ipynb%26branch=main",
    "gh/o/n/HEAD?labpath=&urlpath=lab",
    "gh/o/n/HEAD?token=&urlpath=lab&utm_source=mail",
    "gl/group%2Fsub%2Fp/main?urlpath=lab",
    "gist/owner/0123456789abcdef/master?labpath=a.ipynb",
    "git/https%3A%2F%2Fgit.example.org%2Fa%2Fb.git/v1?urlpath=lab",
    "zenodo/10.5281/zenodo.3242074/?labpath=a.ipynb",
    "dataverse/10.7910/DVN/TJCLKP/?urlpath=lab",
]


@pytest.mark.parametrize("link", BINDER_LINKS)
@pytest.mark.parametrize(
    "hub", ["https://mybinder.org", "https://2i2c.mybinder.org", "https://hub.example.org/services/b"]
)
def test_pasted_binder_link_means_what_it_means_with_our_host_name(hub: str, link: str) -> None:
    followed = read_link(*link.partition("?")[::2]).spec

    assert references.parse_with_path(f"{hub}/v2/{link}") == (followed.reference, followed.urlpath)


@pytest.mark.parametrize("text", ["gh/owner/name/main", "https://github.com/owner/name/tree/main"])
def test_parse_prefers_the_ref_given_apart(text: str) -> None:
    assert references.parse(text, ref="v2").ref == "v2"


def test_parse_with_path_divides_by_the_ref_given_apart() -> None:
    text = "https://github.com/owner/name/blob/feature/x/a.ipynb"

    reference, urlpath = references.parse_with_path(text, "feature/x")

    assert (reference.ref, urlpath) == ("feature/x", "lab/tree/a.ipynb")


def test_parse_takes_head_for_the_newest_version() -> None:
    assert references.parse("gh/owner/name/main", ref="HEAD").ref == ""


HOSTILE = [
    ("", "repository_missing"),
    (" \n\t ", "repository_missing"),
    # Options
    ("-oProxyCommand=touch x", "repository_invalid"),
    ("--upload-pack=touch x", "repository_invalid"),
    ("ssh://-oProxyCommand=x/y", "repository_invalid"),
    ("git@-oProxyCommand=x:y", "repository_invalid"),
    ("https://-oProxyCommand/x", "repository_invalid"),
    # Other transports
    ("ext::sh -c touch% x", "repository_scheme_forbidden"),
    ("fd::17", "repository_scheme_forbidden"),
    ("git/ext%3A%3Ash%20-c%20x/HEAD", "repository_scheme_forbidden"),
    ("git://git.example.org/a", "repository_scheme_forbidden"),
    ("ssh://ada@git.example.org/a", "repository_scheme_forbidden"),
    ("ssh://git:word@git.example.org/a", "repository_scheme_forbidden"),
    ("ftp://git.example.org/a", "repository_scheme_forbidden"),
    ("git+https://git.example.org/a", "repository_scheme_forbidden"),
    ("javascript:alert(1)", "repository_scheme_forbidden"),
    ("data:text/html,x", "repository_scheme_forbidden"),
    ("localhost:8000/a", "repository_scheme_forbidden"),
    # The disk
    ("file:///etc", "repository_local_forbidden"),
    ("FILE:///etc", "repository_local_forbidden"),
    ("git/file%3A%2F%2F%2Fetc/HEAD", "repository_local_forbidden"),
    ("git/%2Fetc/HEAD", "repository_local_forbidden"),
    ("git/..%2F..%2Fetc/HEAD", "repository_local_forbidden"),
    ("/etc", "repository_local_forbidden"),
    ("/", "repository_local_forbidden"),
    ("//host/share", "repository_local_forbidden"),
    ("../..", "repository_local_forbidden"),
    ("..", "repository_local_forbidden"),
    (".", "repository_local_forbidden"),
    ("./a", "repository_local_forbidden"),
    ("~/a", "repository_local_forbidden"),
    ("~root", "repository_local_forbidden"),
    ("C:\\a", "repository_local_forbidden"),
    ("c:/a", "repository_local_forbidden"),
    ("\\\\host\\share", "repository_local_forbidden"),
    # Passwords
    ("https://ada:word@github.com/owner/name", "repository_has_credentials"),
    ("https://ghp_0123@github.com/owner/name", "repository_has_credentials"),
    ("https://git.example.org@evil.example/a", "repository_has_credentials"),
    ("https://git.example.org%40evil.example/a", "repository_has_credentials"),
    ("token@github.com/owner/name", "repository_has_credentials"),
    ("git/https%3A%2F%2Fada%3Aword%40git.example.org%2Fa/HEAD", "repository_has_credentials"),
    # Characters that change meaning between programs
    ("https://github.com/owner/name\nHost: evil", "repository_invalid"),
    ("https://git.example.org/a\r\nX: y", "repository_invalid"),
    ("git/https%3A%2F%2Fgit.example.org%2Fa%0Ab/HEAD", "repository_invalid"),
    ("https://git.example.org/a b", "repository_invalid"),
    ("https://git.example.org\\@evil.example/a", "repository_invalid"),
    ("https://git.example.org/\u202egit", "repository_invalid"),
    ("https://git.example.org/\x00", "repository_invalid"),
    ("gh/owner/name\x00", "repository_invalid"),
    ("gh/owner/na me", "repository_invalid"),
    # Spellings of addresses that programs disagree about
    ("http://2130706433/a", "repository_address_forbidden"),
    ("http://0x7f.1/a", "repository_address_forbidden"),
    ("http://0x7f000001/a", "repository_address_forbidden"),
    ("http://0177.0.0.1/a", "repository_address_forbidden"),
    ("http://127.1/a", "repository_address_forbidden"),
    ("http://①②⑦.①/a", "repository_address_forbidden"),
    # Nonsense
    ("hello", "repository_invalid"),
    ("gh", "repository_invalid"),
    ("gh/", "repository_invalid"),
    ("gh/owner", "repository_invalid"),
    ("gh/owner/..", "repository_invalid"),
    ("gh/../name", "repository_invalid"),
    ("gh/ow%2Fner/name", "repository_invalid"),
    ("https://github.com/", "repository_invalid"),
    ("https://github.com/owner", "repository_invalid"),
    ("gl/project", "repository_invalid"),
    ("gl/..%2Fproject", "repository_invalid"),
    ("https://gitlab.com/project", "repository_invalid"),
    ("gist/ada/not-an-id", "repository_invalid"),
    ("gist/ada/../x", "repository_invalid"),
    ("example/../../etc", "repository_invalid"),
    ("example/Statistics", "repository_invalid"),
    ("example/statistics.git", "repository_invalid"),
    ("git/HEAD", "repository_invalid"),
    ("https:///a", "repository_invalid"),
    ("https://git.example.org", "repository_invalid"),
    ("https://git.example.org/.git", "repository_invalid"),
    ("https://git.example.org/../a", "repository_invalid"),
    ("https://git.example.org/%2e%2e/a", "repository_invalid"),
    ("https://git.example.org:0/a", "repository_invalid"),
    ("https://git.example.org:99999/a", "repository_invalid"),
    ("https://git.example.org./a", "repository_invalid"),
    ("https://[::1/a", "repository_invalid"),
    ("https://[not:an:address]/a", "repository_invalid"),
    ("https://git..example.org/a", "repository_invalid"),
    ("https://git.example.org/" + "a" * 600, "repository_invalid"),
    ("https://git.example.org/" + "a" * 3000, "repository_invalid"),
    ("owner/name", "provider_unknown"),
    ("svn/owner/name", "provider_unknown"),
    # Refs and paths
    ("gh/owner/name/-x", "ref_invalid"),
    ("gh/owner/name/a..b", "ref_invalid"),
    ("gh/owner/name/a%20b", "ref_invalid"),
    ("gh/owner/name/a%00b", "ref_invalid"),
    ("gh/owner/name/main?urlpath=lab", "ref_invalid"),
    ("https://github.com/owner/name/blob/main/..%2F..%2Fetc", "path_invalid"),
    ("https://github.com/owner/name/blob/main/a%0Ab", "path_invalid"),
    ("https://mybinder.org/v2/gh/owner/name/main?labpath=..%2F..%2Fetc", "path_invalid"),
    ("https://mybinder.org/v2/gh/owner/name/main?filepath=a%00b", "path_invalid"),
    ("https://mybinder.org/v2/gh/owner/name/main?urlpath=a%0D%0Ab", "path_invalid"),
    ("https://mybinder.org/v2/gh/owner/name/main?urlpath=https%3A%2F%2Fevil.example", "path_elsewhere"),
    ("https://mybinder.org/v2/gh/owner/name/main?urlpath=%ff%fe", "repository_invalid"),
    ("gh/owner/name/%C3%28", "repository_invalid"),
    ("gh/owner/name/\ufffd", "repository_invalid"),
    ("git/https%3A%2F%2Fgit.example.org%2F%ff/main", "repository_invalid"),
    ("https://mybinder.org/v2/git/file%3A%2F%2F%2Fetc/HEAD", "repository_local_forbidden"),
]


@pytest.mark.parametrize(("text", "code"), HOSTILE)
def test_parse_refuses(text: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        references.parse(text)

    assert caught.value.code == code


@pytest.mark.parametrize("text", [text for text, _code in HOSTILE])
def test_parse_explains_a_refusal_in_printable_words(text: str) -> None:
    with pytest.raises(UserError) as caught:
        references.parse(text)

    explanation = caught.value.explain()
    assert explanation.sentence.isprintable()
    assert len(explanation.sentence) < 300
    assert "word" not in explanation.sentence.replace("password", "")


@pytest.mark.parametrize(
    "ref",
    [
        *("-x", "--upload-pack=x", "a..b", "a b", "a~1", "a^", "a:b", "a?", "a*", "a[b", "a\\b", "/a", "a/", "a//b"),
        *("a.lock", "a.lock/b", "a.", ".a", "a/.b", "@", "a@{0}", "a\nb", "a\x7f", "\u202ea", "x" * 251),
    ],
)
def test_parse_refuses_the_ref(ref: str) -> None:
    with pytest.raises(UserError) as caught:
        references.parse("gh/owner/name", ref=ref)

    assert caught.value.code == "ref_invalid"


@pytest.mark.parametrize("ref", ["main", "v1.0", "feature/x", "é", "issue#12", "a@b", "100%", "x" * 250, COMMIT])
def test_parse_inverts_path_of_for_the_ref(ref: str) -> None:
    for text in ("gh/a/b", "gl/a/b", f"gist/a/{GIST}", "https://git.example.org/a", "example/a"):
        reference = references.parse(text, ref=ref)

        assert reference.ref == ref
        assert references.parse(references.path_of(reference)) == reference


@pytest.mark.parametrize(
    ("parameters", "urlpath"),
    [
        ({}, ""),
        ({"urlpath": "lab"}, "lab"),
        ({"urlpath": "/lab"}, "lab"),
        ({"urlpath": "/proxy/5006/app"}, "proxy/5006/app"),
        ({"urlpath": "lab/tree/RTC:a.ipynb"}, "lab/tree/RTC:a.ipynb"),
        ({"urlpath": "git-pull?repo=https://x.org/y"}, "git-pull?repo=https://x.org/y"),
        ({"urlpath": "/git-pull?repo=https%3A%2F%2Fx.org%2Fy"}, "git-pull?repo=https%3A%2F%2Fx.org%2Fy"),
        ({"urlpath": "git-pull%3Frepo=https://x.org/y"}, "git-pull%3Frepo=https://x.org/y"),
        ({"urlpath": "lab/tree/a b.ipynb"}, "lab/tree/a%20b.ipynb"),
        ({"urlpath": "rstudio?x=1#y"}, "rstudio?x=1#y"),
        ({"labpath": "", "filepath": "", "urlpath": "tree"}, "tree"),
        ({"labpath": "/a/b.ipynb"}, "doc/tree/a/b.ipynb"),
        ({"filepath": "/"}, ""),
    ],
)
def test_urlpath_from_follows_binder(parameters: dict[str, str], urlpath: str) -> None:
    assert references.urlpath_from(parameters) == urlpath


@pytest.mark.parametrize(
    "urlpath",
    [
        *("https://evil.example/x", "HTTP:evil.example", "javascript:alert(1)", "//evil.example", "///evil.example"),
        *("\\\\evil.example", "/\\evil.example", "\\/evil.example", "https:\\\\evil.example", "//evil.example?x=1"),
        *("%2F%2Fevil.example", "/%2Fevil.example", "%5C%5Cevil.example", "%252F%252Fevil.example"),
        *("https%3A//evil.example", "https%3A%2F%2Fevil.example", "%68ttps:evil.example", "%20//evil.example"),
        *("  //evil.example", " https://evil.example", "\u00a0//evil.example", "\t//evil.example", "/\t/evil.example"),
        *("/%09/evil.example", "java\nscript:alert(1)", "\x00//evil.example", "\u202e//evil.example"),
    ],
)
def test_check_urlpath_refuses_another_host(urlpath: str) -> None:
    with pytest.raises(UserError) as caught:
        references.check_urlpath(urlpath)

    assert caught.value.code == "path_elsewhere"
    assert caught.value.explain().sentence.isprintable()


@pytest.mark.parametrize("parameter", ["labpath", "filepath"])
def test_urlpath_from_takes_no_file_for_another_host(parameter: str) -> None:
    assert references.urlpath_from({parameter: "//evil.example/x"}).split("/tree/")[1] == "evil.example/x"


@pytest.mark.parametrize("urlpath", ["x" * 500, "é" * 83, "a?" + "é" * 83])
def test_check_urlpath_takes_what_fits_once_it_is_quoted(urlpath: str) -> None:
    assert len(references.check_urlpath(urlpath)) <= 500


@pytest.mark.parametrize("parameters", [{"labpath": "é" * 83}, {"filepath": "é" * 83}, {"urlpath": "é" * 84}])
def test_urlpath_from_refuses_what_is_too_long_once_it_is_quoted(parameters: dict[str, str]) -> None:
    with pytest.raises(UserError) as caught:
        references.urlpath_from(parameters)

    assert caught.value.code == "path_invalid"


@pytest.mark.parametrize(
    "urlpath", ["../x", "lab/../../x", "a\\b", "a\nb", "a?b\nc", "x" * 501, "é" * 84, "a?" + "é" * 84]
)
def test_check_urlpath_refuses(urlpath: str) -> None:
    with pytest.raises(UserError) as caught:
        references.check_urlpath(urlpath)

    assert caught.value.code == "path_invalid"


def test_parse_accepts_a_directory_when_the_operator_allows_it(settings: fixtures.Settings, tmp_path: Path) -> None:
    settings.REPOSITORY_ALLOW_LOCAL = True
    directory = tmp_path / "my work"
    directory.mkdir()

    reference = references.parse(str(directory), ref="main")

    assert reference == Reference("git", str(directory.resolve()), "main")
    assert references.parse(references.path_of(reference)) == reference


def test_parse_refuses_a_directory_that_is_not_there(settings: fixtures.Settings, tmp_path: Path) -> None:
    settings.REPOSITORY_ALLOW_LOCAL = True

    with pytest.raises(UserError) as caught:
        references.parse(str(tmp_path / "nothing"))

    assert caught.value.code == "repository_not_found"


@pytest.mark.parametrize(
    ("text", "title", "web_url"),
    [
        ("gh/owner/name", "owner/name", "https://github.com/owner/name"),
        ("gh/owner/name/issue%2312", "owner/name", "https://github.com/owner/name/tree/issue%2312"),
        ("gl/g%2Fs%2Fp/main", "g/s/p", "https://gitlab.com/g/s/p/-/tree/main"),
        (f"gist/ada/{GIST}", f"ada/{GIST}", f"https://gist.github.com/ada/{GIST}"),
        (f"gist/{GIST}", GIST, f"https://gist.github.com/{GIST}"),
        ("https://git.example.org/a/b.git", "git.example.org/a/b", "https://git.example.org/a/b"),
        ("example/statistics", "statistics", ""),
    ],
)
def test_title_and_page_of(text: str, title: str, web_url: str) -> None:
    reference = references.parse(text)

    assert references.title_of(reference) == title
    assert references.web_url_of(reference) == web_url


def test_path_of_refuses_a_provider_it_does_not_know() -> None:
    with pytest.raises(UserError) as caught:
        references.path_of(Reference("svn", "10.5281/zenodo.1"))

    assert caught.value.code == "provider_unknown"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("https://ada:word@example.org/a", "https://…@example.org/a"),
        ("ada:word@example.org/a", "…@example.org/a"),
        ("a\nb", "a�b"),
        ("x" * 500, "x" * 119 + "…"),
    ],
)
def test_shown_hides_what_must_not_be_repeated(text: str, expected: str) -> None:
    assert shown(text) == expected
