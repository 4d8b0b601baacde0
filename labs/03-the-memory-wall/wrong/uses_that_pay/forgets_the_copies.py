"""Asks only whether the card is faster, not the way."""

CAUGHT = r"returned 1, not 3"


def uses_that_pay(flops, nbytes_in, nbytes_out, host, card, link):
    moved = nbytes_in + nbytes_out
    alpha, _ = link
    at_home = max(flops / host[0], moved / host[1])
    on_card = alpha + max(flops / card[0], moved / card[1])
    if on_card >= at_home:
        return None
    return 1
