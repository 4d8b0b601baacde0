"""Layers, losses and the model, against central differences, PyTorch, and their own promises."""

import copy
import pickle

import numpy as np
import pytest

from dlpar.nn import (
    AvgPool2d,
    Conv2d,
    Flatten,
    Linear,
    MaxPool2d,
    Model,
    ReLU,
    mlp,
    softmax_cross_entropy,
    squared_error,
)


def rng(seed=0):
    return np.random.default_rng(seed)


def difference(f, x, h=1e-5):
    """The gradient of f at x by central differences; f reads x, which is changed and restored.

    For float64 and values of order 1 the error is about h**2 + 1e-16 / h = 1e-10 + 1e-11.
    """
    grad = np.empty_like(x)
    for i in np.ndindex(x.shape):
        old = x[i]
        x[i] = old + h
        above = f()
        x[i] = old - h
        grad[i] = (above - f()) / (2 * h)
        x[i] = old
    return grad


LAYERS = {
    "linear": (lambda: Linear(3, 5, rng(1)), (4, 3)),
    "linear, batch 1, one in, one out": (lambda: Linear(1, 1, rng(1)), (1, 1)),
    "relu": (ReLU, (3, 7)),
    "relu on images": (ReLU, (2, 1, 3, 3)),
    "conv": (lambda: Conv2d(2, 3, 3, rng(1)), (2, 2, 5, 7)),
    "conv, batch 1, kernel 1": (lambda: Conv2d(1, 1, 1, rng(1)), (1, 1, 1, 1)),
    "conv, stride and padding": (
        lambda: Conv2d(1, 2, 3, rng(1), stride=2, padding=1),
        (3, 1, 6, 5),
    ),
    "conv, stride leaves pixels out": (lambda: Conv2d(3, 1, 2, rng(1), stride=3), (1, 3, 6, 7)),
    "conv, kernel as large as the image": (lambda: Conv2d(2, 2, 4, rng(1)), (2, 2, 4, 4)),
    "max pool": (lambda: MaxPool2d(2), (2, 3, 4, 6)),
    "max pool leaves pixels out": (lambda: MaxPool2d(3), (1, 2, 7, 4)),
    "average pool": (lambda: AvgPool2d(2), (2, 3, 4, 6)),
    "average pool leaves pixels out": (lambda: AvgPool2d(3), (1, 2, 7, 4)),
    "flatten": (Flatten, (3, 2, 2, 1)),
}


@pytest.mark.parametrize("name", LAYERS)
def test_backward_agrees_with_central_differences(name):
    make, shape = LAYERS[name]
    layer, x = make(), rng(2).normal(size=shape)
    weight = rng(3).normal(size=layer.forward(x).shape)  # L = sum(weight * y), so dL/dy = weight

    def loss():
        return float(np.sum(weight * layer.forward(x)))

    want = {
        parameter: difference(loss, getattr(layer, parameter)) for parameter in layer.parameters
    }
    want_dx = difference(loss, x)
    layer.forward(x)
    got_dx = layer.backward(weight.copy())
    np.testing.assert_allclose(got_dx, want_dx, rtol=1e-7, atol=1e-8)
    for parameter in layer.parameters:
        got = getattr(layer, f"d{parameter}")
        np.testing.assert_allclose(got, want[parameter], rtol=1e-7, atol=1e-8)


def test_conv_is_the_sum_that_its_docstring_writes():
    conv, x = Conv2d(2, 3, 3, rng(1), stride=2, padding=1), rng(2).normal(size=(2, 2, 5, 4))
    conv.b[:] = rng(3).normal(size=3)
    padded = np.pad(x, ((0, 0), (0, 0), (1, 1), (1, 1)))
    want = np.empty((2, 3, 3, 2))
    for n, o, i, j in np.ndindex(want.shape):
        under = padded[n, :, 2 * i : 2 * i + 3, 2 * j : 2 * j + 3]
        want[n, o, i, j] = conv.b[o] + np.sum(conv.W[o] * under)
    np.testing.assert_allclose(conv.forward(x), want, rtol=1e-12)


def test_equal_pixels_share_no_gradient_the_first_one_gets_it():
    pool = MaxPool2d(2)
    pool.forward(np.ones((1, 1, 2, 2)))
    np.testing.assert_array_equal(pool.backward(np.full((1, 1, 1, 1), 7.0)), [[[[7, 0], [0, 0]]]])


def test_relu_passes_nothing_at_zero_and_below():
    relu = ReLU()
    np.testing.assert_array_equal(relu.forward(np.array([[-2.0, 0, 3]])), [[0, 0, 3]])
    np.testing.assert_array_equal(relu.backward(np.array([[5.0, 5, 5]])), [[0, 0, 5]])


@pytest.mark.parametrize(("batch", "classes"), [(1, 1), (1, 3), (5, 3)])
def test_cross_entropy_and_its_gradient(batch, classes):
    scores, y = rng().normal(size=(batch, classes)), rng(1).integers(0, classes, batch)
    loss, grad = softmax_cross_entropy(scores, y)
    p = np.exp(scores) / np.exp(scores).sum(axis=1, keepdims=True)
    assert loss == pytest.approx(-np.log(p[range(batch), y]).mean(), rel=1e-12, abs=1e-15)
    want = difference(lambda: softmax_cross_entropy(scores, y)[0], scores)
    np.testing.assert_allclose(grad, want, rtol=1e-7, atol=1e-9)


def test_cross_entropy_of_huge_scores_is_finite():
    loss, grad = softmax_cross_entropy(np.array([[1e4, -1e4]], np.float32), np.array([1]))
    assert loss == pytest.approx(2e4)
    np.testing.assert_array_equal(grad, [[1, -1]])


def test_squared_error_and_its_gradient():
    scores, y = rng().normal(size=(3, 2)), rng(1).normal(size=(3, 2))
    loss, grad = squared_error(scores, y)
    assert loss == pytest.approx(((scores - y) ** 2).sum() / 6)
    want = difference(lambda: squared_error(scores, y)[0], scores)
    np.testing.assert_allclose(grad, want, rtol=1e-7, atol=1e-9)


def lenet(dtype=np.float32, seed=0):
    """A small network with every layer there is, for images of 9 x 11 pixels."""
    r = rng(seed)
    layers = [Conv2d(1, 3, 3, r, padding=1), ReLU(), MaxPool2d(2), Conv2d(3, 4, 2, r), AvgPool2d(2)]
    return Model([*layers, Flatten(), Linear(8, 6, r), ReLU(), Linear(6, 3, r)], dtype=dtype)


def examples(batch, dtype=np.float32):
    return rng(5).normal(size=(batch, 1, 9, 11)).astype(dtype), rng(6).integers(0, 3, batch)


@pytest.mark.parametrize("batch", [1, 3])
def test_the_whole_gradient_agrees_with_central_differences(batch):
    model, (x, y) = lenet(np.float64), examples(batch, np.float64)
    want = difference(lambda: model.loss(x, y), model.params)
    loss = model.loss_and_grad(x, y)
    assert loss == model.loss(x, y)
    np.testing.assert_allclose(model.grads, want, rtol=1e-6, atol=1e-8)


def test_params_and_grads_are_one_contiguous_vector_each_and_layers_hold_views():
    model = lenet()
    names = [(layer, name) for layer in model.layers for name in layer.parameters]
    assert model.params.size == sum(getattr(layer, name).size for layer, name in names)
    for flat, prefix in ((model.params, ""), (model.grads, "d")):
        assert flat.dtype == np.float32
        assert flat.ndim == 1
        assert flat.flags.c_contiguous
        assert flat.ctypes.data % 64 == 0
        flat[:] = np.arange(flat.size)
        seen = [getattr(layer, prefix + name).ravel() for layer, name in names]
        np.testing.assert_array_equal(np.concatenate(seen), flat)


def test_taking_layers_in_keeps_their_values_but_rounds_them_to_the_dtype():
    layer = Linear(3, 2, rng())
    before = layer.W.copy()
    Model([layer])
    np.testing.assert_array_equal(layer.W, before.astype(np.float32))


@pytest.mark.parametrize("again", [copy.deepcopy, lambda m: pickle.loads(pickle.dumps(m))])
def test_a_copy_has_vectors_of_its_own_and_its_layers_view_them(again):
    model, (x, y) = lenet(), examples(2)
    loss = model.loss_and_grad(x, y)
    other = again(model)
    np.testing.assert_array_equal(other.params, model.params)
    np.testing.assert_array_equal(other.grads, model.grads)
    other.params[:] = 0
    assert np.all(other.layers[0].W == 0)
    assert model.loss(x, y) == loss
    assert other.loss_and_grad(x, y) == pytest.approx(np.log(3))


def test_the_gradient_is_overwritten_not_added_to():
    model, (x, y) = lenet(), examples(2)
    model.loss_and_grad(x, y)
    first = model.grads.copy()
    model.loss_and_grad(x, y)
    np.testing.assert_array_equal(model.grads, first)


def test_the_gradient_of_a_batch_is_the_mean_over_its_examples():
    model, (x, y) = lenet(np.float64), examples(5, np.float64)
    total = np.zeros_like(model.grads)
    for k in range(5):
        model.loss_and_grad(x[k : k + 1], y[k : k + 1])
        total += model.grads
    model.loss_and_grad(x, y)
    np.testing.assert_allclose(model.grads, total / 5, rtol=1e-10, atol=1e-14)


def test_batches_of_changing_size_do_not_disturb_one_another():
    model, fresh = lenet(), lenet()
    for batch in (4, 1, 3):
        x, y = examples(batch)
        model.loss_and_grad(x, y)
    fresh.loss_and_grad(x, y)
    np.testing.assert_array_equal(model.grads, fresh.grads)


def test_a_step_of_unchanging_batch_size_keeps_its_buffers():
    model = mlp((5, 4, 3), rng())
    x, y = rng(1).normal(size=(2, 5)).astype(np.float32), np.array([0, 2])
    model.loss_and_grad(x, y)
    before = [model.layers[0].y, model.layers[1].y, model.layers[2].dx]
    model.loss_and_grad(x, y)
    after = [model.layers[0].y, model.layers[1].y, model.layers[2].dx]
    assert all(a is b for a, b in zip(before, after, strict=True))


def test_nothing_is_computed_below_the_first_parameters():
    model = mlp((5, 4, 3), rng())
    x, y = rng(1).normal(size=(2, 5)).astype(np.float32), np.array([0, 2])
    model.loss_and_grad(x, y)
    assert model.layers[0].dx.size == 0


def test_predict_and_accuracy_agree_with_the_scores():
    model, (x, _) = lenet(), examples(7)
    want = model.forward(x).argmax(axis=1)
    np.testing.assert_array_equal(model.predict(x), want)
    assert model.accuracy(x, want) == 1
    assert model.accuracy(x, (want + 1) % 3) == 0


def test_he_initialisation_has_variance_two_over_inputs():
    W = Linear(400, 300, rng()).W  # 120,000 draws: the variance's standard error is 0.4 %
    assert W.var() == pytest.approx(2 / 400, rel=0.02)
    assert Conv2d(30, 40, 5, rng()).W.var() == pytest.approx(2 / 750, rel=0.03)


@pytest.mark.parametrize(
    ("make", "error", "named"),
    [
        (lambda: Linear(0, 3, rng()), ValueError, "d_in"),
        (lambda: Conv2d(1, 1, 3, rng(), stride=0), ValueError, "stride"),
        (lambda: Conv2d(1, 1, 3, rng(), padding=-1), ValueError, "padding"),
        (lambda: MaxPool2d(0), ValueError, "k must"),
        (lambda: mlp([3], rng()), ValueError, "sizes"),
        (lambda: Model([layer := Linear(2, 2, rng()), layer]), ValueError, "layers"),
        (lambda: Linear(2, 3, rng()).forward(np.ones((1, 3))), ValueError, r"x \(batch, 2\)"),
        (lambda: Conv2d(1, 1, 3, rng()).forward(np.ones((1, 1, 2, 9))), ValueError, "kernel"),
        (lambda: AvgPool2d(3).forward(np.ones((1, 1, 2, 9))), ValueError, "AvgPool2d"),
        (lambda: mlp((2, 2), rng()).forward(np.ones((1, 2))), TypeError, "x must be float32"),
        (lambda: mlp((2, 2), rng()).predict(np.ones((0, 2), "f4")), ValueError, "x must hold"),
        (lambda: softmax_cross_entropy(np.ones((2, 3)), np.array([0, 3])), ValueError, "y must"),
        (lambda: softmax_cross_entropy(np.ones((2, 3)), np.array([-1, 0])), ValueError, "y must"),
        (lambda: softmax_cross_entropy(np.ones((2, 3)), np.array([0])), ValueError, "y must"),
        (lambda: squared_error(np.ones((2, 3)), np.ones((2, 1))), ValueError, "y must"),
    ],
)
def test_wrong_arguments_are_named(make, error, named):
    with pytest.raises(error, match=named):
        make()


# What PyTorch says. CI installs the extra `peers` and refuses the skip.


def torch_twin(torch, model):
    """The same network in PyTorch, float64, from the same parameters."""
    nn, parts = torch.nn, []
    for layer in model.layers:
        if isinstance(layer, Linear):
            parts.append(nn.Linear(*layer.W.shape, dtype=torch.float64))
            parts[-1].weight.data = torch.tensor(layer.W.T.copy())
            parts[-1].bias.data = torch.tensor(layer.b.copy())
        elif isinstance(layer, Conv2d):
            c_out, c_in, k, _ = layer.W.shape
            parts.append(
                nn.Conv2d(c_in, c_out, k, layer.stride, layer.padding, dtype=torch.float64)
            )
            parts[-1].weight.data = torch.tensor(layer.W.copy())
            parts[-1].bias.data = torch.tensor(layer.b.copy())
        elif isinstance(layer, MaxPool2d | AvgPool2d):
            parts.append(getattr(nn, type(layer).__name__)(layer.k))
        else:
            parts.append(getattr(nn, type(layer).__name__)())
    return nn.Sequential(*parts)


def in_our_layout(layer, tensor):
    array = tensor.detach().numpy()
    return (array.T if isinstance(layer, Linear) and array.ndim == 2 else array).ravel()


@pytest.mark.peer("torch")
@pytest.mark.parametrize("batch", [1, 7])
def test_values_gradients_and_five_steps_are_pytorchs(batch):
    import torch

    model, (x, y) = lenet(np.float64), examples(batch, np.float64)
    twin = torch_twin(torch, model)
    sgd = torch.optim.SGD(twin.parameters(), lr=0.1)
    owners = [layer for layer in model.layers for _ in layer.parameters]
    for _ in range(5):
        loss = model.loss_and_grad(x, y)
        sgd.zero_grad()
        want = torch.nn.functional.cross_entropy(twin(torch.tensor(x)), torch.tensor(y))
        want.backward()
        grads = [in_our_layout(o, p.grad) for o, p in zip(owners, twin.parameters(), strict=True)]
        # Sums of at most 200 float64 products of order 1 in two orders: 200 * 1e-16, five times.
        assert loss == pytest.approx(want.item(), abs=1e-12)
        np.testing.assert_allclose(model.grads, np.concatenate(grads), rtol=0, atol=1e-12)
        model.params -= 0.1 * model.grads
        sgd.step()
    params = [in_our_layout(o, p) for o, p in zip(owners, twin.parameters(), strict=True)]
    np.testing.assert_allclose(model.params, np.concatenate(params), rtol=0, atol=1e-12)


@pytest.mark.parametrize("make", [lambda: mlp((3, 2), 0), lambda: Conv2d(1, 1, 3, 0)])
def test_a_seed_in_the_place_of_a_generator_is_named(make):
    with pytest.raises(TypeError, match="rng must be"):
        make()


def test_a_model_can_live_in_memory_of_others():
    x, y = rng(1).normal(size=(6, 5)).astype(np.float32), np.arange(6) % 3
    plain, moved = mlp((5, 4, 3), rng(2)), mlp((5, 4, 3), rng(3))
    memory = np.stack([plain.params, np.full_like(plain.params, np.nan)])
    params = memory[0].view()
    params.flags.writeable = False
    moved.live_in(params, memory[1])
    assert moved.params is params
    assert moved.loss_and_grad(x, y) == plain.loss_and_grad(x, y)
    np.testing.assert_array_equal(memory[1], plain.grads)
    memory[0] *= 2
    plain.params *= 2
    assert moved.loss(x, y) == plain.loss(x, y)


@pytest.mark.parametrize("wrong", [np.zeros(38, np.float32), np.zeros(39)])
def test_a_model_refuses_memory_of_another_size_or_dtype(wrong):
    model = mlp((5, 4, 3), rng())
    assert model.params.size == 39
    with pytest.raises(ValueError, match="vectors are"):
        model.live_in(model.params, wrong)
