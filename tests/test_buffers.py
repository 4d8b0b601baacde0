import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from dlpar.world import simulate
from dlpar.world.buffers import byte_view, flat_array

DTYPES = ["?", "i1", "u2", "i4", "i8", "u8", "f2", "f4", "f8", "g", "c8", "c16"]


@given(dtype=st.sampled_from(DTYPES), shape=st.sampled_from([(0,), (1,), (7,), (2, 3), (2, 0), ()]))
def test_every_number_type_and_shape_travels_bit_for_bit(dtype, shape):
    sent = np.random.default_rng(0).integers(0, 2, shape).astype(dtype)

    def program(comm):
        got = np.zeros(shape, dtype)
        comm.Sendrecv(sent, 0, 0, got, 0)
        return got

    (got,) = simulate(program, 1).results
    np.testing.assert_array_equal(got, sent)


def test_fortran_order_travels_in_memory_order_as_in_mpi4py():
    x = np.asfortranarray(np.arange(6.0).reshape(2, 3))
    assert bytes(byte_view(x)) == x.T.tobytes()


def test_a_view_is_the_buffer_s_own_memory():
    x = np.zeros((2, 2), complex)
    byte_view(x)[:] = np.ones(4, complex).tobytes()
    flat_array(x)[3] = 5
    assert x.tolist() == [[1, 1], [1, 5]]


@pytest.mark.parametrize("buffer", [b"abc", bytearray(b"abc"), memoryview(b"abc")])
def test_plain_bytes_are_buffers(buffer):
    assert bytes(byte_view(buffer)) == b"abc"


def test_a_count_takes_the_first_elements():
    x = np.arange(5.0)
    assert bytes(byte_view([x, 2])) == x[:2].tobytes()
    assert bytes(byte_view((x, 0))) == b""
    assert flat_array([x]).size == 5


@pytest.mark.parametrize("spec", [[], [1, 2], [[1.0], 2], [np.zeros(2), 1, None, 3], {}])
def test_what_is_no_buffer_is_a_type_error(spec):
    with pytest.raises(TypeError, match="message"):
        byte_view(spec)


def test_mpi4py_datatypes_are_understood_by_their_size():
    class Datatype:
        def Get_size(self):
            return 8

    assert flat_array([np.arange(3.0), Datatype()]).tolist() == [0, 1, 2]
    assert flat_array([np.arange(3.0), 2, Datatype()]).tolist() == [0, 1]
    with pytest.raises(TypeError, match="8 bytes for float32"):
        flat_array([np.zeros(3, np.float32), Datatype()])
