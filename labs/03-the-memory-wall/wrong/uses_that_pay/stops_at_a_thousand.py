"""Tries up to a thousand runs and gives up."""

CAUGHT = r"returned None, but the card pays from \d{5} uses on"


def uses_that_pay(flops, nbytes_in, nbytes_out, host, card, link):
    moved = nbytes_in + nbytes_out
    alpha, bandwidth = link
    at_home = max(flops / host[0], moved / host[1])
    on_card = alpha + max(flops / card[0], moved / card[1])
    if on_card >= at_home:
        return None
    copies = 2 * alpha + moved / bandwidth
    for k in range(1, 1000):
        if copies + k * on_card < k * at_home:
            return k
    return None
