"""Streams and events under Numba's names: here every call has ended when it returns."""

import time
from contextlib import contextmanager


class Stream:
    """A queue of work; what is put in is done at once, in order."""

    def synchronize(self):
        """Return at once: nothing is waiting."""

    @contextmanager
    def auto_synchronize(self):
        """Synchronize at the end of the `with`."""
        yield self
        self.synchronize()


class Event:
    """A moment on the clock of this machine."""

    def __init__(self):
        self.seconds = None

    def record(self, stream=0):
        """Note that the moment is now."""
        self.seconds = time.perf_counter()

    def query(self):
        """Return whether the moment has passed: True once it is recorded."""
        return self.seconds is not None

    def synchronize(self):
        """Return at once: whatever came before `record` is done."""

    def wait(self, stream=0):
        """Let `stream` wait for this event: it has nothing to wait for."""

    def elapsed_time(self, evtend):
        """Return the wall time from this event to `evtend` in ms; ValueError if not recorded."""
        if self.seconds is None or evtend.seconds is None:
            raise ValueError("record both events before asking for the time between them")
        return (evtend.seconds - self.seconds) * 1e3


def stream():
    """Return a new stream."""
    return Stream()


def default_stream():
    """Return the default stream."""
    return DEFAULT


def legacy_default_stream():
    """Return the default stream, as CUDA used to have it."""
    return DEFAULT


def per_thread_default_stream():
    """Return the default stream of this host thread."""
    return DEFAULT


def event(timing=True):
    """Return a new event."""
    return Event()


def event_elapsed_time(evtstart, evtend):
    """Return the wall time between two recorded events in ms."""
    return evtstart.elapsed_time(evtend)


def synchronize():
    """Return at once: every launch here has ended when its call returns."""


DEFAULT = Stream()
