"""The GPU kernels of a deep learning library, in plain Numba CUDA: one file a noun.

Beside each kernel stands a launcher, a plain function: it takes arrays of the host or the device,
refuses wrong ones with ValueError before anything runs, chooses the grid, and returns its result
where its first array was: a NumPy array for a NumPy array, else an array on the device.
"""
