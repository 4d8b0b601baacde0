"""Sends everything twice, so that one may be lost."""

import numpy as np

CAUGHT = r"nothing is lost; .*6 pushes were sent, par is 3"
PUSH = 1


def resend(gradients, comm, hear, patience):
    for c, gradient in enumerate(gradients):
        message = np.append(float(c), gradient)
        answer = None
        while answer != c:
            if answer is None:
                comm.Send(message, dest=0, tag=PUSH)
                comm.Send(message, dest=0, tag=PUSH)
            answer = hear(patience)
