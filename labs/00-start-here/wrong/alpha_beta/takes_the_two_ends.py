"""A line through the shortest and the longest message; the others do not count."""

CAUGHT = r"noise 20%: alpha: your function returned"


def alpha_beta(sizes, times):
    beta = (times[-1] - times[0]) / (sizes[-1] - sizes[0])
    return times[0] - beta * sizes[0], beta
