"""A kernel takes as long as its arithmetic."""

import math

CAUGHT = r"returned None, but the card pays from 3 uses on"


def uses_that_pay(flops, nbytes_in, nbytes_out, host, card, link):
    moved = nbytes_in + nbytes_out
    alpha, bandwidth = link
    at_home = flops / host[0]
    on_card = alpha + flops / card[0]
    if on_card >= at_home:
        return None
    copies = 2 * alpha + moved / bandwidth
    return math.floor(copies / (at_home - on_card)) + 1
