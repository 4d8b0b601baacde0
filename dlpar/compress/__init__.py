"""Fewer bytes: what a gradient still says in one bit, a few entries, or two thin matrices."""

from dlpar.compress.one_bit import OneBit, one_bit_bytes
from dlpar.compress.wire import WireError

__all__ = ["OneBit", "WireError", "one_bit_bytes"]
