"""Plans the critical batch, whatever is asked for: it needs twice the fewest updates."""

import math

CAUGHT = r"S_min=40, B=96, most=32, updates=50: your batch 96 takes 80 updates"


def plan_batch(train, most, updates):
    few, many = train(1), train(most)
    s_min = (many - few) / (most - 1)
    flat = few - s_min
    return math.ceil(flat / s_min)
