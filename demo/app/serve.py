"""Serve the model that train.py wrote: GET /healthz and POST /predict.

/predict takes {"pixels": [64 numbers from 0 to 16]} or the bytes of an image file.
"""

from __future__ import annotations

import io
import json
import os
import signal
import threading
from pathlib import Path
from types import FrameType

import joblib
import numpy as np
from flask import Flask, Response, jsonify, request
from PIL import Image
from sklearn.neural_network import MLPClassifier
from werkzeug.serving import make_server

LIMIT = 1 << 20


def read_pixels() -> np.ndarray:
    """Return the 64 values (0 to 1) in the request; ValueError if it has none."""
    data = request.stream.read(LIMIT + 1)
    if len(data) > LIMIT:
        raise ValueError(f"more than {LIMIT} bytes")
    try:
        if request.is_json:
            pixels = np.asarray(json.loads(data)["pixels"], dtype=float).ravel() / 16
        else:
            image = Image.open(io.BytesIO(data)).convert("L").resize((8, 8))
            pixels = np.asarray(image, dtype=float).ravel() / 255
    except (OSError, KeyError, SyntaxError, TypeError, Image.DecompressionBombError) as error:
        raise ValueError("neither an image nor a list of pixels") from error
    if pixels.shape != (64,) or not np.isfinite(pixels).all():
        raise ValueError("expected 64 finite numbers")
    return pixels


def create_app(model: MLPClassifier) -> Flask:
    """Return the web application that answers with this model."""
    app = Flask(__name__)

    @app.get("/healthz")
    def healthz() -> Response:
        return jsonify(status="ok")

    @app.post("/predict")
    def predict() -> Response | tuple[Response, int]:
        try:
            scores = model.predict_proba([read_pixels()])[0]
        except ValueError as error:
            return jsonify(error=str(error)), 400
        return jsonify(digit=int(scores.argmax()), probability=round(float(scores.max()), 4))

    return app


def main() -> None:
    """Load the model and answer on 127.0.0.1:$PORT until SIGTERM or SIGINT."""
    path = Path(os.environ.get("OUT_DIR", "/tmp/out")) / "model.joblib"
    if not path.is_file():
        raise SystemExit(f"no model at {path}: run train.py first")
    port = int(os.environ.get("PORT", "8080"))
    server = make_server("127.0.0.1", port, create_app(joblib.load(path)), threaded=True)

    def stop(_number: int, _frame: FrameType | None) -> None:
        # shutdown() waits for serve_forever(), which runs in this thread.
        threading.Thread(target=server.shutdown).start()

    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    print(f"listening on 127.0.0.1:{port}")
    server.serve_forever()
    server.server_close()
    print("stopped")


if __name__ == "__main__":
    main()
