"""`dlpar lab new NAME`: a lab of one small task, complete, to be changed step by step."""

import re
from importlib.resources import files

from dlpar.labs import folders

NAME = re.compile(r"[a-z][a-z0-9-]*")
NUMBERED = re.compile(r"(\d\d)-[a-z][a-z0-9-]*")


def new_lab(name):
    """Write the folder of a new lab, `NN-name` or `name`, which takes the next number; return it.

    Raises ValueError for a name of another form, FileExistsError if the lab is there already, and
    FileNotFoundError where the labs are not.
    """
    if not folders.HOME.is_dir():
        raise FileNotFoundError("the labs are part of the book's repository: clone it first")
    taken = {int(path.name[:2]) for path in folders.HOME.glob("[0-9][0-9]-*")}
    if NAME.fullmatch(name):
        name = f"{max(taken, default=0) + 1:02d}-{name}"
    match = NUMBERED.fullmatch(name)
    if match is None:
        raise ValueError(f"a lab's name is as `halo` or `08-halo`, got {name!r}")
    if int(match[1]) in taken:
        raise FileExistsError(f"there is a lab {int(match[1])} already")
    folder = folders.HOME / name
    for path, text in _texts(int(match[1]), name[3:]).items():
        (folder / path).parent.mkdir(parents=True, exist_ok=True)
        (folder / path).write_text(text, encoding="utf-8")
    return folder


def _texts(number, title):
    """Return {path in the lab's folder: text}."""
    texts = {}
    for part in files("dlpar.labs").joinpath("template").iterdir():
        text = part.read_text(encoding="utf-8")
        text = text.replace("NUMBER", str(number)).replace("TITLE", title.replace("-", " "))
        if part.name == "wrong.txt":
            for wrong in text.split("=== ")[1:]:
                name, _, body = wrong.partition("\n")
                texts[f"wrong/running_mean/{name}.py"] = body
        else:
            texts[part.name.removesuffix(".txt")] = text
    return texts
