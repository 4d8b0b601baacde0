"""Takes a turned column for an array by rows."""

CAUGHT = r"a \(1, 3\) strides \(1, 1\), b \(3, 4\) strides \(4, 1\), c strides \(4, 1\): \('N', 'N'"


def gemm_call(a_shape, a_strides, b_shape, b_strides, c_strides):
    def seen(shape, strides):
        by_rows = strides[1] == 1
        return ("N", strides[0]) if by_rows else ("T", strides[1])

    (of_a, lda), (of_b, ldb) = seen(a_shape, a_strides), seen(b_shape, b_strides)
    m, k = a_shape
    n = b_shape[1]

    return of_b, of_a, n, m, k, "b", ldb, "a", lda, c_strides[0]
