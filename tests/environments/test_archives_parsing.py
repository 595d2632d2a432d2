"""What people type and paste of archives, and what it means. No network, no disk."""

from __future__ import annotations

import pytest

from environments import references
from environments.errors import UserError
from environments.forms import LaunchForm
from environments.values import LaunchSpec, Reference

ID = "b8f6eae9d89241cf8b5904033460af61"
ACTIVITY = "0a1b2c3d-0123-4567-89ab-0123456789ab"
KEY = "5d1f6f2e-0123-4567-89ab-0123456789ab"
CITATION = "https://data.example.org/citation?persistentId="

SPELLINGS = [
    # Zenodo: Binder's, DOIs, pages
    ("zenodo/10.5281/zenodo.3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("zenodo/10.5281/zenodo.3242074/", "zenodo", "10.5281/zenodo.3242074", ""),
    ("ZENODO/10.5281/Zenodo.3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("zenodo/10.5281%2Fzenodo.3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("zenodo/10.22002/D1.1235", "zenodo", "10.22002/d1.1235", ""),
    ("10.5281/zenodo.3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    (" 10.5281/ZENODO.3242074. ", "zenodo", "10.5281/zenodo.3242074", ""),
    ("doi:10.5281/zenodo.3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("DOI: 10.5281/zenodo.3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("https://doi.org/10.5281/zenodo.3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("https://doi.org/10.5281%2Fzenodo.3242074?x=y#z", "zenodo", "10.5281/zenodo.3242074", ""),
    ("http://dx.doi.org/10.5281/zenodo.3242074/", "zenodo", "10.5281/zenodo.3242074", ""),
    ("doi.org/10.5281/zenodo.3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("https://zenodo.org/records/3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("https://zenodo.org/record/3242074#.XYZ", "zenodo", "10.5281/zenodo.3242074", ""),
    ("http://www.zenodo.org/records/3242074/?preview=1", "zenodo", "10.5281/zenodo.3242074", ""),
    ("https://zenodo.org/api/records/3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("https://zenodo.org/doi/10.5281/zenodo.3242074", "zenodo", "10.5281/zenodo.3242074", ""),
    ("https://sandbox.zenodo.org/records/17", "zenodo", "10.5072/zenodo.17", ""),
    # Figshare, its sites, versions
    ("figshare/10.6084/m9.figshare.9782777.v1", "figshare", "10.6084/m9.figshare.9782777", "v1"),
    ("figshare/10.6084/m9.figshare.9782777", "figshare", "10.6084/m9.figshare.9782777", ""),
    ("figshare/10.25573/DATA.10042703.v12/", "figshare", "10.25573/data.10042703", "v12"),
    ("10.6084/m9.figshare.9782777.v3", "figshare", "10.6084/m9.figshare.9782777", "v3"),
    ("https://doi.org/10.6084/m9.figshare.9782777.v3", "figshare", "10.6084/m9.figshare.9782777", "v3"),
    (
        "https://figshare.com/articles/binder-examples_requirements/9784088",
        "figshare",
        "10.6084/m9.figshare.9784088",
        "",
    ),
    ("https://figshare.com/articles/code/some_title/9784088/2", "figshare", "10.6084/m9.figshare.9784088", "v2"),
    ("https://smithsonian.figshare.com/articles/dataset/x/10042703", "figshare", "10.6084/m9.figshare.10042703", ""),
    ("https://figshare.com/articles/_/6455465?file=1", "figshare", "10.6084/m9.figshare.6455465", ""),
    # HydroShare
    (f"hydroshare/{ID}", "hydroshare", ID, ""),
    (f"hydroshare/{ID.upper()}/", "hydroshare", ID, ""),
    (f"hydroshare/https%3A%2F%2Fwww.hydroshare.org%2Fresource%2F{ID}%2F", "hydroshare", ID, ""),
    (f"hydroshare/10.4211%2Fhs.{ID}", "hydroshare", ID, ""),
    (f"10.4211/hs.{ID}", "hydroshare", ID, ""),
    (f"https://doi.org/10.4211/hs.{ID}", "hydroshare", ID, ""),
    (f"https://www.hydroshare.org/resource/{ID}/", "hydroshare", ID, ""),
    (f"http://hydroshare.org/resource/{ID}", "hydroshare", ID, ""),
    # Dataverse: DOIs that all the world knows, and pages
    ("dataverse/10.7910/DVN/6ZXAGT", "dataverse", "10.7910/DVN/6ZXAGT", ""),
    ("dataverse/10.7910/DVN/6ZXAGT/3YRRYJ", "dataverse", "10.7910/DVN/6ZXAGT/3YRRYJ", ""),
    ("dataverse/10.99999/UNHEARDOF", "dataverse", "10.99999/UNHEARDOF", ""),
    ("10.7910/DVN/6ZXAGT", "dataverse", "10.7910/DVN/6ZXAGT", ""),
    ("doi:10.7910/DVN/6ZXAGT", "dataverse", "10.7910/DVN/6ZXAGT", ""),
    ("https://doi.org/10.18710/ABCDEF", "dataverse", "10.18710/ABCDEF", ""),
    (
        "https://dataverse.harvard.edu/dataset.xhtml?persistentId=doi:10.7910/DVN/6ZXAGT&version=2.1",
        "dataverse",
        "10.7910/DVN/6ZXAGT",
        "2.1",
    ),
    (
        "https://dataverse.harvard.edu/dataset.xhtml?persistentId=doi%3A10.7910%2FDVN%2F6ZXAGT&version=DRAFT",
        "dataverse",
        "10.7910/DVN/6ZXAGT",
        "",
    ),
    (
        "https://dataverse.harvard.edu/file.xhtml?persistentId=doi:10.7910/DVN/6ZXAGT/3YRRYJ&version=1",
        "dataverse",
        "10.7910/DVN/6ZXAGT/3YRRYJ",
        "1.0",
    ),
    (
        "https://data.example.org/dataset.xhtml?persistentId=hdl:11529/10016",
        "dataverse",
        f"{CITATION}hdl:11529/10016",
        "",
    ),
    (
        "https://data.example.org/citation?persistentId=doi:10.99999/A&version=3.0",
        "dataverse",
        f"{CITATION}doi:10.99999/A",
        "3.0",
    ),
    # CKAN
    ("ckan/https%3A%2F%2Fdemo.ckan.org%2Fdataset%2Fsample", "ckan", "https://demo.ckan.org/dataset/sample", ""),
    ("ckan/https%3A%2F%2Fdemo.ckan.org%2Fdataset%2Fsample/", "ckan", "https://demo.ckan.org/dataset/sample", ""),
    ("ckan/https://demo.ckan.org/dataset/sample", "ckan", "https://demo.ckan.org/dataset/sample", ""),
    ("https://demo.ckan.org/dataset/sample", "ckan", "https://demo.ckan.org/dataset/sample", ""),
    ("https://demo.ckan.org/dataset/Sample/?x=y#z", "ckan", "https://demo.ckan.org/dataset/sample", ""),
    (f"https://data.gov.uk/dataset/{KEY}/road-traffic", "ckan", f"https://data.gov.uk/dataset/{KEY}", ""),
    (f"https://demo.ckan.org/dataset/sample/resource/{KEY}", "ckan", "https://demo.ckan.org/dataset/sample", ""),
    ("https://demo.ckan.org/dataset/activity/sample", "ckan", "https://demo.ckan.org/dataset/sample", ""),
    ("https://open.canada.ca/data/en/dataset/sample", "ckan", "https://open.canada.ca/data/dataset/sample", ""),
    ("https://demo.ckan.org/pt_BR/dataset/sample", "ckan", "https://demo.ckan.org/dataset/sample", ""),
    (
        f"https://demo.ckan.org/dataset/sample?activity_id={ACTIVITY}",
        "ckan",
        "https://demo.ckan.org/dataset/sample",
        ACTIVITY,
    ),
    (
        f"https://demo.ckan.org/dataset/sample/history/{ACTIVITY}",
        "ckan",
        "https://demo.ckan.org/dataset/sample",
        ACTIVITY,
    ),
    # Links of Binders
    ("https://mybinder.org/v2/zenodo/10.5281/zenodo.3242074/", "zenodo", "10.5281/zenodo.3242074", ""),
    (
        "https://mybinder.org/v2/ckan/https%3A%2F%2Fdemo.ckan.org%2Fdataset%2Fsample/?urlpath=lab",
        "ckan",
        "https://demo.ckan.org/dataset/sample",
        "",
    ),
    # Still git's
    ("https://git.example.org/dataset/name.git", "git", "https://git.example.org/dataset/name", ""),
    ("https://git.example.org/me/dataset", "git", "https://git.example.org/me/dataset", ""),
    ("https://codeberg.org/me/dataset/src/branch/main", "git", "https://codeberg.org/me/dataset", "main"),
    ("https://codeberg.org/dataset/name/src/branch/main", "git", "https://codeberg.org/dataset/name", "main"),
    ("https://gitlab.example.org/group/dataset/-/tree/main", "git", "https://gitlab.example.org/group/dataset", "main"),
    ("https://github.com/dataset/name", "gh", "dataset/name", ""),
    ("10.0.0.1/a", "git", "https://10.0.0.1/a", ""),
    ("https://git.example.org/citation", "git", "https://git.example.org/citation", ""),
    ("git/https%3A%2F%2Fgit.example.org%2Fdataset%2Fname/main", "git", "https://git.example.org/dataset/name", "main"),
]


@pytest.mark.parametrize(("text", "provider", "repository", "ref"), SPELLINGS)
def test_parse_understands(text: str, provider: str, repository: str, ref: str) -> None:
    assert references.parse(text) == Reference(provider, repository, ref)


@pytest.mark.parametrize("text", [spelling[0] for spelling in SPELLINGS])
def test_parse_inverts_path_of(text: str) -> None:
    reference = references.parse(text)

    assert references.parse(references.path_of(reference)) == reference
    assert references.parse(f"https://mybinder.org/v2/{references.path_of(reference)}?urlpath=lab") == reference


@pytest.mark.parametrize("text", [spelling[0] for spelling in SPELLINGS])
def test_parse_puts_ref_given_apart_back(text: str) -> None:
    """As the API gives them: the reference without its ref, and the ref."""
    reference = references.parse(text)

    path = references.path_of(Reference(reference.provider, reference.repository))

    assert references.parse(path, ref=reference.ref) == reference


@pytest.mark.parametrize(
    ("text", "ref", "spelled"),
    [
        ("10.6084/m9.figshare.1.v1", "2", "v2"),
        ("10.6084/m9.figshare.1", "v2", "v2"),
        ("10.7910/DVN/6ZXAGT", "3", "3.0"),
        ("https://demo.ckan.org/dataset/sample", ACTIVITY, ACTIVITY),
        ("10.6084/m9.figshare.1.v1", "HEAD", ""),
        ("10.5281/zenodo.1", "HEAD", ""),
    ],
)
def test_parse_takes_version_given_apart(text: str, ref: str, spelled: str) -> None:
    assert references.parse(text, ref=ref).ref == spelled


PATHS = [
    ("https://zenodo.org/records/1/files/first.ipynb?download=1", "lab/tree/first.ipynb"),
    ("https://zenodo.org/records/1/preview/my%20first.ipynb", "lab/tree/my%20first.ipynb"),
    ("https://zenodo.org/records/1/files/lesson.zip", ""),
    (f"https://www.hydroshare.org/resource/{ID}/data/contents/week%201/a.ipynb", "lab/tree/week%201/a.ipynb"),
    ("https://mybinder.org/v2/zenodo/10.5281/zenodo.3242074/?labpath=a.ipynb", "doc/tree/a.ipynb"),
]


@pytest.mark.parametrize(("text", "urlpath"), PATHS)
def test_parse_with_path_finds_where_to_open(text: str, urlpath: str) -> None:
    assert references.parse_with_path(text)[1] == urlpath


HOSTILE = [
    ("10.1234/nobody.knows", "doi_unknown"),
    ("https://doi.org/10.1234/nobody.knows", "doi_unknown"),
    ("https://doi.org/", "doi_unknown"),
    ("https://doi.org/10.5281/../zenodo.1", "repository_invalid"),
    ("10.5281/", "repository_invalid"),
    ("doi:10.5281/zenodo.1 rm", "repository_scheme_forbidden"),
    ("zenodo/", "repository_invalid"),
    ("zenodo/3242074", "repository_invalid"),
    ("zenodo/10.5281/../../etc", "repository_invalid"),
    ("zenodo/10.5281/zenodo.1%0AHost:x", "repository_invalid"),
    ("zenodo/10.5281/zenodo.1%3Fx=y", "repository_invalid"),
    ("https://zenodo.org/", "repository_invalid"),
    ("https://zenodo.org/communities/x", "repository_invalid"),
    ("https://zenodo.org/records/abc", "repository_invalid"),
    ("https://zenodo.org/records/1/files/..%2F..%2Fa.ipynb", "path_invalid"),
    ("figshare/9782777", "repository_invalid"),
    ("https://figshare.com/s/0123456789", "repository_invalid"),
    ("https://figshare.com/articles/x/notanumber", "repository_invalid"),
    (f"hydroshare/{ID[:-1]}", "repository_invalid"),
    (f"hydroshare/{ID}0", "repository_invalid"),
    (f"hydroshare/{ID}%2F{ID}", "repository_invalid"),
    ("https://www.hydroshare.org/search/", "repository_invalid"),
    (f"https://www.hydroshare.org/resource/{ID}/data/contents/..%2F..%2Fx", "path_invalid"),
    ("dataverse/DVN", "repository_invalid"),
    ("dataverse/https%3A%2F%2Fexample.org%2F", "repository_invalid"),
    ("dataverse/file%3A%2F%2F%2Fetc%2Fpasswd", "repository_local_forbidden"),
    ("dataverse/10.7910/DVN/X%3Fversion=draft", "ref_invalid"),
    ("https://example.org/dataset.xhtml?persistentId=doi:..%2F..%2Fx%20y", "repository_invalid"),
    ("https://u:p@example.org/dataset.xhtml?persistentId=doi:10.1/x", "repository_has_credentials"),
    ("ckan/demo.ckan.org", "repository_invalid"),
    ("ckan/https%3A%2F%2Fdemo.ckan.org%2F", "repository_invalid"),
    ("ckan/file%3A%2F%2F%2Fetc%2Fdataset%2Fx", "repository_local_forbidden"),
    ("ckan/ftp%3A%2F%2Fexample.org%2Fdataset%2Fx", "repository_scheme_forbidden"),
    ("ckan/https%3A%2F%2Fu%3Ap%40example.org%2Fdataset%2Fx", "repository_has_credentials"),
    ("ckan/http%3A%2F%2F0x7f.1%2Fdataset%2Fx", "repository_address_forbidden"),
    ("https://demo.ckan.org/dataset/sample?activity_id=../x", "ref_invalid"),
    ("swh/swh:1:rev:0123", "provider_unknown"),
]


@pytest.mark.parametrize(("text", "code"), HOSTILE)
def test_parse_refuses(text: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        references.parse(text)

    assert caught.value.code == code
    assert caught.value.explain().sentence.isprintable()


@pytest.mark.parametrize(
    ("text", "ref", "code"),
    [
        ("10.5281/zenodo.1", "v1", "ref_unavailable"),
        (f"hydroshare/{ID}", "main", "ref_unavailable"),
        ("10.6084/m9.figshare.1", "main", "ref_invalid"),
        ("10.6084/m9.figshare.1", "0", "ref_invalid"),
        ("10.7910/DVN/6ZXAGT", ":latest", "ref_invalid"),
        ("https://demo.ckan.org/dataset/sample", "main", "ref_invalid"),
    ],
)
def test_parse_refuses_version(text: str, ref: str, code: str) -> None:
    with pytest.raises(UserError) as caught:
        references.parse(text, ref=ref)

    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "title", "web_url"),
    [
        ("10.5281/zenodo.1", "10.5281/zenodo.1", "https://zenodo.org/records/1"),
        ("zenodo/10.22002/d1.1235", "10.22002/d1.1235", "https://doi.org/10.22002/d1.1235"),
        ("10.6084/m9.figshare.1.v2", "10.6084/m9.figshare.1", "https://doi.org/10.6084/m9.figshare.1.v2"),
        (f"hydroshare/{ID}", f"HydroShare {ID}", f"https://www.hydroshare.org/resource/{ID}"),
        ("10.7910/DVN/6ZXAGT", "10.7910/DVN/6ZXAGT", "https://doi.org/10.7910/DVN/6ZXAGT"),
        (f"{CITATION}hdl:11529/1", "hdl:11529/1", f"{CITATION}hdl:11529/1"),
        (
            f"https://demo.ckan.org/dataset/sample?activity_id={ACTIVITY}",
            "demo.ckan.org/sample",
            f"https://demo.ckan.org/dataset/sample?activity_id={ACTIVITY}",
        ),
    ],
)
def test_title_and_web_url_name_the_record(text: str, title: str, web_url: str) -> None:
    reference = references.parse(text)

    assert (references.title_of(reference), references.web_url_of(reference)) == (title, web_url)


def test_launch_form_understands_a_pasted_doi() -> None:
    form = LaunchForm({"repository": "https://doi.org/10.5281/zenodo.3242074"})

    assert form.is_valid()
    assert form.spec == LaunchSpec(Reference("zenodo", "10.5281/zenodo.3242074"))


def test_launch_form_says_at_the_field_of_the_version_that_there_is_no_choice() -> None:
    form = LaunchForm({"repository": "10.5281/zenodo.3242074", "ref": "v2"})

    assert list(form.errors) == ["ref"]
