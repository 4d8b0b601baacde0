"""Gives each sending a number of its own: the server cannot know the copy for one."""

import numpy as np

CAUGHT = r"the server never had gradient|pushed clock|pushed another gradient"
PUSH = 1


def resend(gradients, comm, hear, patience):
    number = 0
    for gradient in gradients:
        answer = None
        while answer is None:
            comm.Send(np.append(float(number), gradient), dest=0, tag=PUSH)
            answer = hear(patience)
            number += 1
