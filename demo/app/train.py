"""Train a small digit classifier: the demo's training job.

Writes model.joblib, metrics.json and history.csv to $OUT_DIR (default /tmp/out).
"""

from __future__ import annotations

import argparse
import json
import os
import time
from pathlib import Path

import joblib
import numpy as np
import pandas as pd
from PIL import Image
from sklearn.datasets import load_digits
from sklearn.metrics import accuracy_score
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier


def rotated(pixels: np.ndarray, degrees: float) -> np.ndarray:
    """Return one 8 by 8 digit (64 values, 0 to 1), rotated by some degrees."""
    image = Image.fromarray((pixels.reshape(8, 8) * 255).astype(np.uint8))
    turned = image.rotate(degrees, resample=Image.BILINEAR)
    return np.asarray(turned, dtype=np.float64).ravel() / 255


def train(epochs: int, seed: int) -> tuple[MLPClassifier, pd.DataFrame]:
    """Fit the classifier and return it with the accuracy after each epoch."""
    rng = np.random.default_rng(seed)
    digits = load_digits()
    x, x_test, y, y_test = train_test_split(
        digits.data / 16, digits.target, test_size=0.25, random_state=seed
    )
    extra = np.stack([rotated(row, rng.uniform(-12, 12)) for row in x])
    x, y = np.concatenate([x, extra]), np.concatenate([y, y])
    model = MLPClassifier(hidden_layer_sizes=(64,), random_state=seed)
    rows = []
    for epoch in range(1, epochs + 1):
        model.partial_fit(x, y, classes=np.unique(y))
        accuracy = accuracy_score(y_test, model.predict(x_test))
        rows.append({"epoch": epoch, "loss": model.loss_, "accuracy": accuracy})
    return model, pd.DataFrame(rows)


def main() -> None:
    """Read the options, train, and write the results."""
    parser = argparse.ArgumentParser(description="Train a small digit classifier.")
    parser.add_argument("--epochs", type=int, default=30, help="passes over the data")
    parser.add_argument("--seed", type=int, default=0, help="seed of all random choices")
    options = parser.parse_args()
    if options.epochs < 1:
        parser.error("--epochs must be at least 1")
    out = Path(os.environ.get("OUT_DIR", "/tmp/out"))
    out.mkdir(parents=True, exist_ok=True)
    start = time.perf_counter()
    model, history = train(options.epochs, options.seed)
    metrics = {
        "accuracy": round(float(history["accuracy"].iloc[-1]), 4),
        "epochs": options.epochs,
        "seconds": round(time.perf_counter() - start, 2),
    }
    joblib.dump(model, out / "model.joblib")
    history.to_csv(out / "history.csv", index=False)
    (out / "metrics.json").write_text(json.dumps(metrics) + "\n", encoding="utf-8")
    print(f"accuracy {metrics['accuracy']} after {options.epochs} epochs; wrote {out}")


if __name__ == "__main__":
    main()
