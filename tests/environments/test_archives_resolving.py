"""What a record means now and which files it has, asked of a host that answers as the real services do."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from string import Formatter

import pytest
from django.core.cache import cache
from pytest_django import fixtures

from environments import references
from environments.errors import REASONS, EnvironmentsError
from environments.references.archives import MAX_FILES, Archive
from environments.references.ckan import Ckan
from environments.references.dataverse import Dataverse
from environments.references.figshare import Figshare
from environments.references.hydroshare import HydroShare
from environments.references.zenodo import Zenodo
from environments.values import Reference, RemoteFile, ResolvedRepository
from tests.fakes.archive_host import ArchiveHost

ID = "b8f6eae9d89241cf8b5904033460af61"
KEY = "5d1f6f2e-0123-4567-89ab-0123456789ab"
ACTIVITY = "0a1b2c3d-0123-4567-89ab-0123456789ab"
MODIFIED = "2019-09-25T07:35:57.123456Z"
DATASET = "doi:10.7910/DVN/6ZXAGT"
LISTING = "/api/datasets/:persistentId/versions/1.0/files?persistentId=doi%3A10.7910%2FDVN%2F6ZXAGT"
FILES = {"notes.md": b"hello\n", "lesson.ipynb": b"{}"}


@pytest.fixture(autouse=True)
def _forget_answers() -> None:
    cache.clear()


@pytest.fixture
def host(settings: fixtures.Settings) -> Iterator[ArchiveHost]:
    with ArchiveHost() as host:
        settings.REPOSITORY_ALLOWED_HOSTS = [host.address]
        settings.REPOSITORY_TIMEOUT_SECONDS = 5
        yield host


def zenodo(host: ArchiveHost) -> Zenodo:
    return Zenodo(site=host.base_url, sandbox=host.base_url, resolver=host.base_url)


def figshare(host: ArchiveHost) -> Figshare:
    return Figshare(api=host.base_url, resolver=host.base_url)


def hydroshare(host: ArchiveHost) -> HydroShare:
    return HydroShare(site=host.base_url)


def dataverse(host: ArchiveHost) -> Dataverse:
    return Dataverse(resolver=host.base_url)


def code_of(act: Callable[[], object]) -> str:
    """The code of the error that this ends with."""
    with pytest.raises(EnvironmentsError) as caught:
        act()
    reason = REASONS[caught.value.code]
    fields = {name for _text, name, *_rest in Formatter().parse(f"{reason.sentence} {reason.next_step}") if name}
    assert fields <= caught.value.facts.keys()
    return caught.value.code


def md5(content: bytes) -> str:
    return f"md5:{hashlib.md5(content, usedforsecurity=False).hexdigest()}"


# --- Whatever the service ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Service:
    """One service: how to make its provider, what to publish there, what to resolve, and the first address asked."""

    make: Callable[[ArchiveHost], Archive]
    publish: Callable[[ArchiveHost], None]
    reference: Callable[[ArchiveHost], Reference]
    asked: str


SERVICES = {
    "zenodo": Service(
        zenodo,
        lambda host: host.zenodo("7", FILES),
        lambda host: Reference("zenodo", "10.5281/zenodo.7"),
        "/api/records/7",
    ),
    "figshare": Service(
        figshare,
        lambda host: host.figshare(7, {1: FILES}),
        lambda host: Reference("figshare", "10.6084/m9.figshare.7"),
        "/articles/7",
    ),
    "hydroshare": Service(
        hydroshare,
        lambda host: host.hydroshare(ID, FILES, modified=MODIFIED),
        lambda host: Reference("hydroshare", ID),
        f"/hsapi/resource/{ID}/scimeta/elements/",
    ),
    "dataverse": Service(
        dataverse,
        lambda host: host.dataverse(DATASET, FILES),
        lambda host: Reference("dataverse", f"{host.base_url}/citation?persistentId={DATASET}"),
        "/api/datasets/:persistentId/versions/:latest-published?persistentId=doi%3A10.7910%2FDVN%2F6ZXAGT"
        "&excludeFiles=true",
    ),
    "ckan": Service(
        lambda host: Ckan(),
        lambda host: host.ckan("sample", KEY, FILES, modified=MODIFIED),
        lambda host: Reference("ckan", f"{host.base_url}/dataset/sample"),
        "/api/3/action/package_show?id=sample",
    ),
}


@pytest.fixture(params=SERVICES.values(), ids=list(SERVICES))
def service(request: pytest.FixtureRequest, host: ArchiveHost) -> Service:
    chosen: Service = request.param
    chosen.publish(host)
    return chosen


class TestEveryArchive:
    """What is promised of all of them."""

    def resolve(self, service: Service, host: ArchiveHost) -> ResolvedRepository:
        return service.make(host).resolve(service.reference(host))

    def test_resolve_downloads_nothing(self, service: Service, host: ArchiveHost) -> None:
        self.resolve(service, host)

        assert [target for target, _headers in host.seen] == [service.asked]

    def test_resolve_names_record_and_version(self, service: Service, host: ArchiveHost) -> None:
        resolved = self.resolve(service, host)

        assert references.is_record(resolved)
        assert len(resolved.commit) <= 64
        assert resolved.commit.replace("-", "").replace(".", "").isalnum()

    def test_resolve_asks_only_whether_the_last_answer_holds(self, service: Service, host: ArchiveHost) -> None:
        first = self.resolve(service, host)

        assert self.resolve(service, host) == first
        assert "if-none-match" not in host.seen[0][1]
        assert "if-none-match" in host.seen[1][1]

    def test_files_are_those_of_the_record(self, service: Service, host: ArchiveHost) -> None:
        files = service.make(host).files(self.resolve(service, host))

        assert sorted(file.path for file in files) == ["lesson.ipynb", "notes.md"]
        assert len({file.key for file in files}) == 2
        assert all(file.url.startswith(host.base_url) for file in files)

    @pytest.mark.parametrize(
        ("status", "code"),
        [
            (404, "record_not_found"),
            (410, "record_not_found"),
            (401, "record_restricted"),
            (403, "record_restricted"),
            (429, "repository_rate_limited"),
            (500, "repository_unreachable"),
            (202, "repository_unreachable"),
        ],
    )
    def test_resolve_says_what_the_service_says(
        self, service: Service, host: ArchiveHost, status: int, code: str
    ) -> None:
        host.answer(service.asked, status=status, body=b'{"success": false}', headers={"Retry-After": "90"})

        assert code_of(lambda: self.resolve(service, host)) == code

    def test_resolve_says_how_long_to_wait(self, service: Service, host: ArchiveHost) -> None:
        host.answer(service.asked, status=429, headers={"Retry-After": "90"})

        with pytest.raises(EnvironmentsError) as caught:
            self.resolve(service, host)

        assert caught.value.facts == {"host": "127.0.0.1", "minutes": 2}

    def test_resolve_tells_being_asked_too_often_from_being_restricted(
        self, service: Service, host: ArchiveHost
    ) -> None:
        host.answer(service.asked, status=403, headers={"X-RateLimit-Remaining": "0"})

        assert code_of(lambda: self.resolve(service, host)) == "repository_rate_limited"

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b"null", b"{}", b'{"id": {}}', b"[" * 100_000, b"\xff"])
    def test_resolve_believes_no_shape(self, service: Service, host: ArchiveHost, body: bytes) -> None:
        host.answer(service.asked, body=body)

        assert code_of(lambda: self.resolve(service, host)) == "repository_unreachable"

    def test_resolve_gives_up_on_a_service_that_drips(
        self, service: Service, host: ArchiveHost, settings: fixtures.Settings
    ) -> None:
        settings.REPOSITORY_TIMEOUT_SECONDS = 0.3
        host.answer(service.asked, body=b" " * 1000, drips=True)

        assert code_of(lambda: self.resolve(service, host)) == "repository_unreachable"

    @pytest.mark.parametrize("address", ["http://169.254.169.254/latest", "http://10.0.0.1/x", "http://[::1]/x"])
    def test_resolve_checks_where_the_service_leads(self, service: Service, host: ArchiveHost, address: str) -> None:
        host.lead(service.asked, address)

        assert code_of(lambda: self.resolve(service, host)) == "repository_address_forbidden"

    def test_resolve_refuses_private_address(
        self, service: Service, host: ArchiveHost, settings: fixtures.Settings
    ) -> None:
        settings.REPOSITORY_ALLOWED_HOSTS = []

        assert code_of(lambda: self.resolve(service, host)) == "repository_address_forbidden"
        assert host.seen == []

    def test_files_refuse_private_address(
        self, service: Service, host: ArchiveHost, settings: fixtures.Settings
    ) -> None:
        resolved = self.resolve(service, host)
        settings.REPOSITORY_ALLOWED_HOSTS = []

        assert code_of(lambda: service.make(host).files(resolved)) == "repository_address_forbidden"


# --- DOIs ----------------------------------------------------------------------------------------------------


Make = Callable[[ArchiveHost], Archive]

LEADING: list[tuple[Make, Reference, str, str, str]] = [
    (zenodo, Reference("zenodo", "10.22002/d1.1"), "{host}/records/7", "zenodo+{host}/records/7", "7"),
    (
        figshare,
        Reference("figshare", "10.25573/data.7"),
        "https://x.example/articles/dataset/t/7/1",
        "figshare+https://figshare.com/articles/_/7",
        "7.v1",
    ),
    (
        dataverse,
        Reference("dataverse", "10.7910/DVN/6ZXAGT"),
        f"{{host}}/citation?persistentId={DATASET}",
        f"dataverse+{{host}}/dataset.xhtml?persistentId={DATASET}",
        "1.0",
    ),
]


@pytest.mark.parametrize(("make", "reference", "page", "url", "commit"), LEADING)
def test_resolve_follows_a_doi_to_its_page_without_opening_it(
    host: ArchiveHost, make: Make, reference: Reference, page: str, url: str, commit: str
) -> None:
    for service in SERVICES.values():
        service.publish(host)
    host.doi(reference.repository, page.format(host=host.base_url))

    resolved = make(host).resolve(reference)

    assert resolved == ResolvedRepository(url.format(host=host.base_url), commit, "")
    assert host.requests["/citation"] + host.requests["/records/7"] == 0


@pytest.mark.parametrize("reference", [reference for _make, reference, *_rest in LEADING])
def test_resolve_says_when_a_doi_leads_elsewhere(host: ArchiveHost, reference: Reference) -> None:
    makers: dict[str, Make] = {"zenodo": zenodo, "figshare": figshare, "dataverse": dataverse}
    host.doi(reference.repository, f"{host.base_url}/some/journal")

    with pytest.raises(EnvironmentsError) as caught:
        makers[reference.provider](host).resolve(reference)

    assert caught.value.code == "record_elsewhere"
    assert caught.value.facts["host"] == host.address


@pytest.mark.parametrize(
    ("status", "code"), [(404, "record_not_found"), (500, "repository_unreachable"), (429, "repository_rate_limited")]
)
def test_resolve_says_when_a_doi_leads_nowhere(host: ArchiveHost, status: int, code: str) -> None:
    host.answer("/10.7910/DVN/6ZXAGT", status=status)

    assert code_of(lambda: dataverse(host).resolve(Reference("dataverse", "10.7910/DVN/6ZXAGT"))) == code


@pytest.mark.parametrize(
    ("page", "code"),
    [
        ("http://10.0.0.1/citation?persistentId=doi:10.1/x", "repository_address_forbidden"),
        ("http://127.0.0.1:1/citation?persistentId=doi:10.1/x", "repository_address_forbidden"),
        ("file:///citation?persistentId=doi:10.1/x", "repository_local_forbidden"),
    ],
)
def test_resolve_checks_where_a_doi_leads(host: ArchiveHost, page: str, code: str) -> None:
    host.doi("10.7910/DVN/6ZXAGT", page)

    assert code_of(lambda: dataverse(host).resolve(Reference("dataverse", "10.7910/DVN/6ZXAGT"))) == code


# --- Zenodo --------------------------------------------------------------------------------------------------


class TestZenodo:
    """Records by number, concepts by their page."""

    def test_resolve_takes_a_concept_for_its_newest_version(self, host: ArchiveHost) -> None:
        host.zenodo("9", FILES, concept="7")

        resolved = zenodo(host).resolve(Reference("zenodo", "10.5281/zenodo.7"))

        assert resolved == ResolvedRepository(f"zenodo+{host.base_url}/records/9", "9", "")

    def test_resolve_notices_a_newer_version_of_a_concept(self, host: ArchiveHost) -> None:
        host.zenodo("8", FILES, concept="7")
        zenodo(host).resolve(Reference("zenodo", "10.5281/zenodo.7"))
        host.zenodo("9", FILES, concept="7")

        assert zenodo(host).resolve(Reference("zenodo", "10.5281/zenodo.7")).commit == "9"

    def test_resolve_takes_the_word_of_an_api_that_knows_concepts(self, host: ArchiveHost) -> None:
        host.zenodo("9", FILES)
        host.lead("/api/records/7", "/api/records/9")

        assert zenodo(host).resolve(Reference("zenodo", "10.5281/zenodo.7")).commit == "9"

    def test_resolve_follows_no_concept_to_another_site(self, host: ArchiveHost, settings: fixtures.Settings) -> None:
        with ArchiveHost() as other:
            settings.REPOSITORY_ALLOWED_HOSTS = [host.address, other.address]
            for site in (host, other):
                site.zenodo("9", FILES)
            host.lead("/records/7", f"{other.base_url}/records/9")

            assert code_of(lambda: zenodo(host).resolve(Reference("zenodo", "10.5281/zenodo.7"))) == "record_not_found"

    @pytest.mark.parametrize("access", ["restricted", "embargoed", "closed"])
    def test_resolve_says_when_files_are_restricted(self, host: ArchiveHost, access: str) -> None:
        host.zenodo("7", FILES, access=access)

        assert code_of(lambda: zenodo(host).resolve(Reference("zenodo", "10.5281/zenodo.7"))) == "record_restricted"

    def test_resolve_reads_the_other_way_to_say_restricted(self, host: ArchiveHost) -> None:
        host.say("/api/records/7", {"id": "7", "access": {"record": "public", "files": "restricted"}})

        assert code_of(lambda: zenodo(host).resolve(Reference("zenodo", "10.5281/zenodo.7"))) == "record_restricted"

    def test_files_say_when_they_became_restricted(self, host: ArchiveHost) -> None:
        host.zenodo("7", FILES, access="restricted")
        resolved = ResolvedRepository(f"zenodo+{host.base_url}/records/7", "7", "")

        assert code_of(lambda: zenodo(host).files(resolved)) == "record_restricted"

    def test_files_carry_size_and_checksum(self, host: ArchiveHost) -> None:
        host.zenodo("7", {"a b.md": b"hello"})

        files = references.files_of(ResolvedRepository(f"zenodo+{host.base_url}/records/7", "7", ""))

        place = f"{host.base_url}/api/records/7/files/a%20b.md/content"
        assert files == [RemoteFile("a b.md", place, "a b.md", 5, md5(b"hello"))]

    @pytest.mark.parametrize(
        "entry", [None, 7, "x", {}, {"key": None}, {"key": ["a"], "size": -1, "links": 3}, {"size": True, "key": {}}]
    )
    def test_files_believe_no_shape(self, host: ArchiveHost, entry: object) -> None:
        host.say("/api/records/7/files", {"entries": [entry]})

        files = zenodo(host).files(ResolvedRepository(f"zenodo+{host.base_url}/records/7", "7", ""))

        assert files == [RemoteFile("", "", "")]


# --- Figshare ------------------------------------------------------------------------------------------------


class TestFigshare:
    """Articles by number, versions by theirs."""

    reference = Reference("figshare", "10.6084/m9.figshare.7")

    def test_resolve_finds_the_newest_version(self, host: ArchiveHost) -> None:
        host.figshare(7, {1: FILES, 2: FILES})

        resolved = figshare(host).resolve(self.reference)

        assert resolved == ResolvedRepository("figshare+https://figshare.com/articles/_/7", "7.v2", "")

    def test_resolve_finds_the_version_asked_for(self, host: ArchiveHost) -> None:
        host.figshare(7, {1: FILES, 2: FILES})

        assert figshare(host).resolve(Reference("figshare", "10.6084/m9.figshare.7", "v1")).commit == "7.v1"

    def test_resolve_says_when_there_is_no_such_version(self, host: ArchiveHost) -> None:
        host.figshare(7, {1: FILES})

        missing = Reference("figshare", "10.6084/m9.figshare.7", "v3")
        assert code_of(lambda: figshare(host).resolve(missing)) == "record_not_found"

    @pytest.mark.parametrize("closed", ["is_embargoed", "is_confidential", "download_disabled"])
    def test_resolve_says_when_files_are_restricted(self, host: ArchiveHost, closed: str) -> None:
        host.say("/articles/7", {"id": 7, "version": 1, closed: True})

        assert code_of(lambda: figshare(host).resolve(self.reference)) == "record_restricted"

    def test_files_are_those_of_the_version_and_in_their_folders(self, host: ArchiveHost) -> None:
        host.figshare(7, {1: {"a.md": b"one"}, 2: {"a.md": b"two!", "b.md": b""}}, folders={"b.md": "week 1/x"})

        files = figshare(host).files(ResolvedRepository("figshare+https://figshare.com/articles/_/7", "7.v2", ""))

        download = f"{host.base_url}/file/download"
        assert files == [
            RemoteFile("a.md", f"{download}/200", "200", 4, md5(b"two!")),
            RemoteFile("week 1/x/b.md", f"{download}/201", "201", 0, md5(b"")),
        ]

    def test_files_are_all_of_them(self, host: ArchiveHost) -> None:
        host.figshare(7, {1: {f"{number}.txt": b"" for number in range(1200)}})

        files = figshare(host).files(ResolvedRepository("figshare+https://figshare.com/articles/_/7", "7.v1", ""))

        assert len(files) == 1200

    def test_files_are_not_too_many(self, host: ArchiveHost) -> None:
        host.figshare(7, {1: {f"{number}.txt": b"" for number in range(MAX_FILES + 1000)}})

        act = ResolvedRepository("figshare+https://figshare.com/articles/_/7", "7.v1", "")
        assert code_of(lambda: figshare(host).files(act)) == "record_too_many_files"

    def test_files_leave_out_mere_links(self, host: ArchiveHost) -> None:
        host.figshare(7, {1: {}})
        listed = [{"id": 1, "name": "a", "is_link_only": True}, {"id": 2, "name": "b", "is_link_only": False}]
        host.say("/articles/7/versions/1/files?page=1&page_size=1000", listed)

        files = figshare(host).files(ResolvedRepository("figshare+https://figshare.com/articles/_/7", "7.v1", ""))

        assert [file.path for file in files] == ["b"]


# --- HydroShare ----------------------------------------------------------------------------------------------


class TestHydroShare:
    """Resources, as they were last changed."""

    def test_resolve_takes_the_last_change_for_the_version(self, host: ArchiveHost) -> None:
        host.hydroshare(ID, FILES, modified=MODIFIED)

        resolved = hydroshare(host).resolve(Reference("hydroshare", ID))

        url = f"hydroshare+{host.base_url}/resource/{ID}"
        assert resolved == ResolvedRepository(url, "2019-09-25T07-35-57.123456Z", "")

    def test_files_are_on_several_pages_and_in_folders(self, host: ArchiveHost) -> None:
        contents = {"a.md": b"a", "week 1/b.md": b"b", "week 1/c/d.md": b"d", "e%.md": b"e", "f.md": b"f"}
        host.hydroshare(ID, contents, modified=MODIFIED)
        resolved = hydroshare(host).resolve(Reference("hydroshare", ID))

        files = references.files_of(resolved)

        assert [(file.path, file.size, file.checksum) for file in files] == [
            (path, 1, md5(content)) for path, content in contents.items()
        ]

    def test_files_say_when_the_resource_was_changed(self, host: ArchiveHost) -> None:
        host.hydroshare(ID, FILES, modified=MODIFIED)
        resolved = hydroshare(host).resolve(Reference("hydroshare", ID))
        host.hydroshare(ID, FILES, modified="2026-01-01T00:00:00Z")

        assert code_of(lambda: hydroshare(host).files(resolved)) == "record_changed"

    @pytest.mark.parametrize("following", ["http://10.0.0.1/next", "file:///etc/passwd", "{host}/empty", "http://[x/"])
    def test_files_follow_no_listing_elsewhere(self, host: ArchiveHost, following: str) -> None:
        host.hydroshare(ID, FILES, modified=MODIFIED)
        resolved = hydroshare(host).resolve(Reference("hydroshare", ID))
        address = following.format(host=host.base_url)
        host.say(f"/hsapi/resource/{ID}/files/", {"results": [{"url": "x"}], "next": address})
        host.say("/empty", {"results": [], "next": address})

        assert code_of(lambda: hydroshare(host).files(resolved)) == "repository_unreachable"

    def test_files_are_not_too_many(self, host: ArchiveHost) -> None:
        host.hydroshare(ID, FILES, modified=MODIFIED)
        resolved = hydroshare(host).resolve(Reference("hydroshare", ID))
        page = f"/hsapi/resource/{ID}/files/"
        host.say(page, {"results": [{"url": "x"}] * (MAX_FILES // 2), "next": f"{host.base_url}{page}"})

        assert code_of(lambda: hydroshare(host).files(resolved)) == "record_too_many_files"


# --- Dataverse -----------------------------------------------------------------------------------------------


class TestDataverse:
    """Datasets by persistent identifier, versions by number."""

    def reference(self, host: ArchiveHost, ref: str = "") -> Reference:
        return Reference("dataverse", f"{host.base_url}/citation?persistentId={DATASET}", ref)

    def test_resolve_finds_the_newest_published_version(self, host: ArchiveHost) -> None:
        host.dataverse(DATASET, FILES, version="1.0", is_newest=False)
        host.dataverse(DATASET, FILES, version="2.1")

        resolved = dataverse(host).resolve(self.reference(host))

        url = f"dataverse+{host.base_url}/dataset.xhtml?persistentId={DATASET}"
        assert resolved == ResolvedRepository(url, "2.1", "")

    def test_resolve_finds_the_version_asked_for(self, host: ArchiveHost) -> None:
        host.dataverse(DATASET, FILES, version="1.0", is_newest=False)
        host.dataverse(DATASET, FILES, version="2.1")

        assert dataverse(host).resolve(self.reference(host, "1.0")).commit == "1.0"

    def test_resolve_is_canonical_for_dataset_file_and_page(self, host: ArchiveHost) -> None:
        host.dataverse(DATASET, FILES)
        host.dataverse_file(f"{DATASET}/3YRRYJ", DATASET)
        for doi in ("10.7910/DVN/6ZXAGT", "10.7910/DVN/6ZXAGT/3YRRYJ"):
            host.doi(doi, f"{host.base_url}/citation?persistentId=doi:{doi}")

        found = {
            dataverse(host).resolve(reference)
            for reference in (
                self.reference(host),
                Reference("dataverse", "10.7910/DVN/6ZXAGT"),
                Reference("dataverse", "10.7910/DVN/6ZXAGT/3YRRYJ"),
            )
        }

        assert len(found) == 1

    def test_files_are_in_their_folders(self, host: ArchiveHost) -> None:
        host.dataverse(DATASET, {"a.md": b"a", "week 1/b.md": b"bb"})

        files = references.files_of(dataverse(host).resolve(self.reference(host)))

        assert [(file.path, file.size, file.checksum) for file in files] == [
            ("a.md", 1, md5(b"a")),
            ("week 1/b.md", 2, md5(b"bb")),
        ]

    def test_files_of_tables_are_the_originals(self, host: ArchiveHost) -> None:
        host.dataverse(DATASET, {})
        table = {"id": 5, "filesize": 9, "originalFileName": "t.csv", "originalFileSize": 7}
        table["checksum"] = {"type": "MD5", "value": "of the rendering, or of neither"}
        host.say(LISTING, {"data": [{"label": "t.tab", "directoryLabel": "d", "dataFile": table}]})

        files = references.files_of(dataverse(host).resolve(self.reference(host)))

        assert files == [RemoteFile("d/t.csv", f"{host.base_url}/api/access/datafile/5?format=original", "5", 7)]

    def test_files_name_checksums_as_hashlib_does(self, host: ArchiveHost) -> None:
        host.dataverse(DATASET, {})
        file = {"id": 5, "checksum": {"type": "SHA-256", "value": "abc"}}
        query = "persistentId=doi%3A10.7910%2FDVN%2F6ZXAGT"
        host.say(
            f"/api/datasets/:persistentId/versions/1.0/files?{query}", {"data": [{"label": "x", "dataFile": file}]}
        )

        files = references.files_of(dataverse(host).resolve(self.reference(host)))

        assert files[0].checksum == "sha256:abc"

    def test_files_say_when_one_of_them_is_restricted(self, host: ArchiveHost) -> None:
        host.dataverse(DATASET, {})
        host.say(LISTING, {"data": [{"label": "x", "restricted": True, "dataFile": {"id": 5}}]})
        resolved = dataverse(host).resolve(self.reference(host))

        assert code_of(lambda: references.files_of(resolved)) == "record_restricted"


# --- CKAN ----------------------------------------------------------------------------------------------------


class TestCkan:
    """Datasets as they were last changed, or as they were at an activity."""

    def test_resolve_takes_the_last_change_for_the_version(self, host: ArchiveHost) -> None:
        host.ckan("sample", KEY, FILES, modified="2022-06-27T14:24:23.482000")

        resolved = Ckan().resolve(Reference("ckan", f"{host.base_url}/dataset/sample"))

        assert resolved == ResolvedRepository(f"ckan+{host.base_url}/dataset/{KEY}", "2022-06-27T14-24-23.482000", "")

    def test_resolve_is_canonical_for_name_and_key(self, host: ArchiveHost) -> None:
        host.ckan("sample", KEY, FILES, modified=MODIFIED)
        by_name, by_key = (Reference("ckan", f"{host.base_url}/dataset/{name}") for name in ("sample", KEY))

        assert Ckan().resolve(by_name) == Ckan().resolve(by_key)

    def test_resolve_finds_a_site_below_a_path(self, host: ArchiveHost) -> None:
        host.ckan("sample", KEY, FILES, modified=MODIFIED, root="/data")

        resolved = Ckan().resolve(references.parse(f"{host.base_url}/data/en/dataset/sample"))

        assert resolved.url == f"ckan+{host.base_url}/data/dataset/{KEY}"
        assert len(references.files_of(resolved)) == 2

    def test_resolve_takes_an_activity_for_the_version(self, host: ArchiveHost) -> None:
        host.ckan("sample", KEY, FILES, modified=MODIFIED, activity=ACTIVITY)
        reference = references.parse(f"{host.base_url}/dataset/sample?activity_id={ACTIVITY}")

        resolved = Ckan().resolve(reference)

        assert resolved == ResolvedRepository(f"ckan+{host.base_url}/dataset/{KEY}", ACTIVITY, ACTIVITY)
        host.ckan("sample", KEY, {"new.md": b""}, modified="2026-01-01T00:00:00")
        assert [file.path for file in references.files_of(resolved)] == list(FILES)

    def test_files_say_when_the_dataset_was_changed(self, host: ArchiveHost) -> None:
        host.ckan("sample", KEY, FILES, modified=MODIFIED)
        resolved = Ckan().resolve(Reference("ckan", f"{host.base_url}/dataset/sample"))
        host.ckan("sample", KEY, FILES, modified="2026-01-01T00:00:00")

        assert code_of(lambda: references.files_of(resolved)) == "record_changed"

    def test_files_are_vouched_for_by_nobody(self, host: ArchiveHost) -> None:
        host.ckan("sample", KEY, FILES, modified=MODIFIED)

        files = references.files_of(Ckan().resolve(Reference("ckan", f"{host.base_url}/dataset/sample")))

        assert {(file.size, file.checksum) for file in files} == {(None, "")}

    def test_files_are_named_by_their_addresses(self, host: ArchiveHost) -> None:
        host.ckan("sample", KEY, {}, modified=MODIFIED)
        addresses = ["https://x.org/a/b%20c.csv?d=e", "https://x.org/", "", "http://[", "https://x.org/..%2Fd"]
        resources = [{"id": f"r{number}", "url": address} for number, address in enumerate(addresses)]
        dataset = {"id": KEY, "metadata_modified": MODIFIED, "resources": resources}
        host.say(f"/api/3/action/package_show?id={KEY}", {"success": True, "result": dataset})

        files = references.files_of(Ckan().resolve(Reference("ckan", f"{host.base_url}/dataset/{KEY}")))

        assert [file.path for file in files] == ["b c.csv", "r1", "r3", "d"]

    def test_resolve_says_when_the_site_is_no_ckan(self, host: ArchiveHost) -> None:
        with pytest.raises(EnvironmentsError) as caught:
            Ckan().resolve(Reference("ckan", f"{host.base_url}/dataset/sample"))

        assert caught.value.code == "ckan_unrecognised"
        assert ".git" in caught.value.explain().next_step
