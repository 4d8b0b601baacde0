"""Never lets anybody run ahead."""

CAUGHT = r"takes .* s for each clock"


def choose_staleness(seconds, growth, most):
    return 0
