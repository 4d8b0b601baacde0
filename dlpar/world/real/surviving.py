"""What survivors of a rank's death do: MPI's User-Level Failure Mitigation, mpi4py's names.

Source: Bland et al., IJHPCA 2013; MPI Forum, "User-Level Failure Mitigation"; Open MPI 5's manual.
"""

from typing import Any

from dlpar.world.constants import MPIError
from dlpar.world.real.mpi import MPI


class SurvivingCalls:
    """The part of `TracedComm` that goes on after a death, over its `_comm` and `_collective`.

    Where `run` was not called with `ulfm=True` a death ends all ranks, so there is nothing to do:
    the calls work, and find that nobody has died.
    """

    _comm: Any
    _collective: Any
    _named: Any
    _wrapped: Any
    _shrinks: int

    def Revoke(self):
        """Have every call on this communicator fail with MPI_ERR_REVOKED, on all its ranks."""
        self._plain("Revoke")

    def Is_revoked(self):
        """Tell whether a rank has revoked this communicator."""
        return self._plain("Is_revoked")

    def Get_failed(self):
        """Return the group of the ranks that are known here to have died."""
        return self._plain("Get_failed")

    def Get_group(self):
        """Return the group of all ranks, to translate those of another group with."""
        return self._plain("Get_group")

    def Ack_failed(self, num_to_ack=None):
        """Acknowledge the first deaths of `Get_failed`, or all; return how many are by now.

        A receive from ANY_SOURCE, and `Agree`, ignore the dead that are acknowledged.
        """
        return self._plain("Ack_failed", num_to_ack)

    def Shrink(self):
        """Return a communicator of the survivors, in the same order."""
        comm = self._collective("Shrink", None, self._comm.Shrink)
        self._shrinks += 1
        return self._wrapped(comm, ("Shrink", self._shrinks))

    def Agree(self, flag):
        """Return the bitwise and of every survivor's int `flag`, the same on all of them.

        MPIError (MPI_ERR_PROC_FAILED) if not every dead rank is acknowledged, by all alike.
        """
        return self._collective("Agree", None, self._comm.Agree, flag)

    def _plain(self, name, *args):
        try:
            return getattr(self._comm, name)(*args)
        except NotImplementedError:
            raise MPIError("MPI_ERR_UNSUPPORTED_OPERATION", f"this MPI has no {name}") from None
        except MPI.Exception as error:
            raise self._named(error) from None
