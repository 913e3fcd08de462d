"""Export small scikit-learn networks by skl2onnx.

In an environment of its own: `pip install scikit-learn skl2onnx`, then run this file.
"""

from __future__ import annotations

import warnings

import numpy as np
from skl2onnx import to_onnx
from sklearn.neural_network import MLPClassifier, MLPRegressor
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import MinMaxScaler, StandardScaler
from store import draw, store

TRAINING = 200


def export(name: str, network: object, classes: int) -> None:
    """Fit a network to a made-up task and store it; `classes` is 0 for a regression."""
    rng = np.random.default_rng(3)
    x = rng.standard_normal((TRAINING, 5)).astype(np.float32) * (1, 2, 0.5, 1, 1) + 0.25
    score = np.sin(x[:, 0]) + x[:, 1] * x[:, 2]
    targets = np.digitize(score, np.linspace(-0.5, 0.5, classes - 1)) if classes else score
    network.fit(x, targets)
    samples = draw(rng, 5)
    options = {"zipmap": False} if classes else None
    model = to_onnx(network, samples[:1], options=options, target_opset=15)
    names = [value.name for value in model.graph.output]
    results = [network.predict(samples)]
    if classes:
        results.append(network.predict_proba(samples).astype(np.float32))
    else:
        results = [results[0].reshape(-1, 1).astype(np.float32)]
    (port,) = (value.name for value in model.graph.input)
    store(f"sklearn_{name}", model, {port: samples}, dict(zip(names, results, strict=True)))


if __name__ == "__main__":
    warnings.filterwarnings("ignore")
    small = {"hidden_layer_sizes": (8, 6), "max_iter": 300, "random_state": 7}
    export("classifier", MLPClassifier(**small), 3)
    export("binary", MLPClassifier(activation="tanh", **small), 2)
    export("regressor", MLPRegressor(**small), 0)
    export("logistic", MLPRegressor(activation="logistic", **small), 0)
    export("scaled", make_pipeline(StandardScaler(), MLPClassifier(**small)), 4)
    export("ranged", make_pipeline(MinMaxScaler(), MLPRegressor(**small)), 0)
