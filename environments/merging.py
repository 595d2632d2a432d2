"""Brings a new version of the repository into files that somebody works in, without touching what they changed.

A plan is made from three lists of files: as they were first given, as they are in the new version, and as they
are now. It is a pure function, and so is what there is to tell afterwards; the rest reads such lists from folders and
carries the plan out. All of it also runs inside containers, by whatever Python their images bring, so it needs
nothing but the standard library of 3.7.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import re
import shutil
import stat
import sys
from contextlib import suppress
from dataclasses import asdict, dataclass, replace
from itertools import islice
from pathlib import Path, PurePosixPath
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Iterator, Mapping

    Manifest = Mapping[str, "str | None"]
    """What lies where: the SHA-256 of a file's content, `link:` and where a link leads to, or None for a folder."""

ADD, REPLACE, KEEP, KEEP_BOTH, DELETE = "add", "replace", "keep", "keep both", "delete"
DISK_FULL = 28
"""The exit status for "no space left": the number Linux gives that error."""
NOT_THERE = 66
"""The exit status for a new version whose files are gone."""
MAX_NAMED = 50
"""How many of the files that something became of are named."""
MAX_NAME = 200

_REPOSITORY = ".git"
_SHORT_COMMIT = 7
_COMMIT = re.compile(r"[0-9a-f]{40}")
"""Of git."""
_LONGEST_NAME = 255
_LONGEST_SUFFIX = 20
_PIECE = 1 << 20
_ABSENT = "absent"
_UNFINISHED, _BEFORE = ".carrel-unfinished", ".carrel-before"
OWN_NAMES = (_UNFINISHED, _BEFORE)
"""What a merge calls files for a moment; no version may bring files of these names."""


@dataclass(frozen=True)
class Action:
    """What happens to a file of the new version, or to one that it no longer has. `target` is where it ends up."""

    verb: str
    path: str
    target: str


@dataclass(frozen=True)
class Files:
    """How many files something became of, and the names of the first."""

    count: int = 0
    names: tuple[str, ...] = ()


@dataclass(frozen=True)
class Merged:
    """What became of the files in which two versions differ; folders, and what git keeps for itself, do not count.

    `kept` are those the person had deleted, or had changed where the new version has none. Those both had changed
    are `beside`, and `targets` says where the new version of each that is named was put.
    """

    added: Files = Files()
    replaced: Files = Files()
    deleted: Files = Files()
    kept: Files = Files()
    beside: Files = Files()
    targets: tuple[str, ...] = ()


# --- Planning ----------------------------------------------------------------------------------------------


def plan(seeded: Manifest, new: Manifest, present: Manifest, *, commit: str) -> list[Action]:
    """What to do, in this order, so that nothing the person made, changed or deleted is lost or comes back.

    Where both sides changed a file, theirs stays and the new one is put beside it, once. The folder `.git` is
    taken over whole or left alone. Nothing is said of files that are as they should be.
    """
    own = _own_repositories(seeded, new, present)
    seeded, new, present = (_without(manifest, own) for manifest in (seeded, new, present))
    gone = dict.fromkeys(_deletions(seeded, new, present))
    left = {path: digest for path, digest in present.items() if path not in gone}
    given = {path: digest for path, digest in seeded.items() if path not in gone}
    actions = [Action(DELETE, path, path) for path in gone]
    actions += [Action(KEEP, path, path) for path in sorted(left) if _is_kept_though_deleted(path, seeded, new, left)]
    for path in sorted(new):
        actions.extend(_place(path, given, new, left, commit))
    return actions


def beside(path: str, commit: str) -> str:
    """Where the version of a file that this commit brings is put when its place is taken."""
    place, mark = PurePosixPath(path), f".{_short(commit)}.new"
    stem, ending = place.stem, mark + place.suffix[:_LONGEST_SUFFIX]
    room = _LONGEST_NAME - len(os.fsencode(ending))
    if len(os.fsencode(stem)) > room:
        stem = os.fsencode(stem)[:room].decode(errors="ignore")
    return str(place.with_name(stem + ending))


def _short(version: str) -> str:
    """A few digits of a commit. Of an archive's own name for a version all, since it may begin like its neighbours."""
    return version[:_SHORT_COMMIT] if _COMMIT.fullmatch(version) else re.sub(r"[^\w.-]", "-", version)


def _own_repositories(seeded: Manifest, new: Manifest, present: Manifest) -> set[str]:
    """The `.git` folders in which the person has worked: half of one and half of another would be neither.

    What is partly of the earlier and partly of the new version was left so by a merge that was interrupted.
    """
    changed = (
        path
        for path in {*seeded, *new, *present}
        if present.get(path, _ABSENT) not in (seeded.get(path, _ABSENT), new.get(path, _ABSENT))
    )
    return {_repository_of(path) for path in changed} - {""}


def _repository_of(path: str) -> str:
    parts = path.split("/")
    return "/".join(parts[: parts.index(_REPOSITORY) + 1]) if _REPOSITORY in parts else ""


def _without(manifest: Manifest, repositories: Collection[str]) -> Manifest:
    return {path: digest for path, digest in manifest.items() if _repository_of(path) not in repositories}


def _deletions(seeded: Manifest, new: Manifest, present: Manifest) -> list[str]:
    """What the new version no longer has and the person has not changed, a folder after all that was in it."""
    children: dict[str, int] = {}
    for path in present:
        children[_parent(path)] = children.get(_parent(path), 0) + 1
    gone = []
    for path in sorted(seeded, key=lambda path: (-path.count("/"), path)):
        is_wanted = path in new and (new[path] is None) == (seeded[path] is None)
        is_unchanged = present.get(path, _ABSENT) == seeded[path] and not children.get(path)
        if is_unchanged and not is_wanted:
            gone.append(path)
            children[_parent(path)] -= 1
    return gone


def _is_kept_though_deleted(path: str, seeded: Manifest, new: Manifest, left: Manifest) -> bool:
    return path in seeded and path not in new and seeded[path] is not None and left[path] is not None


def _place(path: str, seeded: Manifest, new: Manifest, left: Manifest, commit: str) -> Iterator[Action]:
    """Where a file or folder of the new version goes, if anywhere."""
    given, wanted, found = seeded.get(path, _ABSENT), new[path], left.get(path, _ABSENT)
    in_the_way = _in_the_way(path, left)
    if found == wanted or (wanted is None and (found != _ABSENT or in_the_way)):
        return
    if given == wanted or (given not in (_ABSENT, None) and found == _ABSENT and not in_the_way):
        if wanted is not None:  # Only the person has changed it, perhaps by deleting it.
            yield Action(KEEP, path, path)
    elif in_the_way or found is None or found not in (_ABSENT, given):
        target = _target_beside(path, left, commit)
        if target not in left:
            yield Action(KEEP_BOTH, path, target)
    else:
        yield Action(ADD if found == _ABSENT else REPLACE, path, path)


def _target_beside(path: str, left: Manifest, commit: str) -> str:
    taken = _in_the_way(path, left) or path
    return beside(taken, commit) + path[len(taken) :]


def _in_the_way(path: str, left: Manifest) -> str:
    """The first of the folders above that is none in the person's files; empty if all are, or can be made."""
    parts = path.split("/")
    above = ("/".join(parts[:length]) for length in range(1, len(parts)))
    return next((folder for folder in above if left.get(folder) is not None), "")


def _parent(path: str) -> str:
    return path.rpartition("/")[0]


# --- Telling -----------------------------------------------------------------------------------------------


def outcome(seeded: Manifest, new: Manifest, merged: Manifest, *, commit: str) -> Merged:
    """What there is to tell when the files have come to be as `merged` says.

    It compares, and does not ask who did what when: so it is the same after a merge that had to be repeated.
    """
    paths: dict[str, list[str]] = {ADD: [], REPLACE: [], DELETE: [], KEEP: [], KEEP_BOTH: []}
    for path in sorted({*seeded, *new}):
        kind = _became(path, seeded, new, merged, commit)
        if kind:
            paths[kind].append(path)
    return Merged(
        added=_files(paths[ADD]),
        replaced=_files(paths[REPLACE]),
        deleted=_files(paths[DELETE]),
        kept=_files(paths[KEEP]),
        beside=_files(paths[KEEP_BOTH]),
        targets=_named(_target_beside(path, merged, commit) for path in paths[KEEP_BOTH]),
    )


def _became(path: str, seeded: Manifest, new: Manifest, merged: Manifest, commit: str) -> str:
    """The verb that says what became of this path; empty where there is nothing to say."""
    given, wanted, found = seeded.get(path, _ABSENT), new.get(path, _ABSENT), merged.get(path, _ABSENT)
    if given == wanted or wanted is None or _repository_of(path):
        return ""
    if wanted == _ABSENT:
        return "" if given is None else DELETE if found == _ABSENT else KEEP
    if found == wanted:
        return ADD if given in (_ABSENT, None) else REPLACE
    return KEEP_BOTH if _target_beside(path, merged, commit) in merged else KEEP


def _files(paths: Collection[str]) -> Files:
    return Files(len(paths), _named(paths))


def _named(paths: Iterable[str]) -> tuple[str, ...]:
    """The first names, as they can be shown and stored, whatever bytes they are made of."""
    clean = (path.encode(errors="backslashreplace").decode().replace("\0", "\\0")[:MAX_NAME] for path in paths)
    return tuple(islice(clean, MAX_NAMED))


# --- Carrying out ------------------------------------------------------------------------------------------


class NewVersionGone(OSError):
    """A file of the new version is not where it should be."""


def refresh_directory(
    home: Path,
    *,
    seeded: Path | None,
    new: Path,
    commit: str,
    leave_out: Collection[str] = (),
    owned: Collection[str] = (),
) -> Merged:
    """Merge the folder `new` into the folder `home`, which was filled from `seeded`; None if that is not known.

    `leave_out` names entries of the top folder that are nobody's business, such as mounts; `owned` are paths that come
    from elsewhere. Links are never followed. A home that is still empty is left to whoever fills it. Repeating it, also
    after it was interrupted, does what is left to do, and tells the same. Raises OSError.
    """
    if not os.listdir(str(home)):
        return Merged()
    others = frozenset(owned)
    wanted = _but(manifest_of(new, leave_out), others)
    given = _but(manifest_of(seeded, leave_out), others) if seeded else None
    return _merge(home, given, wanted, new, commit, leave_out)


def bring_directory(
    home: Path,
    *,
    given: Manifest,
    wanted: Manifest,
    new: Path,
    commit: str,
    seeded: Path | None = None,
    leave_out: Collection[str] = (),
) -> Merged:
    """Merge files that come from elsewhere into the folder `home`; as `refresh_directory`, and somebody may be at work.

    `wanted` says what is in the folder `new`, and `given` what was brought before. The first time, with `seeded`,
    `given` only says which files may be taken for earlier versions of these: what they were, that folder says.
    Raises NewVersionGone too.
    """
    if not os.listdir(str(home)):
        return Merged()
    wanted, known = _outside(wanted, leave_out), _outside(given, leave_out)
    if seeded:
        of_interest = {*known, *wanted}
        filled = manifest_of(seeded, leave_out, of_interest=of_interest)
        known = {path: digest for path, digest in filled.items() if path in of_interest}
    return _merge(home, known, wanted, new, commit, leave_out)


def _merge(
    home: Path, given: Manifest | None, wanted: Manifest, new: Path, commit: str, leave_out: Collection[str]
) -> Merged:
    present = _without_remains(home, manifest_of(home, leave_out, of_interest={*(given or ()), *wanted}))
    if given is None:  # What is the same by now may always have been.
        given = {path: digest for path, digest in present.items() if wanted.get(path, _ABSENT) == digest}
    actions = plan(given, wanted, present, commit=commit)
    done = [_carry_out(action, home, new, present.get(action.target, _ABSENT), commit) for action in actions]
    return outcome(given, wanted, after(done, present, wanted), commit=commit)


def _but(manifest: Manifest, others: Collection[str]) -> Manifest:
    return {path: digest for path, digest in manifest.items() if path not in others} if others else manifest


def _outside(manifest: Manifest, top_folders: Collection[str]) -> Manifest:
    return {path: digest for path, digest in manifest.items() if path.split("/")[0] not in top_folders}


def _without_remains(home: Path, present: Manifest) -> Manifest:
    """What lies there but for what a merge that was killed has left half done, which is removed."""
    remains = {path for path in present if path.rpartition("/")[2] in OWN_NAMES}
    for path in remains:
        _discard(home / path)
    return _but(present, remains)


def after(actions: Iterable[Action], present: Manifest, new: Manifest) -> dict[str, str | None]:
    """What there is once a plan has been carried out."""
    merged = dict(present)
    for action in actions:
        if action.verb == DELETE:
            del merged[action.path]
        elif action.verb != KEEP:
            merged[action.target] = new[action.path]
    return merged


def manifest_of(root: Path, leave_out: Collection[str] = (), *, of_interest: Collection[str] | None = None) -> Manifest:
    """What lies below a folder. Where only some paths are of interest, no other file is read."""
    found: dict[str, str | None] = {}
    for folder, folders, files in os.walk(str(root)):
        if folder == str(root):
            folders[:] = [name for name in folders if name not in leave_out]
            files = [name for name in files if name not in leave_out]
        for name in (*folders, *files):
            place = os.path.join(folder, name)
            path = os.path.relpath(place, str(root))
            with suppress(FileNotFoundError):
                found[path] = _digest(place, is_read=of_interest is None or path in of_interest)
    return found


def _digest(place: str, *, is_read: bool) -> str | None:
    mode = os.lstat(place).st_mode
    if stat.S_ISLNK(mode):
        return f"link:{os.readlink(place)}"
    if stat.S_ISDIR(mode):
        return None
    if not stat.S_ISREG(mode):
        return "neither file nor folder"
    if not is_read:
        return "of no interest"
    try:
        return _hash(place)
    except PermissionError:
        return "not readable"


def _hash(place: str) -> str:
    digest = hashlib.sha256()
    with open(os.open(place, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK), "rb") as file:
        for piece in iter(lambda: file.read(_PIECE), b""):
            digest.update(piece)
    return digest.hexdigest()


def _carry_out(action: Action, home: Path, new: Path, expected: str | None, commit: str) -> Action:
    """Do it, and tell what was done: where somebody has just changed the file, it stays as they made it.

    `expected` is what the file was when this was planned.
    """
    source, target = new / action.path, home / action.target
    if action.verb == KEEP:
        return action
    if action.verb == DELETE:
        return action if _deleted(target, expected) else replace(action, verb=KEEP)
    target.parent.mkdir(parents=True, exist_ok=True)
    if source.is_dir() and not source.is_symlink():
        target.mkdir(exist_ok=True)
    elif not _put(source, target, expected):
        if action.verb == KEEP_BOTH or not os.path.lexists(str(target)):
            return replace(action, verb=KEEP, target=action.path)
        copy = beside(action.path, commit)
        _put(source, home / copy, _ABSENT)
        return replace(action, verb=KEEP_BOTH, target=copy)
    return action


def _deleted(target: Path, expected: str | None) -> bool:
    with suppress(FileNotFoundError):
        if expected is None:
            try:
                target.rmdir()
            except OSError as error:
                if error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.ENOTDIR):
                    return False
                raise
        elif _digest(str(target), is_read=True) != expected:
            return False
        else:
            target.unlink()
    return True


def _put(source: Path, target: Path, expected: str | None) -> bool:
    """Copy a file or link to a place of its own first, and move it from there: whole or not at all.

    False, with nothing done, if what is at its place is no longer what was expected.
    """
    unfinished = target.with_name(_UNFINISHED)
    _discard(unfinished)
    try:
        _copy(source, unfinished)
        return _appear(unfinished, target) if expected == _ABSENT else _exchange(unfinished, target, expected)
    finally:
        _discard(unfinished)


def _copy(source: Path, target: Path) -> None:
    try:
        shutil.copy2(str(source), str(target), follow_symlinks=False)
    except FileNotFoundError as error:
        if os.path.lexists(str(source)):
            raise
        raise NewVersionGone(error.errno, "not there", str(source)) from error


def _appear(unfinished: Path, target: Path) -> bool:
    """Have it be at a place where nothing was."""
    if os.path.lexists(str(target)):
        return False
    if not unfinished.is_symlink():
        try:
            os.link(str(unfinished), str(target))
        except FileExistsError:
            return False
        except OSError:  # Not every file system has hard links.
            pass
        else:
            return True
    os.replace(str(unfinished), str(target))
    return True


def _exchange(unfinished: Path, target: Path, expected: str | None) -> bool:
    """Have it be in the place of another file, unless somebody writes to that in this very moment."""
    before = target.with_name(_BEFORE)
    _discard(before)
    with suppress(FileNotFoundError):
        if _digest(str(target), is_read=True) != expected:
            return False
        if not target.is_symlink():
            with suppress(OSError):  # Not every file system has hard links.
                os.link(str(target), str(before))
        os.replace(str(unfinished), str(target))
        if os.path.lexists(str(before)) and _digest(str(before), is_read=True) != expected:
            os.replace(str(before), str(target))
            return False
        _discard(before)
        return True
    return False


def _discard(place: Path) -> None:
    with suppress(FileNotFoundError):
        place.unlink()


def main(job: str) -> None:
    """Do what the file `job` says, and print what was done as JSON.

    It names the folders `home` and `new`, and `seeded` if that is known, and has `commit` and `leave_out`. With
    `wanted` and `given` the files come from elsewhere; without, `owned` says which of them do.
    """
    asked = json.loads(Path(job).read_text())
    home, new, seeded = Path(asked.pop("home")), Path(asked.pop("new")), asked.pop("seeded")
    merge: Callable[..., Merged] = bring_directory if "wanted" in asked else refresh_directory
    try:
        merged = merge(home, new=new, seeded=Path(seeded) if seeded else None, **asked)
    except NewVersionGone:
        sys.exit(NOT_THERE)
    except OSError as error:
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            sys.exit(DISK_FULL)
        raise
    sys.stdout.write(json.dumps(asdict(merged)) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
