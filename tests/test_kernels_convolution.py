import numpy as np
import pytest
import scipy.signal
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.gpu import cuda
from dlpar.gpu.lockstep.kernel import Launch
from dlpar.kernels.convolution import (
    ALGORITHMS,
    convolve,
    convolve_backward_data,
    convolve_backward_filter,
    estimated_seconds,
    fft,
    find_algorithm,
    find_algorithms,
    multiplications,
    problem_of,
)

few = settings(deadline=None, max_examples=15)
seeds = st.integers(0, 2**32 - 1)


def normal(seed, *shape):
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def correlate(x, filters, stride, padding):
    """SciPy's cross-correlation in float64, image by image and channel by channel."""
    x = np.pad(x.astype(np.float64), [(0, 0), (0, 0), (padding, padding), (padding, padding)])
    y = [
        [
            sum(scipy.signal.correlate2d(c, g, "valid") for c, g in zip(image, f, strict=True))
            for f in filters.astype(np.float64)
        ]
        for image in x
    ]
    return np.array(y)[:, :, ::stride, ::stride]


@st.composite
def problems(draw, r=None, stride=None):
    """Small ones, with odd sides, filters that are no squares, padding and stride."""
    side, few_of = st.integers(1, 9), st.integers(1, 3)
    r, s = (r, r) if r else (draw(st.integers(1, 4)), draw(st.integers(1, 4)))
    stride, padding = stride or draw(st.integers(1, 3)), draw(st.integers(0, 3))
    h, w = (max(draw(side), t - 2 * padding) for t in (r, s))
    n, c, k = (draw(few_of) for _ in range(3))
    return problem_of((n, c, h, w), (k, c, r, s), stride, padding)


def able(problem):
    return [name for name, algorithm in ALGORITHMS.items() if algorithm.supports(problem)]


def assert_near(got, want):
    """To 1e-4 of the largest value: Winograd and FFT err by the scale of what they sum."""
    assert got.dtype == np.float32
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-4 * max(1e-9, abs(want).max()))


@few
@given(problem=problems(), seed=seeds)
def test_every_algorithm_that_can_is_the_cross_correlation(problem, seed):
    x, filters = normal(seed, *problem.x_shape), normal(seed + 1, *problem.filter_shape)
    want = correlate(x, filters, problem.stride, problem.padding)
    assert want.shape == problem.y_shape
    for name in able(problem):
        assert_near(convolve(x, filters, problem.stride, problem.padding, name), want)


@few
@given(problem=problems(r=3, stride=1), seed=seeds)
def test_all_five_agree_on_3_by_3_filters_at_stride_1(problem, seed):
    x, filters = normal(seed, *problem.x_shape), normal(seed + 1, *problem.filter_shape)
    want = correlate(x, filters, 1, problem.padding)
    assert able(problem) == ["direct", "im2col", "implicit_gemm", "winograd", "fft"]
    for name in ALGORITHMS:
        assert_near(convolve(x, filters, 1, problem.padding, name), want)


@few
@given(problem=problems(), seed=seeds)
def test_backward_is_the_transpose_of_forward(problem, seed):
    """<dy, conv(x, f)> is linear in x and in f: its slopes are what backward returns."""
    x, filters = normal(seed, *problem.x_shape), normal(seed + 1, *problem.filter_shape)
    dy = normal(seed + 2, *problem.y_shape)
    stride, padding = problem.stride, problem.padding

    def along(x, filters):
        return float(np.vdot(dy.astype(np.float64), correlate(x, filters, stride, padding)))

    want_x, want_filters = np.empty(x.shape), np.empty(filters.shape)
    for want, array, of in (
        (want_x, x, lambda unit: along(unit, filters)),
        (want_filters, filters, lambda unit: along(x, unit)),
    ):
        for at in np.ndindex(array.shape):
            unit = np.zeros(array.shape)
            unit[at] = 1  # the map is linear: this is its central difference, at any h
            want[at] = of(unit)
    for name in ("direct", "im2col"):
        dx = convolve_backward_data(dy, filters, x.shape, stride, padding, name)
        assert_near(dx, want_x)
        dfilters = convolve_backward_filter(x, dy, filters.shape, stride, padding, name)
        assert_near(dfilters, want_filters)


@pytest.mark.parametrize("name", ["implicit_gemm", "winograd", "fft"])
@pytest.mark.parametrize("padding", [0, 1, 2])
def test_backward_by_flipped_filters_is_that_of_direct(name, padding):
    dy, filters = normal(0, 2, 4, 3 + 2 * padding, 5 + 2 * padding), normal(1, 4, 3, 3, 3)
    want = convolve_backward_data(dy, filters, (2, 3, 5, 7), 1, padding, "direct")
    assert_near(convolve_backward_data(dy, filters, (2, 3, 5, 7), 1, padding, name), want)


@pytest.mark.peer("torch")
@pytest.mark.parametrize(
    ("x_shape", "filter_shape", "stride", "padding"),
    [
        ((2, 3, 9, 8), (4, 3, 3, 3), 1, 1),
        ((1, 2, 7, 5), (3, 2, 3, 2), 2, 0),
        ((2, 1, 12, 12), (2, 1, 5, 5), 3, 2),
    ],
)
def test_convolution_is_pytorchs_forward_and_backward(x_shape, filter_shape, stride, padding):
    import torch

    x, filters = normal(0, *x_shape), normal(1, *filter_shape)
    tensors = torch.tensor(x, requires_grad=True), torch.tensor(filters, requires_grad=True)
    theirs = torch.nn.functional.conv2d(*tensors, stride=stride, padding=padding)
    dy = normal(2, *theirs.shape)
    theirs.backward(torch.tensor(dy))
    how = stride, padding
    for name in able(problem_of(x_shape, filter_shape, *how)):
        assert_near(convolve(x, filters, *how, name), theirs.detach().numpy())
    for name in ("direct", "im2col"):
        assert_near(
            convolve_backward_data(dy, filters, x_shape, *how, name), tensors[0].grad.numpy()
        )
        assert_near(
            convolve_backward_filter(x, dy, filter_shape, *how, name), tensors[1].grad.numpy()
        )


def test_what_is_on_the_device_stays_there():
    x, filters = cuda.to_device(normal(0, 1, 1, 4, 4)), normal(1, 1, 1, 3, 3)
    for name in ALGORITHMS:
        assert cuda.is_cuda_array(convolve(x, filters, algorithm=name))


# Counting: a meter on every launch


class Tally:
    """Counts what the closed forms count: multiplications, and bytes to and from global memory."""

    PRODUCTS = (  # what stands in the line, and how many of its float operations multiply
        ("total += a_tile[ty, k] * b_tile[k, tx]", 1, 2),
        ("total += a_tile[ty, t] * b_tile[t, tx]", 1, 2),
        ("total += x[n, c, row, column] * filters[k, c, r, s]", 1, 2),
        ("total += x[n * channels + c, i, j].conjugate() * filters[", 4, 2),
        ("turned = line[first + length] * roots[", 4, 1),
        (".real * scale", 1, 1),
    )

    def __init__(self):
        self.products, self.nbytes, self.allocated = 0, 0, 0

    def begin(self, m):
        pass

    def statement(self, m, site):
        pass

    branch = barrier = fma = lambda self, *_: None

    def flops(self, m, site):
        for text, each, of in self.PRODUCTS:
            if text in site.text:
                self.products += self.lanes(m) * each / of

    def access(self, m, kind, view, at, access):
        if view.store.space == "global":
            self.nbytes += self.lanes(m) * view.dtype.itemsize

    def lanes(self, m):
        return m.count if m.active is None else int(m.active.sum())


@pytest.fixture
def tally(monkeypatch):
    """Count every launch of the test, and every array that is made on the device."""
    found, run, allocate = Tally(), Launch.__call__, cuda.device_array

    def counted(launch, *args):
        launch.meter = found
        return run(launch, *args)

    def device_array(*args, **words):
        array = allocate(*args, **words)
        found.allocated += array.nbytes
        return array

    monkeypatch.setattr(Launch, "__call__", counted)
    monkeypatch.setattr(cuda, "device_array", device_array)
    return found


# Multiples of the tile, since beyond its edge a product of tiles multiplies zeros; no padding,
# since a tap in the padding is skipped; and an image that FFT need not enlarge.
EVEN = problem_of((2, 16, 10, 18), (32, 16, 3, 3))
WHOLE = problem_of((1, 16, 32, 32), (16, 16, 1, 1))


@pytest.mark.parametrize("name", ALGORITHMS)
def test_multiplications_and_bytes_are_their_closed_forms(name, tally):
    problem = WHOLE if name == "fft" else EVEN
    filters = cuda.to_device(normal(1, *problem.filter_shape))
    convolve(cuda.to_device(normal(0, *problem.x_shape)), filters, algorithm=name)
    assert tally.products == multiplications(problem, name)
    nbytes = sum(stage.nbytes for stage in ALGORITHMS[name].stages(problem))
    assert tally.nbytes == nbytes


def test_winograd_multiplies_2_25_times_less(tally):
    x, filters = normal(0, *EVEN.x_shape), normal(1, *EVEN.filter_shape)
    convolve(x, filters, algorithm="direct")
    direct, tally.products = tally.products, 0
    convolve(x, filters, algorithm="winograd")
    assert direct / tally.products == 36 / 16 == 2.25


ODD = problem_of((2, 3, 7, 5), (4, 3, 3, 3), 1, 1)


@pytest.mark.parametrize(
    ("problem", "name"), [(p, name) for p in (EVEN, WHOLE, ODD) for name in able(p)]
)
def test_the_workspace_is_what_is_allocated(problem, name, tally):
    x = cuda.to_device(normal(0, *problem.x_shape))
    filters = cuda.to_device(normal(1, *problem.filter_shape))
    y = convolve(x, filters, problem.stride, problem.padding, name)
    roots = 8 * fft.side_of(problem) // 2 if name == "fft" else 0  # copied, not allocated
    assert tally.allocated - y.nbytes + roots == ALGORITHMS[name].workspace(problem)


def test_im2col_inflates_an_image_by_the_filters_area():
    problem = problem_of((8, 16, 30, 30), (4, 16, 3, 3), padding=1)
    assert ALGORITHMS["im2col"].workspace(problem) == 9 * 4 * 16 * 30 * 30  # of one image


# The choice


@settings(deadline=None, max_examples=100)
@given(
    sizes=st.tuples(*[st.integers(1, 64)] * 5),
    r=st.integers(1, 11),
    stride=st.integers(1, 2),
    limits=st.lists(st.integers(0, 10**9), min_size=2, max_size=5),
)
def test_more_workspace_is_never_slower_and_the_choice_keeps_to_the_limit(sizes, r, stride, limits):
    n, c, h, w, k = sizes
    shapes = (n, c, h + r, w + r), (k, c, r, r)
    problem = problem_of(*shapes, stride)
    choices = [find_algorithm(*shapes, limit, stride) for limit in sorted(limits)]
    times = [choice.seconds for choice in choices]
    assert times == sorted(times, reverse=True)
    for limit, choice in zip(sorted(limits), choices, strict=True):
        assert choice.workspace == ALGORITHMS[choice.algorithm].workspace(problem) <= limit
        assert choice.seconds == min(
            estimated_seconds(problem, name)
            for name in able(problem)
            if ALGORITHMS[name].workspace(problem) <= limit
        )


def test_the_choice_is_by_whatever_clock_it_is_given():
    shapes = (1, 4, 8, 8), (4, 4, 3, 3)
    slow = {"direct": 3, "im2col": 2, "implicit_gemm": 5, "winograd": 4, "fft": 1}
    found = find_algorithms(*shapes, time=lambda problem, name: slow[name])
    assert [choice.algorithm for choice in found] == sorted(slow, key=slow.get)
    least = find_algorithm(*shapes, 0, time=lambda problem, name: slow[name])
    assert least.algorithm == "direct"


def test_by_counted_cost_large_filters_are_for_fft_and_none_needs_no_workspace():
    small = (16, 64, 56, 56), (64, 64, 3, 3)
    large = (16, 64, 64, 64), (64, 64, 31, 31)
    assert find_algorithm(*large, 10**12).algorithm == "fft"
    assert find_algorithm(*small, 10**12, padding=1).algorithm != "fft"
    assert find_algorithm(*small, 0, padding=1).algorithm == "implicit_gemm"


def test_what_does_not_fit_is_refused_before_anything_runs(tally):
    x, filters = normal(0, 1, 2, 5, 5), normal(1, 3, 2, 3, 3)
    with pytest.raises(ValueError, match="needs x"):
        convolve(x, normal(0, 3, 1, 3, 3))
    with pytest.raises(ValueError, match="do not fit into the padded image"):
        convolve(x, normal(0, 3, 2, 6, 3))
    with pytest.raises(ValueError, match="algorithm must be one of"):
        convolve(x, filters, algorithm="guess")
    with pytest.raises(ValueError, match="winograd cannot do"):
        convolve(x, filters, stride=2, algorithm="winograd")
    with pytest.raises(ValueError, match="start at 1 and padding at 0"):
        convolve(x, filters, padding=-1)
    with pytest.raises(ValueError, match="x must be float32"):
        convolve(x.astype(float), filters)
    with pytest.raises(ValueError, match="dy must have the shape of y"):
        convolve_backward_data(x, filters, x.shape)
    with pytest.raises(ValueError, match="flipped filters need"):
        convolve_backward_data(normal(0, 1, 3, 2, 2), filters, x.shape, 2, 0, "fft")
    with pytest.raises(ValueError, match="workspace_limit"):
        find_algorithm(x.shape, filters.shape, -1)
    assert tally.nbytes == 0
