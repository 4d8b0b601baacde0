"""Takes the largest batch that could be tried when no tried one is enough."""

import math

CAUGHT = r"S_min=40, B=96, most=32, updates=50: your batch 32 takes 160 updates"


def plan_batch(train, most, updates):
    few, many = train(1), train(most)
    s_min = (many - few) / (most - 1)
    flat = few - s_min
    if updates <= s_min:
        return None
    return min(most, math.ceil(flat / (updates - s_min)))
