"""Waits a tenth of the time, and floods the server."""

import numpy as np

CAUGHT = r"the server is slow once; .*pushes were sent|pushes were sent, par is"
PUSH = 1


def resend(gradients, comm, hear, patience):
    for c, gradient in enumerate(gradients):
        message = np.append(float(c), gradient)
        answer = None
        while answer != c:
            if answer is None:
                comm.Send(message, dest=0, tag=PUSH)
            answer = hear(patience / 10)
