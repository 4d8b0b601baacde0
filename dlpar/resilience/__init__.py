"""When things break: keep the state, go on without the dead, and say what was lost.

A training's state is one file or one bytes object (`save_state`, `pack_state`); it comes back bit
for bit or is refused. `descend_through_failures` outlives deaths under `ulfm=True` from snapshots
in memory, with hot spares and teams that grow; `supervise` starts `descend_from_checkpoint` again.
`fault_matrix` strikes every system by every fault and says what came of it; `Guarded` makes heard
what MPI promises not to happen, `Outliving` lets a chain of parameter servers outlive its head.
`daly_interval` says how often to save, `failing_goodput` and `train_under_kills` measure it, in
simulation and with real kills. `flip_bit` corrupts silently; `suspects`, `locate`,
`sum_is_conserved` and `audit` find what can be found, each at its price.
"""

from dlpar.resilience.checkpoint import Restored, load_state, pack_state, save_state, unpack_state
from dlpar.resilience.corruption import (
    ChecksummedComm,
    Corrupted,
    audit,
    corrupting,
    flip_bit,
    locate,
    sum_is_conserved,
    suspects,
)
from dlpar.resilience.goodput import (
    LLAMA3,
    daly_interval,
    expected_goodput,
    failing_goodput,
    peak,
    simulated_goodput,
    system_mtbf,
    young_interval,
)
from dlpar.resilience.guard import Guarded, Outliving, guarded
from dlpar.resilience.kills import Killed, train_under_kills
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
    "LLAMA3",
    "Cell",
    "ChecksummedComm",
    "Corrupted",
    "Guarded",
    "Killed",
    "Outliving",
    "Regroup",
    "Restored",
    "Supervised",
    "Survived",
    "agreed",
    "audit",
    "batch_of",
    "corrupting",
    "daly_interval",
    "descend_from_checkpoint",
    "descend_through_failures",
    "expected_goodput",
    "failing_goodput",
    "fault_matrix",
    "flip_bit",
    "guarded",
    "is_death",
    "load_state",
    "locate",
    "pack_state",
    "peak",
    "save_state",
    "simulated_goodput",
    "sum_is_conserved",
    "supervise",
    "suspects",
    "system_mtbf",
    "train_under_kills",
    "unpack_state",
    "young_interval",
]
