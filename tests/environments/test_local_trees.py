"""Folders copied, measured and removed, whatever is in them."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest

from environments.errors import SystemFailure
from environments.trees import copy_tree, full_disk_reported, remove_tree, tree_usage


@pytest.fixture
def tree(tmp_path: Path) -> Path:
    tree = tmp_path / "tree"
    (tree / "folder" / "deeper").mkdir(parents=True)
    (tree / "folder" / "run.sh").write_text("#!/bin/sh\n")
    (tree / "folder" / "run.sh").chmod(0o750)
    (tree / "dangling").symlink_to("nowhere")
    (tree / "to-folder").symlink_to("/etc")
    os.mkfifo(tree / "pipe")
    return tree


def test_copy_tree_keeps_links_and_modes_and_leaves_out_devices(tree: Path, tmp_path: Path) -> None:
    copy = tmp_path / "copy"

    copy_tree(tree, copy)

    assert {str(path.relative_to(copy)) for path in copy.rglob("*")} >= {"folder/deeper", "dangling", "to-folder"}
    assert str((copy / "to-folder").readlink()) == "/etc"
    assert (copy / "folder" / "run.sh").stat().st_mode & 0o777 == 0o750
    assert not (copy / "pipe").exists()


def test_copy_tree_leaves_out_top_entries_only(tree: Path, tmp_path: Path) -> None:
    (tree / "deeper").mkdir()

    copy_tree(tree, tmp_path / "copy", leave_out={"deeper", "dangling"})

    assert {path.name for path in (tmp_path / "copy").iterdir()} == {"folder", "to-folder"}
    assert (tmp_path / "copy" / "folder" / "deeper").is_dir()


def test_tree_usage_counts_links_as_links(tree: Path) -> None:
    usage = tree_usage(tree)

    assert usage.bytes < 100
    assert usage.files == 3  # run.sh, dangling and pipe: a link to a folder counts as neither.


def test_remove_tree_removes_link_itself(tree: Path, tmp_path: Path) -> None:
    link = tmp_path / "link"
    link.symlink_to(tree)

    remove_tree(link)

    assert (link.is_symlink(), tree.is_dir()) == (False, True)


def test_remove_tree_does_nothing_when_nothing_is_there(tmp_path: Path) -> None:
    remove_tree(tmp_path / "missing")

    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT])
def test_full_disk_is_reported_as_such(number: int) -> None:
    with pytest.raises(SystemFailure, match="disk_full"), full_disk_reported():
        raise OSError(number, os.strerror(number))


def test_other_trouble_is_not_reported_as_full_disk() -> None:
    with pytest.raises(PermissionError), full_disk_reported():
        raise PermissionError(errno.EACCES, "no")
