"""Counts as if there were two ranks."""

CAUGHT = r"takes .* takes"


def choose_scheme(schemes, ranks, alpha, beta, compute):
    """Return the name of the scheme in `schemes` for which training is done first."""
    p = 2

    def seconds(scheme):
        nbytes, encode, decode = scheme["nbytes"], scheme["encode"], scheme["decode"]
        if scheme["way"] == "gather":
            codec = encode + p * decode
            wire = (p - 1) * (alpha + nbytes * beta)
        else:
            wire = 2 * (p - 1) * (alpha + nbytes / p * beta)
            codec = encode + 2 * (p - 1) / p * decode
            if scheme["way"] == "owners":
                codec = (1 + 1 / p) * encode + 2 * decode
        return scheme["steps"] * (compute + codec + wire)

    return min(schemes, key=seconds)["name"]
