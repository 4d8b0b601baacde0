"""What lab 10's checks take for the truth: the package's exchange, samples, and formulas say so."""

import importlib.util

import numpy as np
import pytest

from dlpar.compress import OneBitExchange
from dlpar.labs.folders import lab_folder
from dlpar.world import simulate


def load_checks():
    spec = importlib.util.spec_from_file_location("lab_10", lab_folder(10) / "checks.py")
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


lab = load_checks()


def streams(seed):
    rng = np.random.default_rng(seed)
    return [*lab.public_streams(None), *lab.held_out_streams(rng)], rng


@pytest.mark.parametrize("seed", range(3))
def test_the_packages_exchange_tells_the_sums_that_the_lab_expects(seed):
    drawn, rng = streams(seed)
    for stream in drawn:
        grads, told = lab.gradients_of(stream, rng)

        def program(comm, grads=grads, stream=stream):
            layers = [OneBitExchange(column=length) for _, length in stream.layers]
            return [
                [
                    exchange(g.ravel(), comm)
                    for exchange, g in zip(layers, step[comm.rank], strict=True)
                ]
                for step in grads
            ]

        for result in simulate(program, stream.ranks, timeout=20).results:
            for step, want in zip(result, told, strict=True):
                for got, layer in zip(step, want, strict=True):
                    np.testing.assert_allclose(got, layer.ravel(), 1e-3, 1e-4)


@pytest.mark.parametrize("name", lab.FAMILY)
def test_samples_of_a_compressor_have_the_mean_and_error_and_range_of_its_formulas(name):
    rng, compressor = np.random.default_rng(10), lab.FAMILY[name]
    for v in rng.normal(size=(3, 5)):
        told, times = compressor.draw(v, 400_000, rng), 400_000
        assert np.abs(told).max() <= compressor.largest(v) * (1 + 1e-12)
        errors = ((told - v) ** 2).sum(axis=1)
        for samples, want in ((told, compressor.mean(v)), (errors, compressor.error(v))):
            spread = samples.std(axis=0) / np.sqrt(times)
            assert (np.abs(samples.mean(axis=0) - want) <= 5 * spread + 1e-9 * np.abs(want)).all()


def test_each_scheme_wins_on_some_link():
    best = set()
    for link in lab.public_links(None):
        took = {one["name"]: lab.time_to_loss(one, link) for one in lab.schemes_for(link)}
        best.add(min(took, key=took.get))
    assert best == {one["name"] for one in lab.schemes_for(link)}


@pytest.mark.parametrize("seed", range(10))
def test_what_is_owed_on_a_jobs_ranks_is_told_in_so_many_quiet_steps(seed):
    rng = np.random.default_rng(seed)
    for job in (*lab.public_jobs(None), *lab.held_out_jobs(rng)):
        ranks, left = job.legs[0].ranks, np.zeros(job.shape)
        memory = lab.Memory(ranks, job.shape, float)
        for t in range(8 + lab.QUIET):
            g = rng.normal(0.5, 0.5, (ranks, *job.shape)) * (t < 8)
            left += g.sum(axis=0) - memory.step(g)
        np.testing.assert_allclose(left, sum(memory.worker) + memory.owner, atol=1e-12)
        assert np.abs(left).max() < 0.05
