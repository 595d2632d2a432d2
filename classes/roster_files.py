"""Reading a list of people from the CSV file of a spreadsheet or a learning platform. Pure: knows no class and nobody.

Files come from everywhere, so the encoding, the separator and the columns are found out. What cannot be a list is
refused as a whole; what is wrong in one line is said at that line.
"""

from __future__ import annotations

import codecs
import csv
import io
import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from classes.errors import CourseError

MAX_BYTES = 2 * 1024 * 1024
MAX_LINES = 5000
MAX_FACT = 254
MAX_NAME = 150
MAX_SECTION = 60
COLUMNS = ("username", "email", "name", "section", "role")
"""What a list may say, and what the template and the export call it."""

FORMULA = ("=", "+", "-", "@")
"""What spreadsheets take for the beginning of a formula."""

_BOMS = {
    codecs.BOM_UTF8: "utf-8",
    codecs.BOM_UTF32_LE: "utf-32-le",  # Before that of UTF-16, which is its beginning.
    codecs.BOM_UTF32_BE: "utf-32-be",
    codecs.BOM_UTF16_LE: "utf-16-le",
    codecs.BOM_UTF16_BE: "utf-16-be",
}
_SPREADSHEETS = (b"PK\x03\x04", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1")
_SEPARATORS = ";,\t"

_HEADERS = {
    "username": "username user login loginname loginid userid account uid nomdutilisateur nomutilisateur utilisateur "
    "identifiant identifiantdeconnexion compte",
    "email": "email emailaddress mail mailaddress emails courriel adressedecourriel adressecourriel adresseemail "
    "adressemail adresseelectronique",
    "name": "name fullname displayname studentname student nomcomplet nometprenom prenometnom etudiant prenomnom "
    "nomprenom",
    "first": "firstname givenname forename prenom prenoms",
    "last": "lastname surname familyname nom nomdefamille",
    "section": "section sections group groups group1 groupname groupe groupes tutorial tutorialgroup td tp classgroup",
    "role": "role roles role1",
}
_COLUMN_OF = {header: column for column, headers in _HEADERS.items() for header in headers.split()}
_ROLES = {
    "student": "student students learner participant pupil etudiant etudiante eleve apprenant apprenante s",
    "grader": "grader graders teachingassistant ta tutor noneditingteacher assistant correcteur correctrice tuteur "
    "tutrice chargedetd chargeedetd enseignantnonediteur assistante",
    "teacher": "teacher teachers instructor editingteacher lecturer professor enseignant enseignante professeur "
    "professeure formateur formatrice",
}
_ROLE_OF = {word: role for role, words in _ROLES.items() for word in words.split()}


@dataclass(frozen=True, slots=True)
class RosterLine:
    """What one line says of somebody; empty is nothing said. `fault` is a key of `rosters.FAULTS`, if it has one."""

    number: int
    username: str = ""
    email: str = ""
    name: str = ""
    section: str = ""
    role: str = ""
    fault: str = ""


def read_roster(data: bytes) -> list[RosterLine]:
    """The people on this list, in its order. Blank lines are passed over.

    Raises CourseError `roster_empty`, `roster_too_large`, `roster_too_long`, `roster_is_spreadsheet`,
    `roster_not_text`, `roster_broken`, `roster_without_header` and `roster_column_twice`.
    """
    if len(data) > MAX_BYTES:
        raise CourseError("roster_too_large", most=MAX_BYTES // 1024)
    if data.startswith(_SPREADSHEETS):
        raise CourseError("roster_is_spreadsheet")
    text = decode(data)
    if not text.strip():
        raise CourseError("roster_empty")
    separator, text, skipped = _separator_of(text)
    rows = _rows(text, separator, skipped)
    first = next(rows, None)
    if first is None:
        raise CourseError("roster_empty")
    columns = _columns_of(first[1])
    if columns is None:
        columns, rows = ["email"], _chained(first, rows)
    lines = [_line(number, columns, cells) for number, cells in _bounded(rows)]
    if not lines:
        raise CourseError("roster_empty")
    return lines


def decode(data: bytes) -> str:
    """The text, as what it says it is, as UTF-8, or else as what Western spreadsheets write.

    Nothing is guessed from how often letters occur: of two encodings that both give letters, lists of names are too
    short to tell. The preview shows the names before anything is imported. Raises CourseError `roster_not_text`.
    """
    text = _decoded(data)
    if "\x00" in text or sum(unicodedata.category(letter) == "Cc" for letter in text if letter not in "\t\r\n") > 0:
        raise CourseError("roster_not_text")
    return text


def _decoded(data: bytes) -> str:
    for bom, encoding in _BOMS.items():
        if data.startswith(bom):
            return _strictly(data[len(bom) :], encoding)
    if wide := _wide_encoding(data):
        return _strictly(data, wide)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError:
        return _strictly(data, "cp1252")


def _strictly(data: bytes, encoding: str) -> str:
    try:
        return data.decode(encoding)
    except UnicodeDecodeError as error:
        raise CourseError("roster_not_text", detail=encoding) from error


def _wide_encoding(data: bytes) -> str:
    """UTF-16 without its mark: every other byte of an English header is null then."""
    head = data[:64]
    if len(head) < 4 or len(data) % 2:
        return ""
    nulls_even, nulls_odd = head[0::2].count(0), head[1::2].count(0)
    if nulls_odd * 2 > len(head) // 2 and not nulls_even:
        return "utf-16-le"
    return "utf-16-be" if nulls_even * 2 > len(head) // 2 and not nulls_odd else ""


def _separator_of(text: str) -> tuple[str, str, int]:
    """What separates the columns, the text to read, and how many lines of it were passed over.

    It is the one by which most columns are known, unless the file says it, as Excel's may: `sep=;`.
    """
    said = re.match(r'\ufeff?"?sep=([;,\t])"?\r?\n', text, re.IGNORECASE)
    if said:
        return said[1], text[said.end() :], 1
    head = next(line for line in text.splitlines() if line.strip())

    def known(separator: str) -> tuple[int, int]:
        cells = head.split(separator)
        return sum(_header(cell) in _COLUMN_OF for cell in cells), len(cells)

    return max(_SEPARATORS, key=known), text, 0


def _rows(text: str, separator: str, skipped: int) -> Iterator[tuple[int, list[str]]]:
    """Each row that says anything, with the number of the line it begins in."""
    reader = csv.reader(io.StringIO(text, newline=""), delimiter=separator, strict=True)
    while True:
        number = reader.line_num + skipped + 1
        try:
            row = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            raise CourseError("roster_broken", line=number, detail=str(error)) from error
        cells = [clean(cell) for cell in row]
        if any(cells):
            yield number, cells


def clean(cell: str) -> str:
    """What is written there: without what cannot be seen, and without the apostrophe that keeps off formulas."""
    visible = "".join(" " if letter.isspace() else letter for letter in cell if _is_visible(letter))
    text = " ".join(unicodedata.normalize("NFC", visible).split())
    is_guarded = text.startswith("'") and text[1:].startswith(FORMULA)
    return text[1:] if is_guarded else text


def _is_visible(letter: str) -> bool:
    # Marks that turn the direction of writing would let a name look like another.
    return letter.isspace() or unicodedata.category(letter) not in ("Cc", "Cf", "Cs", "Co", "Cn")


def _header(cell: str) -> str:
    """A header in the form that it is known by: letters and digits only, without accents."""
    plain = unicodedata.normalize("NFKD", cell.casefold())
    return "".join(letter for letter in plain if letter.isalnum())


def _columns_of(cells: Sequence[str]) -> list[str] | None:
    """What each column says; empty for what is of no use. None for a bare list of e-mail addresses.

    Raises CourseError `roster_without_header` and `roster_column_twice`.
    """
    columns = [_COLUMN_OF.get(_header(cell), "") for cell in cells]
    if not {"username", "email"} & set(columns):
        used = [cell for cell in cells if cell]
        if len(used) == 1 and "@" in used[0] and used[0] == cells[0]:
            return None
        raise CourseError("roster_without_header", first=", ".join(used)[:80])
    for place, column in enumerate(columns):
        if column and column in columns[:place]:
            first, second = cells[columns.index(column)], cells[place]
            raise CourseError("roster_column_twice", first=first[:60], second=second[:60])
    return columns


def _chained(first: tuple[int, list[str]], rest: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    yield first
    yield from rest


def _bounded(rows: Iterator[tuple[int, list[str]]]) -> Iterator[tuple[int, list[str]]]:
    for count, row in enumerate(rows):
        if count >= MAX_LINES:
            raise CourseError("roster_too_long", most=MAX_LINES)
        yield row


def _line(number: int, columns: Sequence[str], cells: Sequence[str]) -> RosterLine:
    said = {column: cell for column, cell in zip(columns, cells, strict=False) if column and cell not in ("", "-", "–")}
    first, last = said.pop("first", ""), said.pop("last", "")
    said["name"] = said.get("name") or f"{first} {last}".strip()
    said["section"] = re.split(r"\s*[,;|]\s*", said.get("section", ""), maxsplit=1)[0]
    said["role"], fault = _role(said.get("role", ""))
    limits = {"username": 150, "email": MAX_FACT, "name": MAX_NAME, "section": MAX_SECTION}
    if any(len(said.get(column, "")) > most for column, most in limits.items()):
        fault = "too_long"
    elif said["section"].startswith(FORMULA):
        fault = "formula"
    elif not said.get("username") and not said.get("email"):
        fault = "nobody"
    cut = {column: text[:MAX_FACT] for column, text in said.items()}
    return RosterLine(number=number, fault=fault, **cut)


def _role(word: str) -> tuple[str, str]:
    """The role that is meant, and the fault if none is."""
    if not word:
        return "", ""
    role = _ROLE_OF.get(_header(re.split(r"[,;|]", word, maxsplit=1)[0]), "")
    return role, "" if role else "role_unknown"
