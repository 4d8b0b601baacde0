"""Tries one batch after the other, each twice as large."""

CAUGHT = r"most=32, updates=50: you trained 3 times, with batches \[1, 2, 4\]; par is 2"


def plan_batch(train, most, updates):
    b = 1
    while train(b) > b * updates:
        b *= 2
    return b
