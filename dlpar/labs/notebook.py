"""A lab's notebook as text: cut the solutions out, read the code cells, define their functions."""

import ast
import itertools
import json
import linecache
import re

SOLUTION = re.compile(r"^( *)### BEGIN SOLUTION\n.*?^ *### END SOLUTION\n", re.M | re.S)
HOLE = "your code here"
RAISE = rf'\1raise NotImplementedError("{HOLE}")' + "\n"
MARKS = re.compile(r"^ *### (BEGIN|END) SOLUTION\n", re.M)
FOLD = re.compile(r"^tags: \[hide-input\]\n", re.M)  # the site folds the solutions' cells
SITE = re.compile(r"^<!-- site only -->\n.*?^<!-- end -->\n", re.M | re.S)
HINTS = re.compile(r"^```\{include\} hints\.md\n.*?hints: (\w+) .*?^```$", re.M | re.S)
STUCK = r"Stuck? `hint(\1)` gives you one hint at a time; `solution(\1)` comes after an attempt."
OPENING = re.compile(r"(`{3,})\{code-cell\}")
OPTIONS = re.compile(r"\A(---\n.*?^---\n|(:[\w-]+:[^\n]*\n)+)", re.M | re.S)
MAGIC = re.compile(r"^[%!].*$", re.M)


def cut_solutions(text):
    """Return the lab `text` (MyST) as the student gets it: holes for solutions, nothing folded."""
    return HINTS.sub(STUCK, FOLD.sub("", SOLUTION.sub(RAISE, SITE.sub("", text)))).rstrip() + "\n"


def code_cells(path):
    """Return the sources of the code cells of a notebook, .ipynb or MyST .md, in order."""
    text = path.read_text(encoding="utf-8")
    return text_cells(text) if path.suffix == ".md" else json_cells(text)


def text_cells(text):
    """Return the sources of the code cells of a notebook in MyST."""
    return [OPTIONS.sub("", "".join(body)) for _, body in _fenced(text) if body is not None]


def replace_cells(text, new):
    """Return the MyST `text` with each code cell's source passed through `new(source)`."""
    parts = []
    for lines, body in _fenced(text):
        if body is None:
            parts += lines
            continue
        source = "".join(body)
        options = OPTIONS.match(source)
        start = options.end() if options else 0
        parts += [lines[0], source[:start], new(source[start:]), lines[-1]]
    return "".join(parts)


def json_cells(text):
    """Return the sources of the code cells of a Jupyter notebook of nbformat 3 or 4.

    Raises ValueError for anything else.
    """
    try:
        notebook = json.loads(text)
        sheets = notebook.get("worksheets", [notebook])
        cells = [cell for sheet in sheets for cell in sheet["cells"]]
        code = [cell for cell in cells if cell["cell_type"] == "code"]
        sources = [cell["source"] if "source" in cell else cell["input"] for cell in code]
        return ["".join(source) for source in sources]
    except json.JSONDecodeError as error:
        raise ValueError(f"it is not JSON: {error}") from None
    except (KeyError, TypeError, AttributeError, RecursionError):
        raise ValueError("it is JSON, but no Jupyter notebook") from None


def definitions(cells):
    """Execute the imports, functions, classes and constants of the cells; return their namespace.

    Nothing else runs: no experiment, no plot, no check. A cell that does not parse is left out;
    the returned second value maps its number, from 1, to the SyntaxError.
    """
    namespace = {"__name__": "lab"}
    broken: dict[int, SyntaxError] = {}
    for name, tree in parsed(cells, broken):
        tree.body = [node for node in tree.body if _defines(node)]
        exec(compile(tree, name, "exec"), namespace)
    return namespace, broken


def defined(cells, kernel):
    """Return what `definitions` returns, or of kernels (`kernel`) what `kernels_of` returns."""
    if not kernel:
        return definitions(cells)
    from dlpar.labs.kernels import kernels_of  # only where there is one: it brings the machine

    return kernels_of(cells)


def parsed(cells, broken):
    """Yield (name, tree) of each cell that parses; put the others' SyntaxErrors into `broken`.

    The name is where tracebacks and `inspect.getsource` find the cell: a kernel is run from its
    source.
    """
    for number, source in enumerate(cells, 1):
        source, name = MAGIC.sub("", _lines(source)), _free(f"code cell {number}")
        try:
            tree = ast.parse(source, name)
        except SyntaxError as error:
            broken[number] = error
            continue
        except ValueError as error:  # a null byte
            broken[number] = SyntaxError(str(error))
            continue
        except (RecursionError, MemoryError):
            broken[number] = SyntaxError("it is nested too deeply")
            continue
        lines = [line + "\n" for line in source.split("\n")]  # Python's lines, and no others
        linecache.cache[name] = (len(source), None, lines, name)
        yield name, tree


def _lines(source):
    """Return `source` with every end of a line as Python takes it."""
    return source.replace("\r\n", "\n").replace("\r", "\n")


def _free(name):
    """Return `name`, or with a number after it where an earlier notebook's cell has it."""
    names = itertools.chain([name], (f"{name} ({n})" for n in itertools.count(2)))
    return next(name for name in names if name not in linecache.cache)


def cell_of(cells, task):
    """Return the last of the cells' sources that defines the function `task`, or None."""
    for source in reversed(cells):
        try:
            body = ast.parse(MAGIC.sub("", source)).body
        except (SyntaxError, ValueError):
            continue
        if any(isinstance(node, ast.FunctionDef) and node.name == task for node in body):
            return source
    return None


def _fenced(text):
    """Yield (lines, body): a code cell with its fences, or one line of anything else and None."""
    lines = iter(text.splitlines(keepends=True))
    for line in lines:
        opening = OPENING.match(line)
        if not opening:
            yield [line], None
            continue
        cell = [line]
        for line in lines:
            cell.append(line)
            if line.startswith(opening[1]) and not line.strip(" `\n"):
                break
        else:
            return  # never closed: no cell
        yield cell, cell[1:-1]


def _defines(node):
    if isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
        try:
            ast.literal_eval(node.value)
        except (ValueError, TypeError):
            return isinstance(node.value, ast.Lambda)
        return True
    kinds = ast.Import | ast.ImportFrom | ast.FunctionDef | ast.ClassDef
    return isinstance(node, kinds)
