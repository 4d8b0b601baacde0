"""Takes the variance of all k * d numbers about one common mean."""

CAUGHT = r"all 9 samples of k=2 from 3 examples, d=2: the mean of your scatter is"


def gradient_noise(grads):
    k, mean = len(grads), grads.mean(axis=0)
    scatter = grads.var(ddof=1) * grads.shape[1]
    return scatter, mean @ mean - scatter / k
