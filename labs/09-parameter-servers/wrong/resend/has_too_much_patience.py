"""Waits three times as long before it sends again."""

import numpy as np

CAUGHT = r"a push is lost; .*it took"
PUSH = 1


def resend(gradients, comm, hear, patience):
    for c, gradient in enumerate(gradients):
        message = np.append(float(c), gradient)
        answer = None
        while answer != c:
            if answer is None:
                comm.Send(message, dest=0, tag=PUSH)
            answer = hear(3 * patience)
