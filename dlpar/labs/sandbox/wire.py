"""Frames of bounded JSON over a socket: four bytes of length, then the text."""

import json
import socket
import struct
import time

LONGEST = 16 * 2**20  # bytes of one frame
TRAFFIC = 256 * 2**20  # bytes that one process may send in its life
SLICE = 0.05  # s: how long a wait goes without a look at the clock


class WireError(Exception):
    """The process at the other end is gone, or breaks the protocol; the message says which."""


class Wire:
    """One end of a channel. It trusts nothing that comes in, and no wait is without a limit."""

    def __init__(self, sock):
        self.sock = sock
        self.received = 0
        sock.settimeout(SLICE)

    def send(self, message, deadline, fds=()):
        """Send a JSON-able message by `deadline`, in s of time.monotonic; WireError if it fails."""
        text = json.dumps(message).encode()
        if len(text) > LONGEST:
            raise WireError(f"a message of {len(text)} bytes; the limit is {LONGEST}")
        memory = memoryview(struct.pack("!I", len(text)) + text)
        while memory:
            try:
                if fds:
                    sent, fds = socket.send_fds(self.sock, [memory], list(fds)), ()
                else:
                    sent = self.sock.send(memory)
                memory = memory[sent:]
            except TimeoutError:
                pass
            except OSError as error:
                raise WireError("the process has ended") from error
            if memory:  # also where some went: a peer may take it drop by drop
                _look_at_the_clock(deadline)

    def receive(self, deadline):
        """Return the next message. WireError if none can come, TimeoutError at the deadline."""
        (length,) = struct.unpack("!I", self._read(4, deadline))
        self.received += length
        if length > LONGEST:
            raise WireError(f"an answer of {length} bytes; the limit is {LONGEST}")
        if self.received > TRAFFIC:
            raise WireError(f"more than {TRAFFIC} bytes in all")
        try:
            return json.loads(self._read(length, deadline))
        except (ValueError, RecursionError):
            raise WireError("an answer that is no JSON") from None

    def close(self):
        """Close this end."""
        self.sock.close()

    def _read(self, length, deadline):
        parts = []
        while length:
            try:
                part = self.sock.recv(min(length, 2**16))
            except TimeoutError:
                _look_at_the_clock(deadline)
                continue
            except OSError as error:
                raise WireError("the process has ended") from error
            if not part:
                raise WireError("the process has ended")
            parts.append(part)
            length -= len(part)
            if length:  # a message that comes drop by drop is late, too
                _look_at_the_clock(deadline)
        return b"".join(parts)


def _look_at_the_clock(deadline):
    if time.monotonic() > deadline:
        raise TimeoutError("no answer in time")
