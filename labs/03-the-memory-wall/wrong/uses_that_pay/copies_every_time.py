"""Pays for the copies in each run."""

CAUGHT = r"returned None, but the card pays from 3 uses on"


def uses_that_pay(flops, nbytes_in, nbytes_out, host, card, link):
    moved = nbytes_in + nbytes_out
    alpha, bandwidth = link
    at_home = max(flops / host[0], moved / host[1])
    on_card = 3 * alpha + max(flops / card[0], moved / card[1]) + moved / bandwidth
    if on_card >= at_home:
        return None
    return 1
