"""Rounds down: one example too few, and an update too many."""

import math

CAUGHT = r"S_min=40, B=96, most=32, updates=49: your batch 426 takes"


def plan_batch(train, most, updates):
    few, many = train(1), train(most)
    s_min = (many - few) / (most - 1)
    flat = few - s_min
    if updates <= s_min:
        return None
    return math.floor(flat / (updates - s_min))
