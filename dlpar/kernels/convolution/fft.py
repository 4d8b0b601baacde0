"""Convolution by FFT: in the frequency domain a correlation is one product for each frequency.

Images and filters are padded with zeros to a square of side f, a power of two that holds the
padded image: then no wrapped-around product reaches the p x q outputs that are kept.
Source: Mathieu, Henaff & LeCun, "Fast Training of Convolutional Networks through FFTs", 2014.
"""

import numpy as np

from dlpar.gpu import complex64, cuda, float32, uint32
from dlpar.kernels.convolution.problem import COMPLEX, FLOAT, Stage
from dlpar.kernels.indices import unravel
from dlpar.kernels.launching import THREADS, blocks_for

LONGEST = 512  # points of a line: it lies in 4 KiB of shared memory


@cuda.jit
def pad_planes(x, padding, planes):
    """planes[n c, i, j] = x[n, c, i - padding, j - padding], and 0 outside of x.

    x : (n, c, h, w) float32.  planes : (n c, f, f) complex64, overwritten.  Both on the device.
    Launch [blocks, threads] with blocks * threads >= planes.size.
    """
    t = cuda.grid(1)
    if t < planes.size:
        side = planes.shape[1]
        plane, i, j = t // (side * side), t // side % side, t % side
        n, c, row, column = plane // x.shape[1], plane % x.shape[1], i - padding, j - padding
        inside = 0 <= row < x.shape[2] and 0 <= column < x.shape[3]
        planes[plane, i, j] = complex64(x[n, c, row, column] if inside else float32(0))


@cuda.jit
def fft_lines(planes, roots, bits, columns):
    """Transform in place each row, or with `columns` each column, of each plane: radix 2.

    planes : (count, f, f) complex64, device, f = 2**bits, 1 <= bits <= 9.
    roots : (f / 2,) complex64, device: exp(-2 pi i t / f).
    Launch [(count, f), f / 2]: a block takes one line. Shared: 8 * LONGEST bytes a block.
    A line is loaded in bit-reversed order; then blocks of 2, 4, ..., f points are made from pairs
    of blocks of half that length: f / 2 butterflies a stage, one each thread.
    Source: Cooley & Tukey, Math. Comp. 1965.
    """
    line = cuda.shared.array(LONGEST, complex64)
    plane, number, t = cuda.blockIdx.x, cuda.blockIdx.y, cuda.threadIdx.x
    half = planes.shape[1] // 2
    for i in range(t, 2 * half, half):
        place = cuda.brev(uint32(i)) >> uint32(32 - bits)
        line[place] = planes[plane, i, number] if columns else planes[plane, number, i]
    cuda.syncthreads()
    length = 1  # of the blocks that are transformed already
    while length <= half:
        j = t % length
        first = 2 * (t - j) + j
        turned = line[first + length] * roots[j * (half // length)]
        line[first], line[first + length] = line[first] + turned, line[first] - turned
        cuda.syncthreads()  # the next pairs are other threads' results
        length *= 2
    for i in range(t, 2 * half, half):
        if columns:
            planes[plane, i, number] = line[i]
        else:
            planes[plane, number, i] = line[i]


@cuda.jit
def correlate_spectra(x, filters, channels, y):
    """y[n k] = sum over c of conj(x[n c]) filters[k c], frequency by frequency.

    x : (n c, f, f).  filters : (k c, f, f).  y : (n k, f, f), overwritten.  complex64, device.
    The conjugate of the correlation's spectrum: then the forward transform, once more, brings
    back the conjugate of the outputs, which are real. No inverse transform is needed.
    Launch [blocks, threads] with blocks * threads >= y.size.
    """
    t = cuda.grid(1)
    if t < y.size:
        side = y.shape[1]
        plane, i, j = t // (side * side), t // side % side, t % side
        filter_count = filters.shape[0] // channels
        n, k = plane // filter_count, plane % filter_count
        total = complex64(0)
        for c in range(channels):
            total += x[n * channels + c, i, j].conjugate() * filters[k * channels + c, i, j]
        y[plane, i, j] = total


@cuda.jit
def crop_planes(planes, scale, y):
    """y[n, k, p, q] = scale times the real part of planes[n k, p, q].

    planes : (n k, f, f) complex64.  scale : float32.  y : (n, k, p, q) float32, overwritten.
    Launch [blocks, threads] with blocks * threads >= y.size.
    """
    i = cuda.grid(1)
    if i < y.size:
        n, k, p, q = unravel(i, y.shape)
        y[n, k, p, q] = planes[n * y.shape[1] + k, p, q].real * scale


def forward(problem, x, filters):
    """Return y, device, for device arrays of the problem's shapes."""
    f = side_of(problem)
    roots = cuda.to_device(np.exp(-2j * np.pi * np.arange(f // 2) / f).astype(np.complex64))
    spectra = []
    for array, padding in ((x, problem.padding), (filters, 0)):
        planes = cuda.device_array((array.shape[0] * array.shape[1], f, f), np.complex64)
        pad_planes[blocks_for(planes.size), THREADS](array, padding, planes)
        spectra.append(_transform(planes, roots))
    product = cuda.device_array((problem.n * problem.k, f, f), np.complex64)
    correlate_spectra[blocks_for(product.size), THREADS](*spectra, problem.c, product)
    _transform(product, roots)
    y = cuda.device_array(problem.y_shape, np.float32)
    crop_planes[blocks_for(y.size), THREADS](product, np.float32(1 / f**2), y)
    return y


def _transform(planes, roots):
    """Transform (count, f, f) planes in place, and return them."""
    count, f, _ = planes.shape
    for columns in (False, True):
        fft_lines[(count, f), f // 2](planes, roots, f.bit_length() - 1, columns)
    return planes


def side_of(problem):
    """Return f: the smallest power of two, from 2 on, that holds the padded image."""
    longest = max(problem.h, problem.w) + 2 * problem.padding
    return max(2, 1 << (longest - 1).bit_length())


def supports(problem):
    """Whether it can: stride 1 and a line that fits into shared memory."""
    return problem.stride == 1 and side_of(problem) <= LONGEST


def workspace(problem):
    """Return the bytes of all planes and of the roots: 8 f**2 (n c + k c + n k) + 4 f."""
    f = side_of(problem)
    return COMPLEX * (f * f * _planes(problem) + f // 2)


def _planes(problem):
    return problem.n * problem.c + problem.k * problem.c + problem.n * problem.k


def stages(problem):
    """Return the four Stages; a complex multiplication counts as 4."""
    n, k, p, q = problem.y_shape
    c, f = problem.c, side_of(problem)
    lines, butterflies = 2 * f * _planes(problem), f // 2 * (f.bit_length() - 1)
    frequencies, given = f * f, n * c * problem.h * problem.w + k * c * problem.r * problem.s
    return [
        Stage("pad", 0, COMPLEX * frequencies * c * (n + k) + FLOAT * given),
        Stage("fft", 4 * lines * butterflies, COMPLEX * lines * (2 * f + butterflies)),
        Stage("product", 4 * n * k * c * frequencies, COMPLEX * n * k * frequencies * (2 * c + 1)),
        Stage("crop", n * k * p * q, (COMPLEX + FLOAT) * n * k * p * q),
    ]
