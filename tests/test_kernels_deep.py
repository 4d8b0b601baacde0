import numpy as np
import pytest
import scipy.special
from hypothesis import given, settings
from hypothesis import strategies as st

from dlpar.data import digits
from dlpar.gpu import cuda
from dlpar.kernels import activations, layer_norm, linear, one_bit, pooling, sgd, softmax
from dlpar.kernels.network import Perceptron
from dlpar.nn import AvgPool2d, MaxPool2d, mlp, softmax_cross_entropy
from dlpar.optim import SGD, Momentum

few = settings(deadline=None, max_examples=12)
U = 2.0**-24  # the unit roundoff of float32

sides = st.integers(1, 40) | st.sampled_from([1, 15, 16, 17, 31, 32, 33, 65])
seeds = st.integers(0, 2**32 - 1)


def normal(seed, *shape, scale=1.0):
    return (scale * np.random.default_rng(seed).normal(size=shape)).astype(np.float32)


def whole(seed, *shape):
    """Small whole numbers: float32 adds and multiplies them without rounding."""
    return np.random.default_rng(seed).integers(-4, 5, shape).astype(np.float32)


def slope(f, x, h=1e-6):
    """The central difference of f, a float of x, entry by entry, in float64: error about h**2."""
    x = x.astype(np.float64)
    found = np.empty_like(x)
    for at in np.ndindex(x.shape):
        up, down = x.copy(), x.copy()
        up[at] += h
        down[at] -= h
        found[at] = (f(up) - f(down)) / (2 * h)
    return found


# Activations: NumPy and SciPy in float64. A float32 function of a CUDA library is right to a few
# units in the last place; what it is multiplied by, and the sum before erf's rounding, to one each.

FORWARD = {
    activations.relu: lambda x: np.maximum(x, 0),
    activations.sigmoid: scipy.special.expit,
    activations.tanh: np.tanh,
    activations.gelu: lambda x: x * scipy.special.ndtr(x),
}
by_name = {"ids": lambda f: getattr(f, "__name__", None)}


@pytest.mark.parametrize("function", FORWARD, **by_name)
@few
@given(shape=st.lists(st.integers(0, 9), min_size=1, max_size=4), seed=seeds)
def test_an_activation_is_its_function(function, shape, seed):
    x = normal(seed, *shape, scale=3)
    got, want = function(x), FORWARD[function](x.astype(np.float64))
    assert got.dtype == np.float32
    assert got.shape == x.shape
    # sigmoid: exp's argument is exact. gelu: 1 + erf(x) cancels below 0: absolute in x then.
    np.testing.assert_allclose(got, want, rtol=16 * U, atol=16 * U * max(1, abs(x).max(initial=0)))


@pytest.mark.parametrize("function", FORWARD, **by_name)
def test_an_activation_takes_infinities_and_passes_nan_on(function):
    x = np.float32([-np.inf, -200, 200, np.inf, np.nan])
    y = function(x)
    top = np.float32([200, np.inf]) if function in (activations.relu, activations.gelu) else [1, 1]
    np.testing.assert_array_equal(y[2:4], top)
    assert np.isnan(y[4])
    bottom = -1 if function is activations.tanh else 0
    np.testing.assert_array_equal(y[1:2], bottom)


@pytest.mark.parametrize(
    ("function", "grad", "from_y"),
    [
        (activations.relu, activations.relu_grad, False),
        (activations.sigmoid, activations.sigmoid_grad, True),
        (activations.tanh, activations.tanh_grad, True),
        (activations.gelu, activations.gelu_grad, False),
    ],
    **by_name,
)
def test_an_activations_gradient_is_the_central_difference(function, grad, from_y):
    x, dy = normal(1, 5, 29), normal(2, 5, 29)
    got = grad(function(x) if from_y else x, dy)
    want = slope(lambda x: float(np.vdot(dy, FORWARD[function](x))), x)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-6)


def test_relu_has_slope_0_at_0():
    assert activations.relu_grad(np.zeros(1, np.float32), np.ones(1, np.float32)) == 0


def test_arrays_stay_where_they_are():
    assert cuda.is_cuda_array(activations.relu(cuda.to_device(normal(0, 3))))
    assert isinstance(activations.relu(normal(0, 3)), np.ndarray)


# Softmax


@few
@given(rows=st.integers(0, 9), columns=sides, seed=seeds, scale=st.sampled_from([1, 30, 1000]))
def test_softmax_is_scipys_by_rows(rows, columns, seed, scale):
    x = normal(seed, rows, columns, scale=scale)
    y = softmax.softmax(x)
    want = scipy.special.softmax(x.astype(np.float64), axis=1)
    # exp(x - top): the difference is rounded, U |x - top|, which exp makes a relative error; on the
    # way to the sum every rise of the maximum rounds once more. 4 U for each exp.
    spread = np.ptp(x, axis=1, keepdims=True) if rows else 0
    np.testing.assert_array_less(abs(y - want), want * U * (2 * spread + columns + 16) + 1e-37)


def test_softmax_does_not_overflow_and_takes_minus_infinity():
    x = np.float32([[3e38, 3e38, -np.inf], [-3e38, -3e38, -np.inf], [0, -np.inf, -np.inf]])
    np.testing.assert_array_equal(softmax.softmax(x), [[0.5, 0.5, 0], [0.5, 0.5, 0], [1, 0, 0]])


def test_softmax_backward_is_the_central_difference():
    x, dy = normal(3, 3, 35), normal(4, 3, 35)
    got = softmax.softmax_grad(softmax.softmax(x), dy)
    want = slope(lambda x: float(np.vdot(dy, scipy.special.softmax(x, axis=1))), x)
    np.testing.assert_allclose(got, want, rtol=1e-5, atol=1e-7)


@few
@given(batch=st.integers(1, 40), classes=sides, seed=seeds)
def test_cross_entropy_and_its_gradient_are_those_of_nn(batch, classes, seed):
    scores = normal(seed, batch, classes, scale=5)
    labels = np.random.default_rng(seed).integers(0, classes, batch)
    loss, dscores = softmax.softmax_cross_entropy(scores, labels)
    want, dwant = softmax_cross_entropy(scores.astype(np.float64), labels)
    size = U * (np.ptp(scores) * 2 + classes + batch + 16)  # as in softmax; and a sum by batch
    assert abs(loss - want) <= size * (abs(want) + np.ptp(scores) + 1)
    np.testing.assert_allclose(dscores, dwant, atol=size / batch)


def test_softmax_refuses_what_it_cannot_take():
    x = normal(0, 2, 3)
    with pytest.raises(ValueError, match="with a column"):
        softmax.softmax(x[:, :0])
    with pytest.raises(ValueError, match="x must be float32, got float64"):
        softmax.softmax(x.astype(float))
    with pytest.raises(ValueError, match=r"whole numbers in 0 \.\. 2"):
        softmax.softmax_cross_entropy(x, np.array([0, 3]))
    with pytest.raises(ValueError, match="as many labels"):
        softmax.softmax_cross_entropy(x, np.array([0]))


# Linear layers


@few
@given(m=sides, k=sides, n=sides, flags=st.tuples(st.booleans(), st.booleans()), seed=seeds)
def test_a_product_is_numpys_whichever_side_is_transposed(m, k, n, flags, seed):
    a, b, c = whole(seed, m, k), whole(seed + 1, k, n), whole(seed + 2, m, n)
    left = np.ascontiguousarray(a.T) if flags[0] else a
    right = np.ascontiguousarray(b.T) if flags[1] else b
    np.testing.assert_array_equal(linear.multiply(left, right, *flags), a @ b)
    out = cuda.to_device(c)
    linear.multiply(left, right, *flags, out=out, accumulate=True)
    np.testing.assert_array_equal(out.copy_to_host(), c + a @ b)
    linear.multiply(left, right, *flags, out=out)
    np.testing.assert_array_equal(out.copy_to_host(), a @ b)


def test_a_linear_layer_and_its_gradients_are_those_of_nn():
    x, W, b, dy = whole(0, 19, 33), whole(1, 33, 7), whole(2, 7), whole(3, 19, 7)
    np.testing.assert_array_equal(linear.linear(x, W, b), x @ W + b)
    dx, dW, db = linear.linear_grad(x, W, dy)
    np.testing.assert_array_equal(dx, dy @ W.T)
    np.testing.assert_array_equal(dW, x.T @ dy)
    np.testing.assert_array_equal(db, dy.sum(axis=0))


def test_products_that_do_not_fit_are_refused():
    a = normal(0, 2, 3)
    with pytest.raises(ValueError, match=r"cannot multiply \(2, 3\) by \(2, 3\)"):
        linear.multiply(a, a)
    with pytest.raises(ValueError, match=r"into \(2, 3\)"):
        linear.multiply(a, a, transpose_b=True, out=cuda.to_device(a))
    with pytest.raises(ValueError, match="an entry a column"):
        linear.linear(a, normal(0, 3, 4), normal(0, 3))


# Layer norm


def normalised(x, gain, bias, eps=1e-5):
    x = x.astype(np.float64)
    deviation = x - x.mean(axis=1, keepdims=True)
    return gain * deviation / np.sqrt((deviation**2).mean(axis=1, keepdims=True) + eps) + bias


@few
@given(rows=st.integers(0, 9), d=sides, seed=seeds, offset=st.sampled_from([0, 1000]))
def test_layer_norm_is_its_formula_also_far_from_0(rows, d, seed, offset):
    x, gain, bias = normal(seed, rows, d) + np.float32(offset), normal(1, d), normal(2, d)
    y, (means, scales) = layer_norm.layer_norm(x, gain, bias)
    # The mean is off by (d / 32 + 7) U |x|, and so is every deviation, which the scale, at most
    # 1 / sqrt(eps), and the gain enlarge; where it is right, d + 16 roundings.
    off = (d / 32 + 8) * U * abs(x).max(initial=0) * scales[:, None]
    limit = (abs(gain) + 1) * (4 * off * (1 + off) + (d + 16) * U * np.sqrt(d)) + U * abs(bias) * 2
    assert (abs(y - normalised(x, gain, bias)) <= limit).all()
    exact = x.mean(axis=1, dtype=np.float64)
    assert (abs(means - exact) <= (d / 32 + 8) * U * abs(x).max(initial=0)).all()


def test_layer_norms_gradients_are_central_differences():
    x, gain, bias, dy = normal(0, 3, 37), normal(1, 37), normal(2, 37), normal(3, 3, 37)
    _, statistics = layer_norm.layer_norm(x, gain, bias)
    grads = layer_norm.layer_norm_grad(x, gain, statistics, dy)
    wants = (
        slope(lambda x: float(np.vdot(dy, normalised(x, gain, bias))), x),
        slope(lambda gain: float(np.vdot(dy, normalised(x, gain, bias))), gain),
        slope(lambda bias: float(np.vdot(dy, normalised(x, gain, bias))), bias),
    )
    for got, want in zip(grads, wants, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=2e-6)


@pytest.mark.peer("torch")
@pytest.mark.parametrize(("rows", "d"), [(1, 1), (5, 33), (9, 64), (4, 100)])
def test_layer_norm_is_pytorchs_forward_and_backward(rows, d):
    import torch

    x, gain, bias, dy = normal(0, rows, d), normal(1, d), normal(2, d), normal(3, rows, d)
    tensors = [torch.tensor(array, requires_grad=True) for array in (x, gain, bias)]
    theirs = torch.nn.functional.layer_norm(tensors[0], (d,), *tensors[1:])
    theirs.backward(torch.tensor(dy))
    y, statistics = layer_norm.layer_norm(x, gain, bias)
    np.testing.assert_allclose(y, theirs.detach().numpy(), rtol=1e-5, atol=2e-6)
    grads = layer_norm.layer_norm_grad(x, gain, statistics, dy)
    for got, tensor in zip(grads, tensors, strict=True):
        limit = 1e-5 + 4 * U * statistics[1].max()  # at d = 1 theirs is the noise of a large scale
        np.testing.assert_allclose(got, tensor.grad.numpy(), rtol=1e-4, atol=limit)


def test_layer_norm_refuses_vectors_of_another_length():
    x = normal(0, 2, 3)
    with pytest.raises(ValueError, match=r"gain must be \(3,\)"):
        layer_norm.layer_norm(x, normal(0, 2), normal(0, 3))
    with pytest.raises(ValueError, match="eps must be above 0"):
        layer_norm.layer_norm(x, normal(0, 3), normal(0, 3), eps=0)
    with pytest.raises(ValueError, match="statistics must be two"):
        layer_norm.layer_norm_grad(x, normal(0, 3), (normal(0, 2), normal(0, 3)), x)


# Pooling


@few
@given(
    k=st.integers(1, 4), more=st.tuples(st.integers(0, 7), st.integers(0, 7)),
    channels=st.integers(1, 3), seed=seeds,
)  # fmt: skip
def test_pooling_side_by_side_is_that_of_nn(k, more, channels, seed):
    x = whole(seed, 2, channels, k + more[0], k + more[1])
    ours, places = pooling.max_pool(x, k)
    layer = MaxPool2d(k)
    np.testing.assert_array_equal(ours, layer.forward(x))
    dy = whole(seed + 1, *ours.shape)
    np.testing.assert_array_equal(
        pooling.max_pool_grad(dy, places, x.shape, k), layer.backward(dy.copy())
    )
    layer = AvgPool2d(k)
    np.testing.assert_allclose(pooling.average_pool(x, k), layer.forward(x), atol=20 * U * 4)
    np.testing.assert_allclose(
        pooling.average_pool_grad(dy, x.shape, k), layer.backward(dy.copy()), atol=4 * U * 4
    )


@pytest.mark.parametrize(("k", "stride"), [(3, 1), (3, 2), (2, 3)])
def test_pooling_with_windows_that_overlap_or_leave_gaps(k, stride):
    x = normal(5, 1, 2, 7, 8)  # no two equal: the maximum is where its gradient goes
    windows = np.lib.stride_tricks.sliding_window_view(x.astype(float), (k, k), axis=(2, 3))
    windows = windows[:, :, ::stride, ::stride]
    y, places = pooling.max_pool(x, k, stride)
    np.testing.assert_array_equal(y, windows.max(axis=(4, 5)))
    np.testing.assert_array_equal(x[0, 1].ravel()[places[0, 1]], y[0, 1])
    dy = normal(6, *y.shape)

    def pooled(x, how):
        windows = np.lib.stride_tricks.sliding_window_view(x, (k, k), axis=(2, 3))
        return float(np.vdot(dy, how(windows[:, :, ::stride, ::stride], axis=(4, 5))))

    grad = pooling.max_pool_grad(dy, places, x.shape, k, stride)
    np.testing.assert_allclose(grad, slope(lambda x: pooled(x, np.max), x), atol=1e-6)
    np.testing.assert_allclose(
        pooling.average_pool(x, k, stride), windows.mean(axis=(4, 5)), atol=1e-6
    )
    grad = pooling.average_pool_grad(dy, x.shape, k, stride)
    np.testing.assert_allclose(grad, slope(lambda x: pooled(x, np.mean), x), atol=1e-6)


def test_a_maximum_is_the_first_of_equals_and_nan_above_all():
    x = np.float32([[1, 7], [7, 7]]).reshape(1, 1, 2, 2)
    assert pooling.max_pool(x, 2)[1] == 1
    for place in range(4):
        with_nan = x.copy()
        with_nan.flat[place] = np.nan
        y, places = pooling.max_pool(with_nan, 2)
        assert np.isnan(y)
        assert places == place


def test_pooling_refuses_windows_that_do_not_fit():
    with pytest.raises(ValueError, match="holds a window"):
        pooling.max_pool(normal(0, 1, 1, 3, 2), 3)
    with pytest.raises(ValueError, match="dy must have shape"):
        pooling.average_pool_grad(normal(0, 1, 1, 2, 2), (1, 1, 3, 3), 2)


# Updates


@few
@given(d=st.integers(0, 300), seed=seeds)
def test_updates_are_those_of_optim(d, seed):
    w, lr = normal(seed, d), 0.25
    plain, heavy, speed = (cuda.to_device(x) for x in (w, w, np.zeros_like(w)))
    theirs, others = w.astype(np.float64), w.astype(np.float64)
    update, momentum = SGD(theirs), Momentum(others, mu=0.5)
    for step in range(3):
        g = normal(seed + 1 + step, d)
        sgd.sgd_step(plain, g, lr)
        sgd.momentum_step(heavy, speed, g, lr, mu=0.5)
        update.step(g.astype(np.float64), lr)
        momentum.step(g.astype(np.float64), lr)
    # lr and mu are powers of two: what rounds is 3 sums each, of terms below 8.
    np.testing.assert_allclose(plain.copy_to_host(), theirs, atol=3 * 8 * U)
    np.testing.assert_allclose(heavy.copy_to_host(), others, atol=9 * 8 * U)


def test_an_update_in_place_wants_the_device_and_equal_lengths():
    w = normal(0, 3)
    with pytest.raises(ValueError, match="on the device"):
        sgd.sgd_step(w, w, 0.1)
    with pytest.raises(ValueError, match="g must have the shape of w"):
        sgd.sgd_step(cuda.to_device(w), normal(0, 4), 0.1)
    with pytest.raises(ValueError, match=r"mu must lie in \[0, 1\)"):
        sgd.momentum_step(cuda.to_device(w), cuda.to_device(w), w, 0.1, mu=1)


# One bit


@few
@given(n=st.integers(0, 300) | st.sampled_from([31, 32, 33, 127, 128, 129]), seed=seeds)
def test_signs_travel_as_numpy_packs_them(n, seed):
    g = whole(seed, n)
    words = one_bit.pack(g)
    padded = np.zeros(-(-n // 32) * 32, bool)
    padded[:n] = g >= 0
    np.testing.assert_array_equal(words, np.packbits(padded, bitorder="little").view("<u4"))
    assert words.nbytes == 4 * -(-n // 32)
    y = one_bit.unpack(words, n, low=-0.5, high=0.25)
    np.testing.assert_array_equal(y, np.where(g >= 0, 0.25, -0.5).astype(np.float32))


def test_unpack_needs_the_right_number_of_words():
    with pytest.raises(ValueError, match="33 values need 2 words, got 1"):
        one_bit.unpack(np.zeros(1, np.uint32), 33, -1, 1)


# The network


def gamma(n):
    """A sum of n products in float32 is off by at most gamma(n) times the sum of |products|."""
    return n * U / (1 - n * U)  # Higham, Accuracy and Stability, section 3.1


def step_bounds(model, x, labels, lr):
    """Return how far float32 may take each parameter from float64's in one step, to first order.

    Layer by layer: a sum's own rounding, plus what comes in with the error of its inputs. A ReLU
    whose input is nearer to 0 than its error may go either way. exp of a difference d of scores is
    off by U |d| and a few U.
    """
    first, _, second = model.layers
    scores = model.forward(x)
    (batch, classes), hidden = scores.shape, second.W.shape[0]
    z = x @ first.W + first.b
    h = np.maximum(z, 0)
    e_z = gamma(len(first.W) + 1) * (abs(x) @ abs(first.W) + abs(first.b))
    e_s = gamma(hidden + 1) * (h @ abs(second.W) + abs(second.b)) + e_z @ abs(second.W)
    p = scipy.special.softmax(scores, axis=1)
    spread = np.ptp(scores, axis=1, keepdims=True)
    of_p = 2 * e_s.max(axis=1, keepdims=True) + U * (2 * spread + classes + 16)
    right = np.eye(classes)[labels]
    dy, e_dy = (p - right) / batch, (p * of_p + 4 * U * abs(p - right)) / batch
    e_W2 = gamma(batch) * h.T @ abs(dy) + e_z.T @ abs(dy) + h.T @ e_dy
    e_b2 = gamma(batch) * abs(dy).sum(axis=0) + e_dy.sum(axis=0)
    e_dh = gamma(classes) * abs(dy) @ abs(second.W).T + e_dy @ abs(second.W).T
    unsure = abs(z) <= e_z
    dz = (dy @ second.W.T) * (z > 0)
    e_dz = e_dh * (z > 0) + unsure * (abs(dy @ second.W.T) + e_dh)
    e_W1 = gamma(batch) * abs(x).T @ abs(dz) + abs(x).T @ e_dz
    e_b1 = gamma(batch) * abs(dz).sum(axis=0) + e_dz.sum(axis=0)
    e_grads = np.concatenate([e.ravel() for e in (e_W1, e_b1, e_W2, e_b2)])
    model.loss_and_grad(x, labels)
    return lr * e_grads + 2 * U * (abs(model.params) + 2 * lr * abs(model.grads)), of_p.max()


def test_a_network_on_the_kernels_takes_the_steps_of_nn():
    rng = np.random.default_rng(0)
    data, lr, batch = digits(rng), 0.5, 50
    x, labels = data.x.astype(np.float64), data.y
    theirs = mlp((64, 32, 10), rng, dtype=np.float64)
    ours = Perceptron((64, 32, 10), theirs.params.astype(np.float32))
    alone = mlp((64, 32, 10), rng, dtype=np.float64)  # trains by itself; `theirs` starts anew
    alone.params[:] = ours.params.copy_to_host()
    drift, first, worst = 0.0, None, 0.0
    for step in range(20):
        these = slice(step * batch, (step + 1) * batch)
        theirs.params[:] = ours.params.copy_to_host()  # exact: float32 fits into float64
        bound, of_loss = step_bounds(theirs, x[these], labels[these], lr)
        want = theirs.loss_and_grad(x[these], labels[these])
        loss = ours.loss_and_grad(data.x[these], labels[these])
        assert abs(loss - want) <= of_loss * (1 + want)
        ours.step(lr)
        off = abs(ours.params.copy_to_host() - (theirs.params - lr * theirs.grads))
        assert (off <= bound).all()
        worst, first = max(worst, (off[bound > 0] / bound[bound > 0]).max()), first or loss
        drift += np.linalg.norm(bound)
        alone.loss_and_grad(x[these], labels[these])
        alone.params -= lr * alone.grads
    assert worst > 0.05  # the bound is no blank cheque: what happens comes near it
    assert loss < first / 1.5  # it learns
    # Twenty steps apart, the two are no farther apart than the bounds of twenty steps.
    assert np.linalg.norm(ours.params.copy_to_host() - alone.params) <= drift


def test_a_network_of_one_or_three_layers_has_the_gradients_of_nn():
    rng = np.random.default_rng(1)
    for sizes in [(5, 3), (5, 17, 33, 3)]:
        model = mlp(sizes, rng, dtype=np.float64)
        ours = Perceptron(sizes, model.params.astype(np.float32))
        model.params[:] = ours.params.copy_to_host()
        x, labels = normal(2, 7, 5), np.array([0, 1, 2, 0, 1, 2, 0])
        np.testing.assert_allclose(
            ours.loss_and_grad(x, labels), model.loss_and_grad(x.astype(float), labels), rtol=1e-5
        )
        np.testing.assert_allclose(ours.grads.copy_to_host(), model.grads, rtol=1e-3, atol=1e-6)


def test_a_network_wants_as_many_params_as_its_sizes_need():
    with pytest.raises(ValueError, match=r"need \(18,\) params"):
        Perceptron((5, 3), np.zeros(17, np.float32))
