"""What lies before the bits: a header of 32 bytes, the same for every scheme.

| bytes | field | |
|---|---|---|
| 0-3 | magic | `DLPC` |
| 4 | version | 1 |
| 5 | scheme | which compressor: SCHEMES |
| 6 | dtype | of the vector that was encoded: 0 float32, 1 float64 |
| 7 | reserved | 0 |
| 8-15 | n | elements of that vector |
| 16-19, 20-23 | a, b | two numbers of the scheme: a block's length, levels, ... |
| 24-27 | payload | bytes that follow |
| 28-31 | check | crc32 of bytes 0-27 and of the payload |

Numbers are little-endian. A check of 32 bits tells every change of up to 32 bits in a row, and all
but one in 2**32 of the others.
"""

import struct
import zlib
from typing import NamedTuple

import numpy as np

HEADER = 32  # bytes
LAYOUT = struct.Struct("<4sBBBBQIIII")
MAGIC, VERSION = b"DLPC", 1
DTYPES = (np.dtype(np.float32), np.dtype(np.float64))
SCHEMES = ("one_bit", "scaled_sign", "sign", "ternary", "qsgd", "sparse", "random", "half", "fp8")


class WireError(ValueError):
    """A buffer is not the message that it should be: damaged, cut short, or of another scheme."""


class Header(NamedTuple):
    """What a header says of its message; `payload` and `check` are seen to by `unpack`."""

    scheme: str
    dtype: np.dtype
    n: int
    a: int
    b: int


def pack(scheme, v, a, b, *arrays):
    """Return the message, (HEADER + payload,) uint8: a header, then the bytes of `arrays`.

    scheme : one of SCHEMES.  v : the (n,) vector that is told.  a, b : integers in 0 .. 2**32 - 1.
    arrays : contiguous little-endian arrays; their dtypes and sizes follow from the header.
    """
    payload = sum(array.nbytes for array in arrays)
    if payload >= 2**32:
        raise ValueError(f"a message has room for {2**32 - 1} bytes, got {payload}")
    out = np.empty(HEADER + payload, np.uint8)
    start = HEADER
    for array in arrays:
        out[start : start + array.nbytes] = array.reshape(-1).view(np.uint8)
        start += array.nbytes
    codes = SCHEMES.index(scheme), DTYPES.index(v.dtype)
    LAYOUT.pack_into(out.data, 0, MAGIC, VERSION, *codes, 0, v.size, a, b, payload, 0)
    out[28:32] = np.frombuffer(struct.pack("<I", checksum(out)), np.uint8)
    return out


def unpack(message, scheme):
    """Return (Header, payload as (bytes,) uint8, a view); raise WireError if it is not whole.

    message : (at least HEADER,) uint8, exactly one message.  scheme : the one that is expected.
    """
    length = message_size(message)
    message = np.ascontiguousarray(message)
    if length != message.size:
        raise WireError(f"the header announces {length} bytes, the buffer holds {message.size}")
    _, _, code, kind, reserved, n, a, b, _, check = LAYOUT.unpack_from(message)
    if checksum(message) != check:
        raise WireError("the checksum is wrong: bytes have changed on the way")
    if code >= len(SCHEMES) or SCHEMES[code] != scheme:
        name = SCHEMES[code] if code < len(SCHEMES) else f"number {code}"
        raise WireError(f"this is a message of scheme {name}, not {scheme}")
    if kind >= len(DTYPES) or reserved:
        raise WireError(f"unknown dtype {kind} or reserved byte {reserved}")
    return Header(scheme, DTYPES[kind], n, a, b), message[HEADER:]


def message_size(buffer):
    """Return the bytes of the message that `buffer`, uint8, begins with: for messages in a row.

    Raises WireError if there is no header, or the buffer is too short for what it announces.
    """
    if not isinstance(buffer, np.ndarray) or buffer.dtype != np.uint8 or buffer.ndim != 1:
        raise WireError("a message is a vector of uint8")
    if buffer.size < HEADER:
        raise WireError(f"a header has {HEADER} bytes, got {buffer.size}")
    buffer = np.ascontiguousarray(buffer[:HEADER])
    magic, version, *_, payload, _ = LAYOUT.unpack_from(buffer)
    if magic != MAGIC or version != VERSION:
        raise WireError(f"not a message of version {VERSION}: it begins with {magic!r}, {version}")
    return HEADER + payload


def split(payload, *pieces):
    """Return views of `payload` as arrays, each a (dtype, count); WireError if they misfit."""
    sizes = [np.dtype(dtype).itemsize * count for dtype, count in pieces]
    if sum(sizes) != payload.size:
        raise WireError(f"the payload should have {sum(sizes)} bytes, it has {payload.size}")
    arrays, start = [], 0
    for (dtype, _), size in zip(pieces, sizes, strict=True):
        arrays.append(np.frombuffer(payload, dtype, size // np.dtype(dtype).itemsize, start))
        start += size
    return arrays


def require(holds, why):
    """Raise WireError(why) unless `holds`."""
    if not holds:
        raise WireError(why)


def checksum(message):
    """Return the crc32 of a message, the checksum's own bytes left out."""
    return zlib.crc32(message[HEADER:].data, zlib.crc32(message[: HEADER - 4].data))


def vector(v):
    """Return `v` if it can be encoded, an (n,) contiguous float32 or float64 array, else raise."""
    if not isinstance(v, np.ndarray) or v.ndim != 1:
        raise ValueError(f"a compressor takes a vector (n,), got {np.shape(v)}")
    if v.dtype not in DTYPES:
        raise TypeError(f"a compressor takes float32 or float64, got {v.dtype}")
    return np.ascontiguousarray(v)


def finite(v):
    """Return `vector(v)`; raise ValueError if it holds NaN or infinity."""
    v = vector(v)
    if not np.isfinite(v).all():
        raise ValueError("NaN or infinity has no place in this code: skip the step instead")
    return v
