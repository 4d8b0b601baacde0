"""Takes the mean over the d weights where the trace is a sum."""

CAUGHT = r"all 9 samples of k=2 from 3 examples, d=2: the mean of your scatter is"


def gradient_noise(grads):
    k, mean = len(grads), grads.mean(axis=0)
    scatter = grads.var(axis=0, ddof=1).mean()
    return scatter, mean @ mean - scatter / k
