"""Buckets: the gradient goes out in pieces, each as soon as backward has finished it."""

import numpy as np

from dlpar.world import IN_PLACE


def bucket_slices(parts, itemsize, bucket_bytes):
    """Return the slices of the gradient that travel together, in the order in which they are ready.

    parts : the layers' slices, first layer first.  itemsize : bytes an element.
    bucket_bytes : a bucket is full, and closed, when it holds at least so many.

    Backward ends at the first layer, so the last layer's part is in the first bucket. Together
    the slices are the whole vector. Source: Li et al., PyTorch Distributed, VLDB 2020, 3.2.
    """
    if not bucket_bytes > 0:
        raise ValueError(f"bucket_bytes must be above 0, got {bucket_bytes!r}")
    slices, stop = [], None
    for part in reversed([part for part in parts if part.stop > part.start]):
        stop = part.stop if stop is None else stop
        if (stop - part.start) * itemsize >= bucket_bytes:
            slices.append(slice(part.start, stop))
            stop = None
    if stop is not None:
        slices.append(slice(0, stop))
    return slices


class Buckets:
    """An exchanger that begins during backward: wait-free back-propagation.

    A bucket's allreduce (MPI's own Iallreduce, in place) is started when the last of its parts is
    ready; only what is still under way after backward has to be waited for.
    Source: Zhang et al., Poseidon, USENIX ATC 2017, section 3; Li et al., VLDB 2020.
    """

    def __init__(self, model, comm, bucket_bytes=25 * 2**20):
        """Plan the buckets of `model` for its exchange over `comm`."""
        self.grads, self.comm = model.grads, comm
        self.slices = bucket_slices(model.parts, model.grads.itemsize, bucket_bytes)
        self.requests = []

    def ready(self, part):
        """`grads[part]` is final; so is all behind it: start the buckets that are full."""
        while len(self.requests) < len(self.slices):
            bucket = self.slices[len(self.requests)]
            if bucket.start < part.start:
                return
            self.requests.append(self.comm.Iallreduce(IN_PLACE, self.grads[bucket]))

    def __call__(self, grads, comm):
        """Wait until all buckets have come home; return `grads`, summed over the ranks."""
        if grads is not self.grads or comm is not self.comm:
            raise ValueError("these buckets belong to another model's grads, or to another comm")
        self.ready(slice(0, 0))
        for request in self.requests:
            request.Wait()
        self.requests = []
        return grads


def exposed_seconds(trace):
    """Return, for each rank, the time in which it did no declared work until the last span: (p,) s.

    With nothing but training in the trace that is the communication that no work could hide.
    """
    end = max((span.end for span in trace.spans), default=0.0)
    exposed = np.full(trace.size, end)
    for span in trace.spans:
        if span.what == "work":
            exposed[span.rank] -= span.end - span.start
    return exposed
