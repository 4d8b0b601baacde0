"""Plans the largest batch of the machine where no batch is enough."""

import math

CAUGHT = r"S_min=30, B=7, most=16, updates=12: your function returned 16, not None"


def plan_batch(train, most, updates):
    few, many = train(1), train(most)
    s_min = (many - few) / (most - 1)
    flat = few - s_min
    if updates <= s_min:
        return most
    return math.ceil(flat / (updates - s_min))
