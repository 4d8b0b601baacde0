"""np.ceil gives a float: a batch is a whole number."""

import numpy as np

CAUGHT = r"S_min=40, B=96, most=32, updates=50: your function returned 384.0, not 384"


def plan_batch(train, most, updates):
    few, many = train(1), train(most)
    s_min = (many - few) / (most - 1)
    flat = few - s_min
    if updates <= s_min:
        return None
    return np.ceil(flat / (updates - s_min))
