"""Error feedback: what could not be said is kept, and said next time.

v_t = g_t + residual; told_t = decode(encode(v_t)); residual = v_t - told_t.
Added up over steps everything between cancels: sum of g - sum of told = the last residual.

Source: Seide et al., Interspeech 2014, section 3.2, who print the residual as g_t - told_t (and so
does the lecture): the old residual is missing there. `telescope` runs both.
"""

import numpy as np


class ErrorFeedback:
    """Any compressor with a memory of its own errors; itself a compressor.

    One belongs to one vector: a second layer, or a second rank, needs another. `residual` is (n,),
    None before the first vector. State to checkpoint: `state()`.
    """

    def __init__(self, compressor):
        """Wrap `compressor`, whose encode(v) and decode(message) are used."""
        self.compressor = compressor
        self.residual = None

    def encode(self, g):
        """Return the message of g + residual, and keep what it does not tell.

        g : (n,), not modified.  Raises ValueError if n or the dtype differ from the last vector's.
        If the compressor refuses, the residual stays as it was.
        """
        if self.residual is None:
            self.residual = np.zeros_like(g)
        message, self.residual = tell(self.compressor, g, self.residual)
        return message

    def decode(self, message):
        """Return what `message` tells, (n,)."""
        return self.compressor.decode(message)

    def nbytes(self, n):
        """Return the bytes of a message for n elements: feedback costs none."""
        return self.compressor.nbytes(n)

    def state(self):
        """Return {"residual": (n,)}, a copy, for np.savez; empty before the first vector."""
        return {} if self.residual is None else {"residual": self.residual.copy()}

    def restore(self, state):
        """Go on from what `state()` returned, or np.load."""
        self.residual = np.array(state["residual"]) if "residual" in state else None

    def take_over(self, state):
        """Add the residual of a rank that leaves: what it could not say is said here, later."""
        if "residual" in state:
            left = np.asarray(state["residual"])
            self.residual = left.copy() if self.residual is None else self.residual + left


def tell(compressor, g, residual):
    """Return (message of g + residual, the new residual); g and residual, (n,), are kept."""
    if g.shape != residual.shape or g.dtype != residual.dtype:
        raise ValueError(
            f"the residual is {residual.shape} {residual.dtype}, the vector {g.shape} {g.dtype}: "
            "each layer and rank has its own"
        )
    if hasattr(compressor, "tell"):  # it knows a shorter way to both
        return compressor.tell(g, residual)
    v = g + residual
    message = compressor.encode(v)
    return message, v - compressor.decode(message)


def telescope(gradients, compressor, rule="right"):
    """Return (truth - told, the last residual), (n,) each, after a stream of gradients.

    gradients : iterable of (n,).  rule : "right", the residual v - told; "printed", the paper's
    g - told; "none", no feedback. Truth and told are the sums over the stream. Only for "right"
    the two results are equal, up to rounding.
    """
    rules = {"right": lambda v, g, q: v - q, "printed": lambda v, g, q: g - q}
    rules["none"] = lambda v, g, q: np.zeros_like(g)
    if rule not in rules:
        raise ValueError(f"rule must be one of {sorted(rules)}, got {rule!r}")
    missing = residual = None
    for g in gradients:
        residual = np.zeros_like(g) if residual is None else residual
        missing = np.zeros_like(g) if missing is None else missing
        v = g + residual
        told = compressor.decode(compressor.encode(v))
        residual = rules[rule](v, g, told)
        missing = missing + (g - told)
    if missing is None:
        raise ValueError("a stream needs at least one gradient")
    return missing, residual
