"""Knows no piece of a wider array."""

CAUGHT = r"a \(3, 2\) strides \(5, 1\), b \(2, 4\) strides \(4, 1\), c strides \(4, 1\): afterwards"


def gemm_call(a_shape, a_strides, b_shape, b_strides, c_strides):
    def seen(shape, strides):
        by_rows = strides[1] == 1 and strides[0] >= shape[1]
        return ("N", shape[1]) if by_rows else ("T", shape[0])

    (of_a, lda), (of_b, ldb) = seen(a_shape, a_strides), seen(b_shape, b_strides)
    m, k = a_shape
    n = b_shape[1]

    return of_b, of_a, n, m, k, "b", ldb, "a", lda, c_strides[0]
