"""Swaps the matrices, and leaves N and T in their places."""

CAUGHT = r"a \(2, 3\) strides \(1, 2\), b \(3, 5\) strides \(5, 1\), c strides \(5, 1\): \('T', 'N'"


def gemm_call(a_shape, a_strides, b_shape, b_strides, c_strides):
    def seen(shape, strides):
        by_rows = strides[1] == 1 and strides[0] >= shape[1]
        return ("N", strides[0]) if by_rows else ("T", strides[1])

    (of_a, lda), (of_b, ldb) = seen(a_shape, a_strides), seen(b_shape, b_strides)
    m, k = a_shape
    n = b_shape[1]

    return of_a, of_b, n, m, k, "b", ldb, "a", lda, c_strides[0]
