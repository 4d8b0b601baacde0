"""One bucket: nothing is hidden."""

CAUGHT = r"equal layers.*the step takes 1900.0 µs with 1 buckets"


def plan_buckets(seconds, nbytes, exchange):
    return [list(range(len(seconds)))[::-1]]
