"""Random numbers for kernels, as `numba.cuda.random` has them, on whichever machine runs."""

from dlpar.gpu import cuda

create_xoroshiro128p_states = cuda.random.create_xoroshiro128p_states
init_xoroshiro128p_states = cuda.random.init_xoroshiro128p_states
xoroshiro128p_dtype = cuda.random.xoroshiro128p_dtype
xoroshiro128p_uniform_float32 = cuda.random.xoroshiro128p_uniform_float32
xoroshiro128p_uniform_float64 = cuda.random.xoroshiro128p_uniform_float64
xoroshiro128p_normal_float32 = cuda.random.xoroshiro128p_normal_float32
xoroshiro128p_normal_float64 = cuda.random.xoroshiro128p_normal_float64
