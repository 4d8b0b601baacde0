"""Rounds down and adds 1, also where it comes out even."""

import math

CAUGHT = r"S_min=40, B=96, most=32, updates=50: your batch 385 takes .* at most 50, 384"


def plan_batch(train, most, updates):
    few, many = train(1), train(most)
    s_min = (many - few) / (most - 1)
    flat = few - s_min
    if updates <= s_min:
        return None
    return math.floor(flat / (updates - s_min)) + 1
