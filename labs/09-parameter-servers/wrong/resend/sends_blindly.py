"""Sends each gradient and hears nothing at all."""

import numpy as np

CAUGHT = r"a push is lost; .*the server never had gradient 1"
PUSH = 1


def resend(gradients, comm, hear, patience):
    for c, gradient in enumerate(gradients):
        comm.Send(np.append(float(c), gradient), dest=0, tag=PUSH)
