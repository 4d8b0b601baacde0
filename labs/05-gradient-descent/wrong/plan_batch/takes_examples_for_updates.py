"""Takes what train returns for updates: it is examples."""

import math

CAUGHT = r"S_min=40, B=96, most=32, updates=50: your"


def plan_batch(train, most, updates):
    few, many = train(1), train(most)
    flat = (few - many) / (1 - 1 / most)
    s_min = few - flat
    if updates <= s_min:
        return None
    return math.ceil(flat / (updates - s_min))
