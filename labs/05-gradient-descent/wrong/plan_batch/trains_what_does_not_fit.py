"""Tries a batch that the small machine cannot hold."""

import math

CAUGHT = r"most=32, updates=50: you trained with batch 64; this machine takes 1 to 32"


def plan_batch(train, most, updates):
    few, many = train(1), train(2 * most)
    s_min = (many - few) / (2 * most - 1)
    flat = few - s_min
    if updates <= s_min:
        return None
    return math.ceil(flat / (updates - s_min))
