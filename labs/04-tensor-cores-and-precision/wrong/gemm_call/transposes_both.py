"""Turns both by T, and gets the product column by column."""

CAUGHT = r"a \(3, 3\) strides \(3, 1\), b \(3, 3\) strides \(3, 1\), c strides \(3, 1\): afterwards"


def gemm_call(a_shape, a_strides, b_shape, b_strides, c_strides):
    def seen(shape, strides):
        by_rows = strides[1] == 1 and strides[0] >= shape[1]
        return ("N", strides[0]) if by_rows else ("T", strides[1])

    (of_a, lda), (of_b, ldb) = seen(a_shape, a_strides), seen(b_shape, b_strides)
    m, k = a_shape
    n = b_shape[1]

    turned = {"N": "T", "T": "N"}
    return turned[of_a], turned[of_b], m, n, k, "a", lda, "b", ldb, c_strides[0]
