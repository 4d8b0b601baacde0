"""Training with numbers of 16 bits: a scale on the loss, and a copy of the weights in 32 bits.

Source: Micikevicius et al., "Mixed Precision Training", ICLR 2018, section 3.
"""

import numpy as np

from dlpar.nn.formats import FP16, rounded, rounded_stochastically


class LossScaler:
    """A factor on the loss, as large as gradients bear: state `scale` and `clean`.

    It is halved when a gradient was not finite, and doubled after `interval` steps that all were.
    Source: NVIDIA, "Train With Mixed Precision", section on choosing a scaling factor.
    """

    def __init__(self, scale=2.0**16, interval=2000):
        """Begin with `scale`, and try twice as much after `interval` clean steps."""
        if not (0 < scale < float("inf") and interval >= 1):
            raise ValueError(f"scale must be above 0, interval at least 1, got {scale}, {interval}")
        self.scale, self.interval, self.clean = float(scale), interval, 0

    def update(self, finite):
        """Learn whether the last step's gradients were all `finite`."""
        self.clean = self.clean + 1 if finite else 0
        if not finite:
            self.scale /= 2
        elif self.clean == self.interval:
            self.scale *= 2
            self.clean = 0


class MixedPrecision:
    """SGD on a model that computes in few bits; `skipped` counts steps lost to overflow.

    model : its layers round (`rounded_mlp`); its `params` hold the weights as rounded to `form`.
    scaler : LossScaler, or None for a loss as it is.
    master : keep `weights`, float32, and round them anew after each update; otherwise updates go
        to the rounded weights, and what is less than half a gap is lost.
    rng : numpy.random.Generator; round the weights stochastically.
    """

    def __init__(self, model, form=FP16, scaler=None, master=True, rng=None):
        """Take over the model: its weights are rounded now, its loss is scaled from now on."""
        self.model, self.form, self.scaler, self.rng = model, form, scaler, rng
        self.weights = model.params.copy() if master else None
        self.skipped = 0
        self._loss, model.loss_function = model.loss_function, self._scaled_loss
        model.params[:] = rounded(model.params, form)

    def step(self, x, y, lr):
        """Return the loss on x, y before an update by -lr times its gradient.

        The update is left out where there is a scaler and a gradient is not finite.
        """
        with np.errstate(invalid="ignore", over="ignore"):  # inf - inf: found below
            loss = self.model.loss_and_grad(x, y)
        grads = rounded(self.model.grads, self.form)
        scale, finite = self._scale(), bool(np.isfinite(grads).all())
        if self.scaler is not None:
            self.scaler.update(finite)
            if not finite:
                self.skipped += 1
                return loss
        self._move(grads / np.float32(scale) * np.float32(-lr))
        return loss

    def _scale(self):
        return 1.0 if self.scaler is None else self.scaler.scale

    def _scaled_loss(self, scores, y):
        loss, slope = self._loss(scores, y)
        return loss, slope * np.float32(self._scale())

    def _move(self, by):
        """Add `by` to the weights, and round what the model computes with."""
        if self.weights is not None:
            self.weights += by
        kept = self.model.params + by if self.weights is None else self.weights
        if self.rng is None:
            self.model.params[:] = rounded(kept, self.form)
        else:
            self.model.params[:] = rounded_stochastically(kept, self.form, self.rng)
