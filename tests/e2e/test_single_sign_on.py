"""Signing in at an institution, in a real browser, with real providers on another site than Carrel's."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path
from urllib.parse import quote

import httpx
import pytest
from playwright.sync_api import Page, expect

from tests.fakes.git_host import GitHost
from tests.identity import provider_mock, saml_provider
from tests.required import require_xmlsec1
from tests.stack import Stack, free_port

pytestmark = [pytest.mark.browser, pytest.mark.stack, pytest.mark.saml, pytest.mark.timeout(240)]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack where people sign in at two institutions. Theirs is another site: 127.0.0.1, not localhost."""
    require_xmlsec1()
    saml_port = free_port()
    ours: Path = tmp_path_factory.mktemp("sso") / "ours.xml"
    with ExitStack() as everything:
        issuer = everything.enter_context(provider_mock())
        stack = Stack(
            REPOSITORY_ALLOWED_HOSTS="127.0.0.1",
            SIGN_IN_PROVIDERS="university,college",
            SIGN_IN_UNIVERSITY_KIND="oidc",
            SIGN_IN_UNIVERSITY_NAME="Example University",
            SIGN_IN_UNIVERSITY_ISSUER=issuer,
            SIGN_IN_UNIVERSITY_CLIENT_ID="carrel",
            SIGN_IN_UNIVERSITY_CLIENT_SECRET="a secret",
            SIGN_IN_COLLEGE_KIND="saml",
            SIGN_IN_COLLEGE_NAME="Example College",
            SIGN_IN_COLLEGE_METADATA_URL=f"http://127.0.0.1:{saml_port}/metadata",
        )
        everything.callback(stack.close)
        stack.start()
        ours.write_bytes(httpx.get(f"{stack.base_url}/accounts/saml/college/metadata/").content)
        everything.enter_context(saml_provider(ours, saml_port))
        yield stack


def test_sign_in_at_two_institutions_and_come_back_to_the_link(
    page: Page, site: Stack, git_host: GitHost, keep: Callable[[str], None]
) -> None:
    git_host.add("course", {"requirements.txt": ""})
    repository = quote(git_host.url("course"), safe="")
    link = f"{site.base_url}/v2/git/{repository}/HEAD?urlpath=lab%2Ftree%2Fweek%201%2Fna%C3%AFve%26b.ipynb&memory=1G"
    page.goto(link)
    keep("1-sign-in")
    page.get_by_role("button", name="Sign in with Example University").click()
    page.get_by_placeholder("sub").fill("id-of-grace")
    page.get_by_role("button", name="Authorize").click()
    page.wait_for_url(link)
    expect(page.get_by_role("heading", level=1)).to_have_text(re.compile("Launch .*course"))

    page.get_by_role("button", name="Sign out").click()
    expect(page.get_by_text("still signed in at Example University")).to_be_visible()
    page.goto(link)
    page.get_by_role("button", name="Sign in with Example College").click()
    page.get_by_label("Name").fill("ada")
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Go back").click()
    page.wait_for_url(link)

    page.goto(f"{site.base_url}/account/")
    expect(page.get_by_text("Connected as ada")).to_be_visible()
    keep("2-account")
    page.get_by_role("link", name="Connect Example University").click()
    keep("3-connect")
    page.get_by_role("button", name="Connect Example University").click()
    page.get_by_placeholder("sub").fill("id-of-ada")
    page.get_by_role("button", name="Authorize").click()
    expect(page.get_by_text("Example University is connected.")).to_be_visible()
