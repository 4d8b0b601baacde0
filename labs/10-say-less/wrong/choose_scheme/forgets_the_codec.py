"""Believes that to encode is free."""

CAUGHT = r"takes .* takes"


def choose_scheme(schemes, ranks, alpha, beta, compute):
    """Return the name of the scheme in `schemes` for which training is done first."""
    p = ranks

    def seconds(scheme):
        nbytes = scheme["nbytes"]
        if scheme["way"] == "gather":
            wire = (p - 1) * (alpha + nbytes * beta)
        else:
            wire = 2 * (p - 1) * (alpha + nbytes / p * beta)
        return scheme["steps"] * (compute + wire)

    return min(schemes, key=seconds)["name"]
