"""Writes the rows of c one right after the other."""

CAUGHT = r"a \(3, 5\) strides \(5, 1\), b \(5, 2\) strides \(5, 1\), c strides \(4, 1\): the call w"


def gemm_call(a_shape, a_strides, b_shape, b_strides, c_strides):
    def seen(shape, strides):
        by_rows = strides[1] == 1 and strides[0] >= shape[1]
        return ("N", strides[0]) if by_rows else ("T", strides[1])

    (of_a, lda), (of_b, ldb) = seen(a_shape, a_strides), seen(b_shape, b_strides)
    m, k = a_shape
    n = b_shape[1]

    return of_b, of_a, n, m, k, "b", ldb, "a", lda, n
