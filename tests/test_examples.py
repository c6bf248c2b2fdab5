"""The demo and the README's code run as they stand."""

import importlib.util
import re
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[1]


def test_demo(tmp_path, capfd):
    spec = importlib.util.spec_from_file_location("demo", ROOT / "examples" / "demo.py")
    demo = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(demo)
    demo.main(["--quick", "--output", str(tmp_path)])
    out = capfd.readouterr().out
    assert "Test accuracy on 370 utterances" in out
    assert "In a new process: an utterance of 19 steps is by speaker" in out
    assert {path.name for path in tmp_path.glob("*.png")} == {"confusion_matrix.png", "loss_curve.png"}


def run_code_of(page):
    """Run the Python in a page of documentation from top to bottom; return the names that it leaves."""
    text = (ROOT / page).read_text(encoding="utf8")
    names = {}
    for block in re.findall(r"```python\n(.*?)```", text, flags=re.DOTALL):
        exec(compile(block, page, "exec"), names)
    return names


def test_readme():
    names = run_code_of("README.md")
    assert names["clf"].score(names["X_test"], names["y_test"]) > 0.9
    assert names["speller"].score(names["B"], names["b"]) > 0.7
    assert names["search"].best_score_ > 0.8


def test_user_guide(capsys):
    names = run_code_of("docs/user_guide.md")
    assert "weighted avg" in capsys.readouterr().out
    assert names["windows"].shape == (1461 - 14, 14, 4)
    np.testing.assert_array_equal(names["windows"][3, -1], names["days"][16])


@pytest.mark.parametrize("early_stopping", [False, True])
def test_loss_curve(early_stopping):
    import matplotlib

    matplotlib.use("Agg")
    import matplotlib.pyplot as plt
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    from sklearn_rnn import RNNRegressor
    from sklearn_rnn.inspection import LossCurveDisplay

    X = np.random.RandomState(0).rand(30, 4)
    regressor = RNNRegressor(max_iter=3, early_stopping=early_stopping)
    with pytest.raises(ValueError, match="not a fitted recurrent estimator"):
        LossCurveDisplay.from_estimator(regressor)
    model = make_pipeline(StandardScaler(), regressor).fit(X, X.sum(axis=1))
    display = LossCurveDisplay.from_estimator(model)
    assert display.ax_.lines[0].get_ydata().tolist() == regressor.loss_curve_
    assert len(display.figure_.axes) == (2 if early_stopping else 1)
    plt.close("all")
