"""Sends once and waits for the answer as long as it takes."""

import numpy as np

CAUGHT = r"a push is lost; .*: worker 1 pushed gradient 2, and the server never had"
PUSH = 1


def resend(gradients, comm, hear, patience):
    for c, gradient in enumerate(gradients):
        comm.Send(np.append(float(c), gradient), dest=0, tag=PUSH)
        hear(patience)
