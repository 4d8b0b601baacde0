"""What a simulation keeps of a plan of faults: which have struck, and where each rank is."""

from dlpar.world.faults import RankFault, Reorder


class Armed:
    """A fault of the plan, how often it could have struck, and how often it did."""

    def __init__(self, fault):
        self.fault = fault
        self.seen = 0
        self.strikes = 0

    def missed(self):
        """Return, in words, why a fault that was sure to strike has not; None if there is none."""
        if self.strikes or getattr(self.fault, "probability", 1) < 1:
            return None
        if not isinstance(self.fault, RankFault):
            more = " and none overtook them" if isinstance(self.fault, Reorder) else ""
            return f"{self.fault} never struck: {self.seen} messages fitted{more}"
        if self.fault.at is not None:
            return f"{self.fault} never struck: the rank had ended"
        return f"{self.fault} never struck: {self.seen} such calls were made"


class Inside:
    """The operation that a rank is in: what is to strike during it, and what it has posted."""

    def __init__(self, where, during):
        self.where = where  # as "Sendrecv 3"
        self.during = during
        self.receipts = []
        self.request = None  # of the message that it sends, if that waits for its receiver


class Alarm:
    """An event: the time of a fault has come, for a rank that may be blocked."""

    # What RoutedWorld asks of an event before it passes one to `_reach`.
    moving, receipt, stage = False, None, 0

    def __init__(self, rank, time):
        self.rank = rank
        self.due = time
