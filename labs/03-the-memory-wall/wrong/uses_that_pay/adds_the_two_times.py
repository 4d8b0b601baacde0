"""Arithmetic and bytes one after the other."""

import math

CAUGHT = r"returned 3, not 4"


def uses_that_pay(flops, nbytes_in, nbytes_out, host, card, link):
    moved = nbytes_in + nbytes_out
    alpha, bandwidth = link
    at_home = flops / host[0] + moved / host[1]
    on_card = alpha + flops / card[0] + moved / card[1]
    if on_card >= at_home:
        return None
    copies = 2 * alpha + moved / bandwidth
    return math.floor(copies / (at_home - on_card)) + 1
