"""Says no only below the fewest updates: at the fewest there is no batch, either."""

import math

CAUGHT = r"S_min=30, B=7, most=16, updates=30: your code raised ZeroDivisionError"


def plan_batch(train, most, updates):
    few, many = train(1), train(most)
    s_min = (many - few) / (most - 1)
    flat = few - s_min
    if updates < s_min:
        return None
    return math.ceil(flat / (updates - s_min))
