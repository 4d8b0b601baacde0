"""Twice the batch, half the updates: true only far below the critical batch."""

import math

CAUGHT = r"S_min=40, B=96, most=32, updates=50: your batch 78 takes .* at most 50, 384"


def plan_batch(train, most, updates):
    return math.ceil(train(1) / updates)
