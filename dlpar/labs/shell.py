"""The labs from the shell: `dlpar lab 7` and `dlpar check 7`."""

import hashlib
import re
import sys
from pathlib import Path

from dlpar.labs.folders import lab_folder, tasks_of
from dlpar.labs.notebook import cell_of, code_cells, cut_solutions, replace_cells
from dlpar.labs.selfcheck import check_tasks

FOLDER = "my-labs"
KINDS = ("ipynb", "md")
RELEASE = re.compile(r'\bdlpar_release\b"?: "?(\w+)')


def open_lab(number, folder=FOLDER, kind="ipynb"):
    """Make your copy of lab `number` in `folder`, without solutions, and return its path.

    kind : "ipynb", which every notebook tool opens, or "md", the same as text.
    A copy that is already there is left as it is. If the lab has changed since it was made, the
    newer release is put beside it with your functions in it; its name says so, and the message.
    Raises ValueError for an unknown lab or kind, FileNotFoundError where the labs are not there.
    """
    if kind not in KINDS:
        raise ValueError(f"kind must be 'ipynb' or 'md', got {kind!r}")
    source = lab_folder(number)
    path = Path(folder) / f"{source.name}.{kind}"
    text = cut_solutions((source / "lab.md").read_text(encoding="utf-8"))
    release = hashlib.sha256(text.encode()).hexdigest()[:8]
    text = text.replace("---\n", f"---\ndlpar_release: r{release}\n", 1)
    if not path.exists():
        _write(path, text)
        print(f"{path} is your copy")
        return path
    made_from = RELEASE.search(path.read_text(encoding="utf-8", errors="replace"))
    newer = path.with_name(f"{source.name}.release-{release}.{kind}")
    if made_from is None or made_from[1] == f"r{release}" or newer.exists():
        print(f"{path} is already there; it stays as it is")
        return path
    _write(newer, _merged(text, path, tasks_of(number)))
    print(f"{path} stays as it is; the lab has changed since: {newer} is the newer release, with")
    print("your functions in it. Go on in the one you like, under the old name.")
    return path


def _write(path, text):
    path.parent.mkdir(parents=True, exist_ok=True)
    if path.suffix == ".ipynb":
        import jupytext  # takes 3 s to import, so only where it is needed

        text = jupytext.writes(jupytext.reads(text, fmt="md:myst"), fmt="ipynb")
    path.write_text(text, encoding="utf-8")


def _merged(text, copy, tasks):
    """Return the release `text` with the learner's cells of the copy in the place of the holes."""
    mine = code_cells(copy)

    def new(source):
        for task in tasks:
            if cell_of([source], task) is not None:
                return (cell_of(mine, task) or source).rstrip("\n") + "\n"
        return source

    return replace_cells(text, new)


def check_lab(number, task=None, notebook=None, limit=None):
    """Check your copy of lab `number`, all tasks or only `task`; print the verdicts.

    notebook : path of your copy; by default where `open_lab` puts it.
    limit : s of wall time that one task may take, in place of its own limit.

    Returns the exit status: 0 if all promises hold, 1 if one failed, 2 if nothing could be checked.
    """
    try:
        tasks = tasks_of(number, task)
        path = _find_copy(number, notebook)
    except (ValueError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    verdicts = check_tasks(number, list(tasks.values()), path, limit)
    print(f"lab {number}: {path}")
    for verdict in verdicts:
        print(f"  {'passed ' if verdict.passed else 'not yet'}  {verdict.task}: {verdict.message}")
    passed = sum(verdict.passed for verdict in verdicts)
    print(f"{passed} of {len(verdicts)} tasks passed")
    return 0 if passed == len(verdicts) else 1


def _find_copy(number, notebook):
    """Return the path of the learner's notebook, or raise FileNotFoundError or ValueError."""
    if notebook is not None:
        if not Path(notebook).is_file():
            raise FileNotFoundError(f"there is no notebook {notebook}")
        return Path(notebook)
    copies = [Path(FOLDER) / f"{lab_folder(number).name}.{kind}" for kind in KINDS]
    found = [path for path in copies if path.is_file()]
    if not found:
        raise FileNotFoundError(f"there is no {copies[0]} yet: make it with `dlpar lab {number}`")
    if len(found) > 1:
        raise ValueError(f"there are {found[0]} and {found[1]}: say which one to check")
    return found[0]
