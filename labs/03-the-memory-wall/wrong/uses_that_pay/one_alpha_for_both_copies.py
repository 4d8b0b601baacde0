"""Two copies are two messages."""

import math

CAUGHT = r"flops=1310720, .* returned 5, not 9"


def uses_that_pay(flops, nbytes_in, nbytes_out, host, card, link):
    moved = nbytes_in + nbytes_out
    alpha, bandwidth = link
    at_home = max(flops / host[0], moved / host[1])
    on_card = alpha + max(flops / card[0], moved / card[1])
    if on_card >= at_home:
        return None
    copies = alpha + moved / bandwidth
    return math.floor(copies / (at_home - on_card)) + 1
