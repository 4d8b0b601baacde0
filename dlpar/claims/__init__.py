"""The papers' numbers as data, each beside one of ours: `compare(CLAIMS)` shows them all.

A claim has a source, a ruler and a function that measures ours in seconds. Where ours is another
machine and another task, only the shape is held, and tests hold it.
"""

from dlpar.claims.book import CLAIMS
from dlpar.claims.claim import EVIDENCE, Claim, Compared, Comparison, compare

__all__ = ["CLAIMS", "EVIDENCE", "Claim", "Compared", "Comparison", "compare"]
