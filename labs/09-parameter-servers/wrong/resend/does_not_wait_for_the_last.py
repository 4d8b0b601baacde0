"""Goes home when the last push is sent, and not when it has arrived."""

import numpy as np

CAUGHT = r"the last push is lost; .*went home, and the server has 2 of its 3"
PUSH = 1


def resend(gradients, comm, hear, patience):
    for c, gradient in enumerate(gradients):
        message = np.append(float(c), gradient)
        answer = None
        if c == len(gradients) - 1:
            comm.Send(message, dest=0, tag=PUSH)
            return
        while answer != c:
            if answer is None:
                comm.Send(message, dest=0, tag=PUSH)
            answer = hear(patience)
