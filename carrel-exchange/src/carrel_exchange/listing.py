"""What there is to fetch, what was submitted, and what came back: nbgrader's lists, of one question to Carrel."""

from __future__ import annotations

import os
from datetime import datetime
from pathlib import Path
from typing import Any

from nbgrader.exchange.abc import ExchangeList as AbstractList
from nbgrader.utils import get_username

from carrel_exchange.exchange import Exchange, stamp


class ExchangeList(Exchange, AbstractList):
    """Lists assignments."""

    def start(self) -> Any:
        """As nbgrader's; nothing is removed by this way."""
        if self.inbound:
            self.fail("What others have submitted is on the pages of the class.")
        if self.remove:
            self.fail("Assignments are taken away on the pages of the class.")
        return super().start()

    def list_files(self) -> list[dict[str, Any]]:
        """Assignments in nbgrader's terms: those released, or with `cached` those submitted."""
        with self.telling():
            assignments = [each for each in self.listed() if self._is_wanted(each)]
            if not self.cached:
                self.log.info("Released assignments:")
                return [self._released(each) for each in assignments]
            self.log.info("Submitted assignments:")
            return [self._submitted(each) for each in assignments if each["submissions"]]

    def _is_wanted(self, assignment: dict[str, Any]) -> bool:
        wanted = (self.coursedir.course_id, self.coursedir.assignment_id)
        there = (assignment["course_id"], assignment["assignment_id"])
        return all(name in ("", "*", is_there) for name, is_there in zip(wanted, there, strict=True))

    def _released(self, assignment: dict[str, Any]) -> dict[str, Any]:
        folder = self.folder(assignment["course_id"], assignment["assignment_id"])
        is_fetched = folder.is_dir()
        here = sorted(path.stem for path in folder.glob("*.ipynb")) if is_fetched else assignment["notebooks"]
        self.log.info(_line(assignment, is_fetched=is_fetched))
        return {
            "course_id": assignment["course_id"],
            "student_id": get_username(),
            "assignment_id": assignment["assignment_id"],
            "status": "fetched" if is_fetched else "released",
            "path": str(folder),
            "notebooks": [{"notebook_id": name, "path": str(folder / f"{name}.ipynb")} for name in here],
        }

    def _submitted(self, assignment: dict[str, Any]) -> dict[str, Any]:
        facts = {
            "course_id": assignment["course_id"],
            "student_id": get_username(),
            "assignment_id": assignment["assignment_id"],
            "status": "submitted",
        }
        folder = self.folder(assignment["course_id"], assignment["assignment_id"])
        return {
            **facts,
            "submissions": [facts | self._attempt(assignment, one, folder) for one in assignment["submissions"]],
        }

    def _attempt(self, assignment: dict[str, Any], submission: dict[str, Any], folder: Path) -> dict[str, Any]:
        at = stamp(submission["submitted_at"])
        place = folder / "feedback" / at
        published = submission["feedback_updated_at"]
        notebooks = [_feedback(name, place / f"{name}.html", published) for name in assignment["notebooks"]]
        has_local = bool(notebooks) and all(each["has_local_feedback"] for each in notebooks)
        updated = any(each["feedback_updated"] for each in notebooks)
        words = f"{assignment['course_id']} {assignment['assignment_id']} {at}, attempt {submission['attempt']}"
        if submission.get("score") is not None:
            words += f", {submission['score']:g} of {submission['max_score']:g} points"
        self.log.info("%s%s", words, _feedback_words(has_local=has_local and not updated, published=published))
        return {
            "timestamp": at,
            "path": str(folder),
            "notebooks": notebooks,
            "has_local_feedback": has_local,
            "has_exchange_feedback": published is not None,
            "feedback_updated": updated,
            "local_feedback_path": str(place) if has_local else None,
        }


def _line(assignment: dict[str, Any], *, is_fetched: bool) -> str:
    words = f"{assignment['course_id']} {assignment['assignment_id']}"
    if assignment["due_at"]:
        words += f", due {stamp(assignment['due_at'])[:16]} UTC"
    if is_fetched:
        words += " (already downloaded)"
    return words if assignment["can_submit"] else f"{words}: {assignment['reason']}"


def _feedback(notebook: str, page: Path, published: str | None) -> dict[str, Any]:
    is_here = page.is_file()
    is_old = (
        is_here
        and published is not None
        and os.path.getmtime(page) < datetime.fromisoformat(published.replace("Z", "+00:00")).timestamp()
    )
    return {
        "notebook_id": notebook,
        "path": str(page.parents[2] / f"{notebook}.ipynb"),
        "has_local_feedback": is_here,
        "has_exchange_feedback": published is not None,
        "feedback_updated": is_old,
        "local_feedback_path": str(page) if is_here else None,
    }


def _feedback_words(*, has_local: bool, published: str | None) -> str:
    if published is None:
        return " (no feedback available)"
    return " (feedback already fetched)" if has_local else " (feedback ready to be fetched)"
