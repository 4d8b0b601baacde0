"""alpha, beta and gamma of this machine, and how far they predict four collectives at three sizes.

Run with: python benchmarks/predict.py
Two ranks first. Four are shown too: on two cores they take turns, which no formula here knows of.
"""

from dlpar.collectives.prediction import predict_and_measure

SIZES = (4_096, 65_536, 1_048_576)  # bytes


def main():
    """Print a table for two ranks and one for four."""
    for ranks in (2, 4):
        prediction = predict_and_measure(SIZES, ranks, repeats=45, timeout=120)
        print(prediction)
        print(f"worst factor over {ranks} ranks: {prediction.worst:.2f}\n", flush=True)


if __name__ == "__main__":
    main()
