"""Does not ask whether there is such a batch."""

import math

CAUGHT = r"S_min=30, B=7, most=16, updates=12: your function returned -\d+, not None"


def plan_batch(train, most, updates):
    few, many = train(1), train(most)
    s_min = (many - few) / (most - 1)
    flat = few - s_min
    return math.ceil(flat / (updates - s_min))
