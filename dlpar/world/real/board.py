"""Where every rank of `run` stands: a page of memory that outlives a rank that is killed.

A rank writes, the caller reads, nobody locks: each field is one aligned 64-bit word.
"""

import mmap
import signal

FOLDER = "DLPAR_FOLDER"  # environment variable: the folder that holds the board
ULFM = "DLPAR_ULFM"  # environment variable: set where the death of a rank ends nobody else
RANKS = 16  # slots: the most ranks that one cluster of engines has

# The words of a slot. ARGS and the two after it belong to WHAT.
PID, ENDED, ENDED_AT, CALL, STATE, WHAT, ARGS = range(7)
GROUP = 9  # with WHAT: size of the communicator, where that is not the whole run's
WORDS = 10

# STATE, in the order a call passes through them.
RUNNING, RETURNED, RAISED = 1, 2, 3

# WHAT: the MPI call in which the rank waits, and the names of its arguments.
CALLS = {
    "Send": ("dest", "tag"),
    "Recv": ("source", "tag"),
    "Sendrecv": ("dest", "source", "recvtag"),
    "Wait for Isend": ("dest", "tag"),
    "Wait for Irecv": ("source", "tag"),
    "Wait for Iallreduce": (),
    "Waitany": ("peer", "tag", "requests"),  # the first request's, and how many there are
    "Probe": ("source", "tag"),
    "Barrier": (),
    "Bcast": ("root",),
    "Reduce": ("root",),
    "Allreduce": (),
    "Gather": ("root",),
    "Scatter": ("root",),
    "Allgather": (),
    "Alltoall": (),
    "Split": (),
    "Gatherv": ("root",),
    "Scatterv": ("root",),
    "Allgatherv": (),
    "Alltoallv": (),
    "Dup": (),
    "Create_cart": (),
    "Sub": (),
    "Shrink": (),
    "Agree": (),
}
TO_PEER = {"Send": "dest", "Wait for Isend": "dest"}  # calls that one other rank can end,
FROM_PEER = {"Recv": "source", "Wait for Irecv": "source", "Probe": "source"}  # and which it is
CODE = {name: code for code, name in enumerate(CALLS, start=1)}  # 0: in no MPI call


def create(path):
    """Make the board's file, every word 0."""
    with open(path, "wb") as file:
        file.truncate(RANKS * WORDS * 8)


def attach(path):
    """Return the board's slots: a list of writable memoryviews of WORDS int64 each."""
    with open(path, "r+b") as file:
        words = memoryview(mmap.mmap(file.fileno(), 0)).cast("q")
    return [words[r * WORDS : (r + 1) * WORDS] for r in range(RANKS)]


def ended_word(status):
    """Encode for ENDED how a process ended: exit code + 1, or minus the signal; 0 is alive."""
    return status + 1 if status >= 0 else status


def how_it_ended(word):
    """Say in words what `ended_word` encoded."""
    if word > 0:
        return f"exited with code {word - 1}"
    return f"was killed by signal {-word} ({signal.Signals(-word).name})"


def stands(slot):
    """Say in words where the rank of `slot` stands, as "waits in Recv(source=0, tag=3)"."""
    return f"waits in {call(slot)}" if slot[WHAT] else "computes, in no MPI call"


def call(slot):
    """Return the call in which the rank of `slot` waits, as "Recv(source=0, tag=3)"."""
    name, arguments = list(CALLS.items())[slot[WHAT] - 1]
    values = slot[ARGS : ARGS + len(arguments)]
    shown = (f"{a}={_word(a, v)}" for a, v in zip(arguments, values, strict=False))
    group = f" on a Split of {slot[GROUP]} ranks" if slot[GROUP] else ""
    return f"{name}({', '.join(shown)}){group}"


def awaited(slot, table):
    """Return the rank that the rank of `slot` waits for, if in a call of `table`; else None."""
    if not slot[WHAT]:
        return None
    name, arguments = list(CALLS.items())[slot[WHAT] - 1]
    return slot[ARGS + arguments.index(table[name])] if name in table else None


def _word(argument, value):
    if value == -1 and argument != "dest":
        return "ANY_SOURCE" if argument in ("source", "peer") else "ANY_TAG"
    return value
