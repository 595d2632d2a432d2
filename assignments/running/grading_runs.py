"""One run of an assignment's tests over somebody's notebooks: what grading a submission and checking a release share.

Three phases (design, section 8). nbgrader restores the instructor's cells, a kernel in a sandbox executes the
notebooks, and nbgrader reads points from what came out. Only the second runs anything of a notebook's, and nothing of
it but outputs comes back.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any

from assignments import artefacts, files
from assignments.errors import AssignmentError
from assignments.files import Bundle, File
from assignments.models import Assignment
from assignments.running import engine
from assignments.running.engine import Scored
from assignments.running.executing import Budget, Executed, Progress, execute, grading_kernel
from environments.backends import builder, sandbox
from environments.pinning import version_in_use
from environments.sandboxes.base import KernelConnection, SandboxLimits
from environments.scratch import scratch
from environments.values import Image

LIMITS = files.Limits()
NOT_ABOUT_THE_NOTEBOOKS = frozenset({"engine_failed", "engine_too_slow"})
"""Errors that need not come of what was to be graded, so that another try is worth it: somebody may have killed
nbgrader, or the machine may have had too much to do."""
GRADED_LIMITS = files.Limits(max_bytes=500_000_000)

OnCell = Callable[[int, int], None]
"""Called after each cell of code with how many are done, and how many there are in all notebooks."""


@dataclass(frozen=True, slots=True)
class Terms:
    """What notebooks are graded by, and what running them may take."""

    name: str
    gradebook: bytes
    image: Image
    cell_seconds: int
    total_seconds: int
    memory_mb: int

    @classmethod
    def of(cls, assignment: Assignment, *, gradebook: bytes, image: Image) -> Terms:
        """Those of this assignment, with the gradebook of one of its releases."""
        return cls(
            assignment.name,
            gradebook,
            image,
            cell_seconds=assignment.cell_seconds,
            total_seconds=assignment.total_seconds,
            memory_mb=assignment.memory_mb,
        )

    @property
    def limits(self) -> SandboxLimits:
        """What one kernel may use."""
        return SandboxLimits(memory_mb=self.memory_mb, cpus=1.0, pids=128)

    def budget(self, left: float) -> Budget:
        """What the next notebook may take, where so many seconds are left for all."""
        left = max(left, 1.0)
        return Budget(cell_seconds=min(self.cell_seconds, left), total_seconds=left)

    def kernel(
        self, notebook: Mapping[str, Any], *, data: Bundle, budget: Budget
    ) -> AbstractContextManager[KernelConnection]:
        """A kernel for this notebook, with `data` beside it."""
        files = [data.tar]
        return grading_kernel(sandbox(), self.image, notebook, budget=budget, limits=self.limits, files=files)


@dataclass(frozen=True, slots=True)
class Run:
    """What came of the three phases."""

    scored: Scored
    executed: Mapping[str, Executed]
    """By notebook."""
    bundle: Bundle
    """The notebooks with their outputs and points, as nbgrader leaves them."""


def run(notebooks: Bundle, *, data: Bundle, terms: Terms, on_cell: OnCell) -> Run:
    """Grade these notebooks, with `data` beside them. What `on_cell` raises ends it."""
    with scratch("grading") as folder:
        book = folder / "gradebook.db"
        book.write_bytes(terms.gradebook)
        submitted = written(notebooks, folder / "submitted")
        engine.sanitise(submitted, gradebook=book, name=terms.name, into=folder / "sanitised")
        executed = _execute_all(folder / "sanitised", data=data, terms=terms, on_cell=on_cell)
        ran = Bundle(tuple(File(f"{name}{files.SUFFIX}", _dumped(one.notebook)) for name, one in executed.items()))
        into = folder / "autograded"
        scored = engine.score(written(ran, folder / "executed"), gradebook=book, name=terms.name, into=into)
        return Run(scored, executed, bundle_in(into, limits=GRADED_LIMITS))


def _execute_all(folder: Path, *, data: Bundle, terms: Terms, on_cell: OnCell) -> dict[str, Executed]:
    """Each notebook in a kernel of its own, in the order of their names; they share the time of the whole."""
    notebooks = {path.stem: json.loads(path.read_bytes()) for path in sorted(folder.glob("*.ipynb"))}
    total = sum(cell.get("cell_type") == "code" for notebook in notebooks.values() for cell in notebook["cells"])
    on_cell(0, total)
    left, before, executed = float(terms.total_seconds), 0, {}
    for name, notebook in notebooks.items():
        budget = terms.budget(left)
        with terms.kernel(notebook, data=data, budget=budget) as kernel:
            result = execute(notebook, kernel=kernel, budget=budget, on_cell=_counting(on_cell, before, total))
        executed[name] = result
        left -= result.seconds
        before += len(result.cells)
    return executed


def _counting(on_cell: OnCell, before: int, total: int) -> Callable[[Progress], None]:
    return lambda progress: on_cell(before + progress.done, total)


# --- What it is run in, and with ---------------------------------------------------------------------------------


def find_image(assignment: Assignment, *, first: str = "") -> Image:
    """What it is run in: the image of this key, or the one the class uses now where that is gone.

    Raises AssignmentError `grading_image_missing`.
    """
    environment = assignment.course.environment
    version = version_in_use(environment) if environment is not None else None
    for key in filter(None, (first, version.image_key if version else "")):
        image = builder().find(key)
        if image is not None:
            return image
    raise AssignmentError("grading_image_missing")


def read_bundle(artefact: str) -> Bundle:
    """A bundle that was kept."""
    return files.from_tar([artefacts.read(artefact)], limits=files.KEPT).bundle


def notebooks_of(bundle: Bundle) -> Bundle:
    """The notebooks at the top of it."""
    return Bundle(tuple(file for file in bundle if _is_notebook(file)))


def data_of(*bundles: Bundle) -> Bundle:
    """What lies beside the notebooks; of files of one name, and of a file and a folder, the last bundle's."""
    data: dict[str, File] = {}
    for bundle in bundles:
        own = {file.path: file for file in bundle if not _is_notebook(file)}
        above = {folder for path in own for folder in _above(path)}
        kept = {path: file for path, file in data.items() if path not in above and own.keys().isdisjoint(_above(path))}
        data = kept | own
    return Bundle(tuple(data[path] for path in sorted(data)))


def written(bundle: Bundle, folder: Path) -> Path:
    """The folder, with these files in it."""
    for file in bundle:
        path = folder / PurePosixPath(file.path)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(file.content)
    folder.mkdir(exist_ok=True)
    return folder


def bundle_in(folder: Path, *, limits: files.Limits) -> Bundle:
    """The files of a folder that the engine wrote."""
    return files.from_files(_found(folder), limits=limits).bundle


def _found(folder: Path) -> Iterator[tuple[str, bytes]]:
    paths: Iterable[Path] = sorted(folder.rglob("*"))
    for path in paths:
        if path.is_file() and not path.is_symlink():
            yield path.relative_to(folder).as_posix(), path.read_bytes()


def _above(path: str) -> list[str]:
    return [str(folder) for folder in PurePosixPath(path).parents]


def _is_notebook(file: File) -> bool:
    return file.path.endswith(files.SUFFIX) and "/" not in file.path


def _dumped(notebook: dict[str, Any]) -> bytes:
    return json.dumps(notebook, ensure_ascii=False).encode("utf-8", "backslashreplace")
