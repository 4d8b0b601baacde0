"""Labs: your copy of a lab, checks that say which promise failed on which input, and grades."""

from dlpar.labs.checking import Verdict
from dlpar.labs.learner import lab
from dlpar.labs.mutation import mutation_score
from dlpar.labs.shell import check_lab, open_lab
from dlpar.labs.task import CheckFailure, Task, close, same

__all__ = [
    "CheckFailure",
    "Task",
    "Verdict",
    "check_lab",
    "close",
    "lab",
    "mutation_score",
    "open_lab",
    "same",
]
