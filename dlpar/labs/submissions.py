"""What was handed in: found, read and never trusted."""

import os
import stat
from pathlib import Path
from typing import NamedTuple

from dlpar.labs.notebook import json_cells, text_cells

LARGEST = 16 * 2**20  # bytes of a notebook
# Every rank's process defines all cells anew, and has 3 s for it also on a busy machine.
MOST_CELLS, MOST_CODE = 1000, 2**18  # code cells, and characters in them
KINDS = (".ipynb", ".md")
DEEPEST = 3  # folders in a student's folder


class Submission(NamedTuple):
    """One student's notebook, or why there is none."""

    student: str
    path: Path | None
    fault: str = ""

    def read(self):
        """Return the notebook's bytes. Raises ValueError, which says what is wrong with it."""
        if self.path is None:
            raise ValueError(self.fault)
        try:
            # A link is not followed, and a pipe is not waited for.
            descriptor = os.open(self.path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
        except OSError as error:
            raise ValueError(f"it cannot be read: {error.strerror}") from None
        with open(descriptor, "rb") as file:
            found = os.fstat(descriptor)
            if not stat.S_ISREG(found.st_mode):
                raise ValueError("it is no file")
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise ValueError(f"it is larger than {LARGEST // 2**20} MiB")
        return content


def find(folder, lab):
    """Return the Submissions in `folder`, by student: notebooks, or a folder for each student.

    lab : name of the lab's folder; of a student's notebooks, the one of that name counts.
    Raises FileNotFoundError if there is no such folder.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise FileNotFoundError(f"there is no folder {folder} of submissions")
    found: dict[str, Submission] = {}
    for entry in sorted(os.scandir(folder), key=lambda entry: os.fsencode(entry.name)):
        path = folder / entry.name
        if entry.name.startswith("."):
            continue
        if entry.is_symlink():
            submission = Submission(_shown(path.stem), None, "a symbolic link is not followed")
        elif entry.is_dir():
            submission = _in_folder(_shown(entry.name), path, lab)
        elif path.suffix in KINDS:
            submission = Submission(_shown(path.stem), path)
        else:
            continue
        if submission.student in found:
            submission = submission._replace(student=_shown(entry.name))
        while submission.student in found:  # two names that look alike
            submission = submission._replace(student=submission.student + "+")
        found[submission.student] = submission
    return list(found.values())


def cells_of(path, content):
    """Return the sources of the code cells. Raises ValueError, which says what is wrong."""
    try:
        text = content.decode("utf-8")
    except UnicodeDecodeError:
        raise ValueError("it is not text in UTF-8") from None
    if not text.strip():
        raise ValueError("it is empty")
    cells = text_cells(text) if path.suffix == ".md" else json_cells(text)
    if len(cells) > MOST_CELLS:
        raise ValueError(f"it has {len(cells):,} code cells; the limit is {MOST_CELLS:,}")
    if (code := sum(map(len, cells))) > MOST_CODE:
        raise ValueError(f"it has {code:,} characters of code; the limit is {MOST_CODE:,}")
    return cells


def printable(text):
    """Return a text that fits in a line, and that every file and terminal takes."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in text)


def _shown(name):
    """Return a file's name as text that fits in a line, whatever bytes it is made of."""
    return printable(os.fsencode(name).decode("utf-8", "backslashreplace"))


def _in_folder(student, folder, lab):
    found = []
    for where, folders, files in os.walk(folder):
        depth = len(Path(where).relative_to(folder).parts)
        folders[:] = [f for f in sorted(folders) if not f.startswith(".")] * (depth < DEEPEST)
        found += [Path(where, name) for name in sorted(files) if Path(name).suffix in KINDS]
    named = [path for path in found if path.stem == lab] or [p for p in found if p.suffix != ".md"]
    if len(named) == 1:
        return Submission(student, named[0])
    fault = f"there are {len(named)} notebooks" if named else "there is no notebook"
    return Submission(student, None, f"{fault}; it should be {lab}.ipynb")
