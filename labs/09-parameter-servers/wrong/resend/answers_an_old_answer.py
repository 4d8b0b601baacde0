"""Sends again whenever it hears anything but its own answer: each copy begets a copy."""

import numpy as np

CAUGHT = r"\d+ pushes were sent, par is \d+"
PUSH = 1


def resend(gradients, comm, hear, patience):
    for c, gradient in enumerate(gradients):
        message = np.append(float(c), gradient)
        answer = None
        while answer != c:
            comm.Send(message, dest=0, tag=PUSH)
            answer = hear(patience)
