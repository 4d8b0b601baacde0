"""Messages: what is damaged is told, whatever it is; nothing but WireError comes out."""

import numpy as np
import pytest

from dlpar import compress as c
from dlpar.compress.wire import HEADER, LAYOUT, checksum, message_size
from dlpar.nn.formats import FP16

ROUNDS = 10_000


def dice(seed=0):
    return np.random.default_rng(seed)


CODES = (
    c.OneBit(16),
    c.OneBit([5, 20, 75]),
    c.Sign(),
    c.Sign(scaled=False),
    c.Ternary(dice()),
    c.QSGD(5, dice()),
    c.TopK(0.1),
    c.RandomK(0.1, dice()),
    c.Half(),
    c.Half(FP16),
    c.FP8(block=32),
)


def message_of(code, n=100, dtype=np.float32):
    return code.encode(dice(n).normal(size=n).astype(dtype))


def mutated(message, rng):
    """Return a message that differs: bits flipped, bytes overwritten, cut, grown, or shuffled."""
    out = message.copy()
    kind = rng.integers(6)
    if kind == 0:
        out[rng.integers(out.size)] ^= np.uint8(1 << rng.integers(8))
    elif kind == 1:
        for _ in range(rng.integers(2, 9)):
            out[rng.integers(out.size)] = rng.integers(256)
    elif kind == 2:
        out = out[: rng.integers(out.size)]
    elif kind == 3:
        out = np.concatenate([out, rng.integers(0, 256, rng.integers(1, 9)).astype(np.uint8)])
    elif kind == 4:
        a, b = np.sort(rng.integers(0, out.size + 1, 2))
        out = np.concatenate([out[:a], out[b:]])
    else:
        out[: HEADER - 4] = rng.permutation(out[: HEADER - 4])
    return out


def test_ten_thousand_damaged_messages_are_all_refused():
    rng = dice(1)
    refused = 0
    messages = [(code, message_of(code)) for code in CODES]
    while refused < ROUNDS:
        code, message = messages[rng.integers(len(messages))]
        bad = mutated(message, rng)
        if bad.size == message.size and (bad == message).all():
            continue
        with pytest.raises(c.WireError):
            code.decode(bad)
        refused += 1


def test_fields_that_lie_under_a_good_checksum_are_refused_or_make_sense():
    """Whoever seals anew can say anything, but never gets another length, dtype or a NaN out."""
    rng = dice(2)
    for _ in range(3000):
        code = CODES[rng.integers(len(CODES))]
        bad = message_of(code)
        at = rng.integers(4, bad.size) if rng.random() < 0.5 else rng.integers(4, HEADER - 4)
        bad[at] = rng.integers(256)
        bad[13:16] = 0  # n below 2**40: the rest is refused for the payload's sake, or for memory's
        bad[10:13] = 0
        bad[28:32] = np.array([checksum(bad)], "<u4").view(np.uint8)
        try:
            told = code.decode(bad)
        except c.WireError:
            continue
        n = int(bad[8:16].view("<u8")[0])
        assert told.shape == (n,)
        assert told.dtype in (np.float32, np.float64)
        assert np.isfinite(told).all() or isinstance(code, c.Half)


@pytest.mark.parametrize("code", CODES, ids=lambda code: type(code).__name__)
def test_every_single_bit_of_a_message_matters(code):
    message = message_of(code)
    for bit in range(8 * message.size):
        message[bit // 8] ^= np.uint8(1 << bit % 8)
        with pytest.raises(c.WireError):
            code.decode(message)
        message[bit // 8] ^= np.uint8(1 << bit % 8)
    code.decode(message)


def test_a_message_of_another_code_is_refused():
    for code in CODES:
        for other in CODES:
            if other is not code:
                with pytest.raises(c.WireError, match=r"scheme|lengths|message in"):
                    other.decode(message_of(code))


def test_what_is_no_message_is_refused():
    message = message_of(c.Sign())
    for wrong in (b"DLPC", message.tobytes(), message.view(np.uint32), message[None], None):
        with pytest.raises(c.WireError, match="vector of uint8"):
            c.Sign().decode(wrong)
    with pytest.raises(c.WireError, match="32 bytes"):
        c.Sign().decode(np.zeros(0, np.uint8))
    with pytest.raises(c.WireError, match="begins with"):
        c.Sign().decode(np.zeros(40, np.uint8))
    doubled = np.repeat(message, 2)
    np.testing.assert_array_equal(c.Sign().decode(doubled[::2]), c.Sign().decode(message))


def test_the_header_is_what_the_page_says():
    message = message_of(c.OneBit(16))
    fields = LAYOUT.unpack_from(message)
    assert fields[:8] == (b"DLPC", 1, 0, 0, 0, 100, 16, 0)
    assert fields[8] == message.size - HEADER == 4 * 4 + 7 * 8
    assert LAYOUT.size == HEADER == 32
    row = np.concatenate([message, message_of(c.Sign())])
    assert message_size(row) == message.size


@pytest.mark.parametrize("code", [c.OneBit(16), c.Sign(), c.Ternary(dice()), c.QSGD(5, dice())])
def test_bits_beyond_the_last_element_are_refused_even_under_a_good_checksum(code):
    words_at = HEADER + (4 if isinstance(code, c.Ternary | c.QSGD) else 0)
    message = message_of(code, n=3)  # one word, of which 3 to 12 bits are used
    message[words_at + 3] |= 0x80
    message[28:32] = np.array([checksum(message)], "<u4").view(np.uint8)
    with pytest.raises(c.WireError, match="beyond the last element"):
        code.decode(message)


def test_a_message_cut_short_or_too_long_is_told_by_its_length():
    message = message_of(c.Sign())
    for wrong in (message[:-1], np.append(message, np.uint8(0))):
        with pytest.raises(c.WireError, match="announces"):
            c.Sign().decode(wrong)
