"""Takes whatever answer comes for the one it waits for."""

import numpy as np

CAUGHT = r"an answer comes twice, and then a push is lost; .*the server never had gradient 1"
PUSH = 1


def resend(gradients, comm, hear, patience):
    for c, gradient in enumerate(gradients):
        message = np.append(float(c), gradient)
        answer = None
        while answer is None:
            comm.Send(message, dest=0, tag=PUSH)
            answer = hear(patience)
