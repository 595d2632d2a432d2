"""The package that classes' environments install from here."""

from __future__ import annotations

import io
import tomllib
import zipfile

from django.test import Client

from config.exchange_package import SOURCE


def given(client: Client) -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(client.get("/carrel-exchange.zip").content))


def test_package_is_what_pip_can_install(client: Client) -> None:
    package = given(client)

    names = set(package.namelist())
    project = tomllib.loads(package.read("carrel-exchange/pyproject.toml").decode())
    [config] = project["tool"]["setuptools"]["data-files"]["etc/jupyter"]
    assert {f"carrel-exchange/{config}", "carrel-exchange/README.md"} <= names
    assert {path.name for path in (SOURCE / "src" / "carrel_exchange").glob("*.py")} <= {
        name.rpartition("/")[2] for name in names
    }


def test_package_holds_nothing_that_was_left_beside_it(client: Client) -> None:
    tops = {name.split("/")[1] for name in given(client).namelist()}

    assert tops == {"pyproject.toml", "README.md", "etc", "src"}
