"""Passes a and b as they stand."""

CAUGHT = r"a \(3, 3\) strides \(3, 1\), b \(3, 3\) strides \(3, 1\), c strides \(3, 1\): afterwards"


def gemm_call(a_shape, a_strides, b_shape, b_strides, c_strides):
    def seen(shape, strides):
        by_rows = strides[1] == 1 and strides[0] >= shape[1]
        return ("N", strides[0]) if by_rows else ("T", strides[1])

    (of_a, lda), (of_b, ldb) = seen(a_shape, a_strides), seen(b_shape, b_strides)
    m, k = a_shape
    n = b_shape[1]

    return of_a, of_b, m, n, k, "a", lda, "b", ldb, c_strides[0]
