"""The command `dlpar`: look at the machine, open the book, take a lab, check it, grade it."""

import argparse
import os
import subprocess
import sys
from pathlib import Path

from dlpar import doctor

HOME = Path(__file__).parents[1]  # the checkout, where the package is installed from one


def main(argv: list[str] | None = None) -> int:
    """Do what `argv` asks (by default the shell's arguments), and return the exit status.

    0 : done, and well; 1 : something is missing or not yet right; 2 : the request makes no sense;
    3 : there is no sandbox, so nothing was graded.
    """
    arguments = _parser().parse_args(argv)
    try:
        return arguments.do(arguments)
    except (ValueError, FileNotFoundError, FileExistsError) as error:
        print(f"dlpar: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130


def _parser():
    parser = argparse.ArgumentParser(prog="dlpar", description=__doc__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")

    command = commands.add_parser("doctor", help="what this machine has, and how to mend the rest")
    command.set_defaults(do=_doctor)

    command = commands.add_parser("book", help="read and run the chapters in JupyterLab")
    command.add_argument("jupyter", nargs="*", metavar="-- ARG", help="arguments for JupyterLab")
    command.set_defaults(do=_book)

    command = commands.add_parser("lab", help="make your own copy of a lab, or write a new one")
    command.add_argument("number", type=_number_or_new, metavar="N | new")
    command.add_argument("name", nargs="?", help="of a new lab to write, after `new`")
    command.add_argument("--md", action="store_true", help="as text, not as a notebook")
    command.add_argument("--open", action="store_true", help="and open it in JupyterLab")
    command.set_defaults(do=_lab)

    command = commands.add_parser("check", help="check your copy of a lab, in seconds")
    command.add_argument("number", type=int)
    command.add_argument("task", nargs="?", help="one task only")
    command.add_argument("--notebook", help="your copy, if it is not where `dlpar lab` put it")
    command.set_defaults(do=_check)

    command = commands.add_parser("grade", help="grade a folder of submissions, each in a sandbox")
    command.add_argument("lab", help="its number, or its folder")
    command.add_argument("submissions", help="folder of notebooks, or of a folder for each student")
    command.add_argument("--out", required=True, metavar="CSV", help="where the grades go")
    command.add_argument("--json", metavar="FILE", help="the same as JSON")
    command.add_argument("--gradescope", metavar="DIR", help="a results.json for each student")
    command.add_argument("--jobs", type=int, help="submissions at once (default: one a core)")
    command.add_argument(
        "--seed", type=int, help="of the held-out inputs (default: drawn once and kept)"
    )
    command.set_defaults(do=_grade)

    command = commands.add_parser("bench", help="dlpar beside its peers, as ratios")
    command.set_defaults(do=_bench)
    return parser


def _doctor(_):
    findings = doctor.examine()
    print(doctor.report(findings))
    return int(any(finding.needed and not finding.ok for finding in findings))


def _book(arguments):
    return _jupyter(_checkout("book") / "intro.md", *arguments.jupyter)


def _lab(arguments):
    from dlpar.labs.scaffold import new_lab
    from dlpar.labs.shell import open_lab

    if (arguments.number == "new") != (arguments.name is not None):
        raise ValueError("it is `dlpar lab 7` for your copy, and `dlpar lab new NAME` to write one")
    if arguments.number == "new":
        print(f"{new_lab(arguments.name)} is the new lab; labs/README.md says how to go on")
        return 0
    copy = open_lab(arguments.number, kind="md" if arguments.md else "ipynb")
    return _jupyter(copy) if arguments.open else 0


def _number_or_new(word):
    return word if word == "new" else int(word)


def _check(arguments):
    from dlpar.labs.shell import check_lab

    return check_lab(arguments.number, arguments.task, arguments.notebook)


def _grade(arguments):
    from dlpar.labs.gradebook import grade_folder
    from dlpar.labs.sandbox import SandboxError

    number = arguments.lab
    try:
        return grade_folder(
            int(number) if number.isdigit() else Path(number),
            arguments.submissions,
            arguments.out,
            jobs=arguments.jobs,
            seed=arguments.seed,
            json_file=arguments.json,
            gradescope=arguments.gradescope,
        )
    except SandboxError as error:
        print(f"dlpar: {error}", file=sys.stderr)
        return 3


def _bench(_):
    scripts = sorted(_checkout("benchmarks").glob("*.py"))
    return max(subprocess.call([sys.executable, script], cwd=HOME) for script in scripts)


def _checkout(folder):
    """Return a folder of the checkout; raise FileNotFoundError where only the package is there."""
    if not (HOME / folder).is_dir():
        raise FileNotFoundError(
            f"{folder}/ is not beside the package: clone the book and run this in there"
        )
    return HOME / folder


def _jupyter(path, *arguments):
    """Become JupyterLab with `path` open, on this machine only, with a token."""
    path = path.resolve()
    root = HOME if path.is_relative_to(HOME) else path.parent
    scripts = str(Path(sys.executable).parent)  # mpiexec and the kernels are in there
    environment = {
        **os.environ,
        "JUPYTER_CONFIG_DIR": str(HOME / ".jupyter"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "PATH": os.pathsep.join([scripts, os.environ.get("PATH", os.defpath)]),
    }
    opened = f"--LabApp.default_url=/lab/tree/{path.relative_to(root).as_posix()}"
    argv = [sys.executable, "-m", "jupyterlab", opened, *arguments]
    if os.name == "nt":  # which cannot put one process in another's place
        return subprocess.call(argv, cwd=root, env=environment)
    os.chdir(root)
    os.execve(sys.executable, argv, environment)  # so that signals and Ctrl-C are JupyterLab's own
