"""Files for browsers are named by their content, those that modules import included."""

from __future__ import annotations

import re
from pathlib import Path

from django.core.management import call_command
from pytest_django import Settings

from config.static_files import StaticFilesStorage

IMPORTS = re.compile(r'from "\./([^"]+)";')
NAMED_BY_CONTENT = re.compile(r"[\w-]+\.[0-9a-f]{12}\.js")


def test_modules_import_modules_named_by_their_content(settings: Settings, tmp_path: Path) -> None:
    settings.STATIC_ROOT = tmp_path
    settings.STORAGES = settings.STORAGES | {"staticfiles": {"BACKEND": "config.static_files.StaticFilesStorage"}}

    call_command("collectstatic", interactive=False, verbosity=0)

    modules = [path for path in (tmp_path / "js").iterdir() if NAMED_BY_CONTENT.fullmatch(path.name)]
    imported = {name for path in modules for name in IMPORTS.findall(path.read_text())}
    assert imported
    assert all(NAMED_BY_CONTENT.fullmatch(name) and (tmp_path / "js" / name).exists() for name in imported)


def test_compress_all_but_maps(tmp_path: Path) -> None:
    for name in ("page.css", "script.js", "script.js.map"):
        (tmp_path / name).write_text("the same again, " * 100)
    storage = StaticFilesStorage(location=tmp_path)

    compressed = [
        original for original, _compressed in storage.compress_files(["page.css", "script.js", "script.js.map"])
    ]

    assert sorted(compressed) == ["page.css", "script.js"]
