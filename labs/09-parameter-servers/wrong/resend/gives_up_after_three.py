"""Tries three times, and goes on."""

import numpy as np

CAUGHT = r"one push is lost five times; .*the server never had gradient 0"
PUSH = 1


def resend(gradients, comm, hear, patience):
    for c, gradient in enumerate(gradients):
        for _ in range(3):
            comm.Send(np.append(float(c), gradient), dest=0, tag=PUSH)
            if hear(patience) == c:
                break
