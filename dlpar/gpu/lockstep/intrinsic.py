"""Names that mean something to a kernel only."""


class Intrinsic:
    """A function or a variable of the CUDA surface.

    lower : what the machine runs: `lower(m, site, *args)`; for a variable (`reads`), `lower(m)`;
    where its arguments are constants (`static`), `lower(translator, node, *constants)` returns the
    closure.  access : whether `lower` indexes an array and wants an Access for a site.
    meter : the name of the counter that a call turns, if any.
    unused : what the machine runs instead where the kernel drops the value, if that is quicker.
    """

    def __init__(
        self, name, lower, *, reads=False, static=False, access=False, meter=None, unused=None
    ):
        self.name, self.lower = name, lower
        self.unused = unused or lower
        self.reads, self.static, self.access, self.meter = reads, static, access, meter

    def __call__(self, *_, **__):
        """Refuse: there is no thread outside a kernel."""
        raise RuntimeError(f"{self.name} can only be used inside a kernel")

    def __repr__(self):
        """Return the name."""
        return f"<{self.name} of the lock-step machine>"
