"""Values that may cross between a learner's function and its check, as bounded JSON.

None, bool, int, float, str, lists, tuples, dicts and arrays of numbers cross; NumPy's scalars
become Python's. What is decoded is always plain: no subclass, no method of the learner's, and
nothing is ever unpickled.
"""

import base64
import math

import numpy as np

DTYPES = frozenset(
    np.dtype(name).str
    for name in ["?", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8", "c8", "c16"]
)
DEPTH = 16  # of lists in lists
KEYS = 1000  # of a dict: keys of one hash take quadratic time to be put together


def encode(value, special=None, depth=0):
    """Return `value` as what `json.dumps` takes.

    special : function that encodes, as a dict, what is not plain; by default nothing else crosses.
    Raises TypeError for a value that does not cross, and names its type.
    """
    if depth > DEPTH:
        raise TypeError(f"lists in lists, more than {DEPTH} deep")
    if value is None or isinstance(value, bool | np.bool_):
        return None if value is None else bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value)
    if isinstance(value, str):
        return str(value)
    if isinstance(value, np.ndarray):
        return {"array": _packed(value)}
    if isinstance(value, list):
        return [encode(item, special, depth + 1) for item in value]
    if isinstance(value, tuple):
        return {"tuple": [encode(item, special, depth + 1) for item in value]}
    if isinstance(value, dict):
        if len(value) > KEYS:
            raise TypeError(f"a dict of {len(value)} keys; the limit is {KEYS}")
        pairs = [[encode(k, None, depth), encode(v, special, depth + 1)] for k, v in value.items()]
        return {"dict": pairs}
    if special is not None:
        return special(value)
    raise TypeError(f"a {type(value).__name__}, which is no number, text, array or list of those")


def decode(data, special=None, depth=0):
    """Return the plain value that `data`, out of `json.loads`, stands for.

    special : function of (kind, content) for what the other side's `special` encoded.
    Raises ValueError for data that `encode` does not make.
    """
    if depth > DEPTH:
        raise ValueError(f"more than {DEPTH} deep")
    if data is None or data.__class__ in (bool, int, float, str):
        return data
    if data.__class__ is list:
        return [decode(item, special, depth + 1) for item in data]
    if data.__class__ is not dict or len(data) != 1:
        raise ValueError("not a value")
    ((kind, content),) = data.items()
    if kind == "array":
        return _unpacked(content)
    if kind == "tuple" and content.__class__ is list:
        return tuple(decode(item, special, depth + 1) for item in content)
    if kind == "dict" and content.__class__ is list:
        return _unpacked_dict(content, special, depth)
    if special is not None:
        return special(kind, content)
    raise ValueError("not a value")


def plain(value):
    """Return the plain value that a check sees where a learner's function returned `value`.

    Raises TypeError for what is not plain, ValueError for what is not finite; both say it in words
    that go on after "returned".
    """
    value = decode(encode(value))
    if not _finite(value):
        raise ValueError("a number that is not finite (nan or inf)")
    return value


def arrays_in(value):
    """Return the arrays in `value`, in the order in which they cross."""
    if isinstance(value, np.ndarray):
        return [value]
    if isinstance(value, dict):
        value = list(value.values())
    if isinstance(value, list | tuple):
        return [array for item in value for array in arrays_in(item)]
    return []


def _finite(value):
    if isinstance(value, float):
        return math.isfinite(value)
    if isinstance(value, np.ndarray):
        return bool(np.isfinite(value).all())
    if isinstance(value, dict):
        value = list(value.values())
    return not isinstance(value, list | tuple) or all(map(_finite, value))


def _packed(array):
    array = np.asarray(array)
    if array.dtype.str not in DTYPES:
        raise TypeError(f"an array of {array.dtype}, which is no type of numbers")
    return [array.dtype.str, list(array.shape), base64.b64encode(array.tobytes()).decode("ascii")]


def _unpacked(content):
    if content.__class__ is not list or [type(part) for part in content] != [str, list, str]:
        raise ValueError("not an array")
    dtype, shape, text = content
    if dtype not in DTYPES or len(shape) > DEPTH:
        raise ValueError("not an array of numbers")
    if any(n.__class__ is not int or n < 0 for n in shape):
        raise ValueError("not the shape of an array")
    memory = base64.b64decode(text, validate=True)
    if len(memory) != math.prod(shape) * np.dtype(dtype).itemsize:
        raise ValueError("an array whose shape does not fit its elements")
    return np.frombuffer(bytearray(memory), dtype).reshape(shape)


def _unpacked_dict(content, special, depth):
    if len(content) > KEYS:
        raise ValueError(f"a dict of more than {KEYS} keys")
    made = {}
    for pair in content:
        if pair.__class__ is not list or len(pair) != 2:
            raise ValueError("not a dict")
        key = decode(pair[0], None, depth + 1)
        try:
            made[key] = decode(pair[1], special, depth + 1)
        except TypeError as error:
            raise ValueError("not a key of a dict") from error
    return made
