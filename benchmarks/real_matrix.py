"""The fault matrix on real processes: every fault of ranks, moment and system, plain and guarded.

Run with: python benchmarks/real_matrix.py > dlpar/resilience/real_matrix.jsonl
The page shows the file, and tests do some of its cells again. Each death takes the processes of
`run` with it, and new ones cost a few seconds: about ten minutes in all on a quiet machine.
"""

import json
import sys
import time

from tqdm import tqdm

from dlpar.resilience.matrix import OF_RANKS, SYSTEMS, real_cell
from dlpar.world.faults import WHEN


def main():
    cells = [
        (name, guard, kind, when)
        for guard in (True, False)
        for name in SYSTEMS
        for kind in OF_RANKS
        for when in WHEN
    ]
    rows = []
    for name, guard, kind, when in tqdm(cells, file=sys.stderr, disable=not sys.stderr.isatty()):
        start = time.monotonic()
        cell = real_cell(name, guard, kind, when)
        row = {"system": name, "guarded": guard, "fault": cell.fault, "when": when}
        row |= {"outcome": cell.outcome, "words": cell.words}
        rows.append(json.dumps(row))
        if cell.outcome in ("unnamed", "WRONG"):
            print(f"{time.monotonic() - start:.1f} s: {row}", file=sys.stderr)
    print("\n".join(rows))


if __name__ == "__main__":
    main()
