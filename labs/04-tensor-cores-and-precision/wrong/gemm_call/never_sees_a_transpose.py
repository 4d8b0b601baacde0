"""Takes every array by rows."""

CAUGHT = r"a \(2, 3\) strides \(1, 2\), b \(3, 5\) strides \(5, 1\), c strides \(5, 1\): \('N', 'N'"


def gemm_call(a_shape, a_strides, b_shape, b_strides, c_strides):
    def seen(shape, strides):
        return "N", max(strides)

    (of_a, lda), (of_b, ldb) = seen(a_shape, a_strides), seen(b_shape, b_strides)
    m, k = a_shape
    n = b_shape[1]

    return of_b, of_a, n, m, k, "b", ldb, "a", lda, c_strides[0]
