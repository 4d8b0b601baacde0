"""BLAS on our kernels: `scal axpy dot nrm2 iamax gemv gemm` in single precision, as in Fortran.

Arrays are memory: flat, or column-major in two dimensions. A vector is every `inc`-th element from
the first on, or with a negative `inc` backwards from the last. A matrix is column-major: element
(i, j) is `a[i + j * lda]`, counted from 0. What a routine changes it changes in place, on the host
or on the device, and returns. Source: Dongarra et al., "A Set of Level 3 Basic Linear Algebra
Subprograms", ACM TOMS 1990, and the two papers before it.
"""

from dlpar.kernels.blas.level1 import axpy as axpy
from dlpar.kernels.blas.level1 import dot as dot
from dlpar.kernels.blas.level1 import iamax as iamax
from dlpar.kernels.blas.level1 import nrm2 as nrm2
from dlpar.kernels.blas.level1 import scal as scal
from dlpar.kernels.blas.level2 import gemv as gemv
from dlpar.kernels.blas.level3 import gemm as gemm
