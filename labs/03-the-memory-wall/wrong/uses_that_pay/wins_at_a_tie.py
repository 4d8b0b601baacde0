"""As quick is not quicker."""

import math

CAUGHT = r"returned 2, not 3"


def uses_that_pay(flops, nbytes_in, nbytes_out, host, card, link):
    moved = nbytes_in + nbytes_out
    alpha, bandwidth = link
    at_home = max(flops / host[0], moved / host[1])
    on_card = alpha + max(flops / card[0], moved / card[1])
    if on_card >= at_home:
        return None
    copies = 2 * alpha + moved / bandwidth
    return max(1, math.ceil(copies / (at_home - on_card)))
