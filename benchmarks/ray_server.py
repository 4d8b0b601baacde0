"""Ray's parameter-server example with NumPy weights: a helper of benchmarks/parameter_server.py.

It needs ray and NumPy alone; its arguments are a folder for Ray's files and the number of workers.
Each line on standard input is JSON, [elements, samples, clocks of a sample]; the answer is a line
"times:" and the seconds a clock of each sample, as JSON. Ray's own messages may stand between.

Source: the synchronous loop of Ray's documentation, "Parameter Server".
"""

import json
import sys
import time

import numpy as np
import ray

RATE, SLOPE = 0.125, 0.25


@ray.remote
class Server:
    def begin(self, n):
        self.weights = np.ones(n, np.float32)
        return self.weights

    def apply_gradients(self, *gradients):
        total = np.stack(gradients).sum(axis=0)
        total *= RATE
        self.weights -= total
        return self.weights


@ray.remote
class Worker:
    def compute_gradients(self, weights):
        return weights * np.float32(SLOPE)  # a new array, as the example's


def measure(server, crew, n, samples, clocks):
    """Return the seconds a clock of each sample; one sample more, the first, is not counted."""
    current, times = server.begin.remote(n), []
    for _ in range(1 + samples):
        start = time.perf_counter()
        for _ in range(clocks):
            gradients = [worker.compute_gradients.remote(current) for worker in crew]
            current = server.apply_gradients.remote(*gradients)
        ray.wait([current], fetch_local=False)
        times.append((time.perf_counter() - start) / clocks)
    final = ray.get(current)
    wanted = (1 - RATE * SLOPE * len(crew)) ** (clocks * (1 + samples))
    if not np.allclose(final, wanted, rtol=1e-3):
        raise ArithmeticError(f"Ray's weights are {final[:3]}, wanted {wanted}")
    return times[1:]


def main():
    ray.init(
        num_cpus=4,
        include_dashboard=False,
        log_to_driver=False,
        logging_level="ERROR",
        object_store_memory=2 * 2**30,
        _temp_dir=sys.argv[1],
    )
    server, crew = Server.remote(), [Worker.remote() for _ in range(int(sys.argv[2]))]
    print("times:", json.dumps(ray.__version__), flush=True)
    try:
        for line in sys.stdin:
            print("times:", json.dumps(measure(server, crew, *json.loads(line))), flush=True)
    finally:
        ray.shutdown()


if __name__ == "__main__":
    main()
