"""Takes k numbers in a row, which are near only by habit."""

CAUGHT = r"share no more than a \w+: one \w+ has room|broke a"


def pack(k, free, places):
    if k > len(free):
        return None
    runs = [free[i : i + k] for i in range(len(free) - k + 1)]
    return min(runs, key=lambda run: run[-1] - run[0])
