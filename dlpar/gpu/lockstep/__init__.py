"""A GPU for a machine that has none: kernels run in lock step, as NumPy vectors."""
