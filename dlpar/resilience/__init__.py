"""When things break: keep the state, go on without the dead, and say what was lost.

A training's state is one file or one bytes object (`save_state`, `pack_state`); it comes back bit
for bit or is refused. `descend_through_failures` outlives deaths under `ulfm=True` from snapshots
in memory, with hot spares and teams that grow; `supervise` starts `descend_from_checkpoint` again.
`fault_matrix` strikes every system by every fault and says what came of it; `Guarded` makes heard
what MPI promises not to happen, `Outliving` lets a chain of parameter servers outlive its head.
"""

from dlpar.resilience.checkpoint import Restored, load_state, pack_state, save_state, unpack_state
from dlpar.resilience.guard import Guarded, Outliving, guarded
from dlpar.resilience.matrix import Cell, fault_matrix
from dlpar.resilience.recovery import (
    Regroup,
    Survived,
    agreed,
    batch_of,
    descend_through_failures,
    is_death,
)
from dlpar.resilience.restart import Supervised, descend_from_checkpoint, supervise

__all__ = [
    "Cell",
    "Guarded",
    "Outliving",
    "Regroup",
    "Restored",
    "Supervised",
    "Survived",
    "agreed",
    "batch_of",
    "descend_from_checkpoint",
    "descend_through_failures",
    "fault_matrix",
    "guarded",
    "is_death",
    "load_state",
    "pack_state",
    "save_state",
    "supervise",
    "unpack_state",
]
