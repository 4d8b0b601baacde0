"""The layers that know where a pixel stands: x is (batch, channels, height, width)."""

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view

from dlpar.data import checked_generator
from dlpar.nn.layers import fit


class Conv2d:
    """y[n, o] = b[o] + sum over c, i, j of W[o, c, i, j] * the pixels of x[n, c] under the kernel.

    x (batch, c_in, h, w), W (c_out, c_in, k, k), b (c_out,), y (batch, c_out, h_out, w_out) with
    h_out = (h + 2 padding - k) // stride + 1. Like every library's, it is a cross-correlation: the
    kernel is not flipped.

    The patches under the kernel are copied into one matrix, and the rest is a matrix product; the
    copy takes k * k / stride**2 times the memory of x. W is normal with variance 2 / (c_in k k).
    Source: Chellapilla, Puri & Simard, IWFHR 2006 (the copy); He et al., ICCV 2015 (the variance).
    """

    parameters = ("W", "b")

    def __init__(self, c_in, c_out, k, rng, stride=1, padding=0):
        """Draw W from the generator `rng`; float64 until a Model takes the layer in."""
        if min(c_in, c_out, k, stride) < 1 or padding < 0:
            raise ValueError(
                f"c_in, c_out, k and stride must be at least 1 and padding at least 0, "
                f"got {c_in}, {c_out}, {k}, {stride} and {padding}"
            )
        self.W = checked_generator(rng).normal(0, np.sqrt(2 / (c_in * k * k)), (c_out, c_in, k, k))
        self.b = np.zeros(c_out)
        self.dW, self.db = np.empty_like(self.W), np.empty_like(self.b)
        self.k, self.stride, self.padding = k, stride, padding
        self.padded: np.ndarray = np.empty(0)
        self.patches: np.ndarray = np.empty(0)
        self.dpatches: np.ndarray = np.empty(0)
        self.y: np.ndarray = np.empty(0)
        self.dx: np.ndarray = np.empty(0)

    def forward(self, x):
        """Return y for x (batch, c_in, h, w). Raises ValueError if x has another shape."""
        c_out, c_in, k, _ = self.W.shape
        if x.ndim != 4 or x.shape[1] != c_in or min(x.shape[2:]) + 2 * self.padding < k:
            raise ValueError(
                f"Conv2d({c_in}, {c_out}, {k}) needs x (batch, {c_in}, h, w) that holds "
                f"the kernel, got {x.shape}"
            )
        windows = sliding_window_view(self._pad(x), (k, k), axis=(2, 3))
        windows = windows[:, :, :: self.stride, :: self.stride]  # (batch, c_in, h_out, w_out, k, k)
        batch, _, h_out, w_out = windows.shape[:4]
        self.patches = fit(self.patches, (batch, c_in, k, k, h_out, w_out), self.W.dtype)
        self.patches[...] = windows.transpose(0, 1, 4, 5, 2, 3)
        self.y = fit(self.y, (batch, c_out, h_out, w_out), self.W.dtype)
        y = self.y.reshape(batch, c_out, h_out * w_out)
        np.matmul(self.W.reshape(c_out, -1), self._matrices(), out=y)  # (c_out, ckk) @ (ckk, hw)
        y += self.b[:, None]
        return self.y

    def backward(self, dy, need_dx=True):
        """Take dL/dy, of the shape of y; set dW and db; return dL/dx if needed."""
        batch, c_out, h_out, w_out = dy.shape
        rows = dy.reshape(batch, c_out, h_out * w_out)
        by_image = np.matmul(rows, self._matrices().transpose(0, 2, 1))  # (batch, c_out, ckk)
        np.add.reduce(by_image, axis=0, out=self.dW.reshape(c_out, -1))
        np.add.reduce(rows, axis=(0, 2), out=self.db)
        if not need_dx:
            return None
        self.dpatches = fit(self.dpatches, self.patches.shape, self.W.dtype)
        columns = self.dpatches.reshape(batch, -1, h_out * w_out)
        np.matmul(self.W.reshape(c_out, -1).T, rows, out=columns)
        self.dx = fit(self.dx, self.padded.shape, self.W.dtype)
        self.dx[...] = 0
        s = self.stride
        for i in range(self.k):  # a pixel lies under up to k * k kernels: add up what comes back
            for j in range(self.k):
                under = self.dx[:, :, i : i + s * h_out : s, j : j + s * w_out : s]
                under += self.dpatches[:, :, i, j]
        return self._crop(self.dx)

    def _matrices(self):
        """Return the patches as one matrix an image: (batch, c_in * k * k, h_out * w_out)."""
        pixels = self.patches.shape[-2] * self.patches.shape[-1]
        return self.patches.reshape(len(self.patches), -1, pixels)

    def _pad(self, x):
        if self.padding == 0:
            self.padded = x
            return x
        batch, c_in, h, w = x.shape
        shape = (batch, c_in, h + 2 * self.padding, w + 2 * self.padding)
        if self.padded.shape != shape:
            self.padded = np.zeros(shape, self.W.dtype)  # the rim stays 0
        self._crop(self.padded)[...] = x
        return self.padded

    def _crop(self, padded):
        p = self.padding
        return padded[:, :, p : padded.shape[2] - p, p : padded.shape[3] - p]


class _Pool2d:
    """What the two poolings share: windows of k x k pixels side by side, the rest left out."""

    parameters = ()

    def __init__(self, k):
        """Pool windows of k x k pixels, k of them apart."""
        if k < 1:
            raise ValueError(f"k must be at least 1, got {k}")
        self.k = k
        self._places = [(i, j) for i in range(k) for j in range(k)]  # in a window, row by row

    def _windows(self, x):
        """View x (batch, c, h, w) as (batch, c, h // k, w // k, k, k)."""
        batch, c = x.shape[:2]
        k, h_out, w_out = self.k, x.shape[2] // self.k, x.shape[3] // self.k
        if h_out == 0 or w_out == 0:
            raise ValueError(f"{type(self).__name__}({k}) needs an x that holds it, got {x.shape}")
        inside = x[:, :, : h_out * k, : w_out * k]
        return inside.reshape(batch, c, h_out, k, w_out, k).transpose(0, 1, 2, 4, 3, 5)


class MaxPool2d(_Pool2d):
    """y (batch, c, h // k, w // k) is the largest pixel of each k x k window of x.

    Where pixels are equally large the first one, row by row, gets the gradient.
    """

    def __init__(self, k):
        """Pool windows of k x k pixels, k of them apart."""
        super().__init__(k)
        self.y: np.ndarray = np.empty(0)

    def forward(self, x):
        """Return y for x (batch, c, h, w)."""
        windows = self._windows(x)
        self.x = x  # kept for backward
        self.y = fit(self.y, windows.shape[:4], x.dtype)
        self.y[...] = windows[..., 0, 0]
        for i, j in self._places[1:]:
            np.maximum(self.y, windows[..., i, j], out=self.y)
        return self.y

    def backward(self, dy):
        """Take dL/dy, of the shape of y; return dL/dx."""
        dx = np.zeros(self.x.shape, dy.dtype)
        pixels, slopes = self._windows(self.x), self._windows(dx)
        open_still = np.ones(dy.shape, np.bool_)  # windows whose largest pixel is not found yet
        for i, j in self._places:
            here = pixels[..., i, j] == self.y
            here &= open_still
            open_still ^= here
            np.multiply(dy, here, out=slopes[..., i, j])
        return dx


class AvgPool2d(_Pool2d):
    """y (batch, c, h // k, w // k) is the mean of each k x k window of x."""

    def forward(self, x):
        """Return y for x (batch, c, h, w)."""
        self.shape = x.shape
        return self._windows(x).mean(axis=(4, 5))

    def backward(self, dy):
        """Take dL/dy, of the shape of y; return dL/dx."""
        dx = np.zeros(self.shape, dy.dtype)
        self._windows(dx)[...] = dy[..., None, None] / self.k**2
        return dx


class Flatten:
    """y (batch, everything else) is x in another shape: the step from images to Linear."""

    parameters = ()

    def forward(self, x):
        """Return x as (batch, -1)."""
        self.shape = x.shape
        return x.reshape(len(x), -1)

    def backward(self, dy):
        """Return dL/dy in the shape of x."""
        return dy.reshape(self.shape)
