"""A search that learns from its own trials: Optuna's sampler chooses what to try next.

Each trial trains a network epoch by epoch and reports its score on validation data; poor trials are stopped
early. At the end the best settings are trained on all training data.

Run it as ``python examples/search_with_optuna.py`` (needs Optuna: ``pip install optuna``).
"""

import argparse

import optuna
from sklearn.model_selection import train_test_split
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from sklearn_rnn import RNNClassifier
from sklearn_rnn.datasets import load_japanese_vowels
from sklearn_rnn.preprocessing import StepTransformer


def main(arguments=None):
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--trials", type=int, default=20)
    parser.add_argument("--epochs", type=int, default=20)
    options = parser.parse_args(arguments)

    X, y = load_japanese_vowels(subset="train", return_X_y=True)
    X_train, X_val, y_train, y_val = train_test_split(X, y, test_size=0.3, stratify=y, random_state=0)
    scaler = StepTransformer(StandardScaler()).fit(X_train)
    X_train, X_val = scaler.transform(X_train), scaler.transform(X_val)

    def objective(trial):
        network = RNNClassifier(
            cell=trial.suggest_categorical("cell", ["elman", "gru", "lstm"]),
            hidden_size=trial.suggest_int("hidden_size", 8, 128, log=True),
            learning_rate=trial.suggest_float("learning_rate", 1e-3, 3e-2, log=True),
            dropout=trial.suggest_float("dropout", 0.0, 0.5),
            random_state=0,
        )
        for epoch in range(options.epochs):
            score = network.partial_fit(X_train, y_train).score(X_val, y_val)
            trial.report(score, epoch)
            if trial.should_prune():
                raise optuna.TrialPruned()
        return score

    optuna.logging.set_verbosity(optuna.logging.WARNING)
    study = optuna.create_study(
        direction="maximize",
        sampler=optuna.samplers.TPESampler(seed=0),
        pruner=optuna.pruners.MedianPruner(n_startup_trials=5, n_warmup_steps=3),
    )
    study.optimize(objective, n_trials=options.trials, show_progress_bar=True)
    n_pruned = sum(trial.state == optuna.trial.TrialState.PRUNED for trial in study.trials)
    print(f"{len(study.trials)} trials, of which {n_pruned} were given up early")
    print(f"best: {study.best_value:.3f} on the data to validate on, with {study.best_params}")

    best = RNNClassifier(max_iter=options.epochs, random_state=0, verbose=1, **study.best_params)
    model = make_pipeline(StepTransformer(StandardScaler()), best).fit(X, y)
    score = model.score(*load_japanese_vowels(subset="test", return_X_y=True))
    print(f"trained on all training data: {score:.3f} on the test data")
    return score


if __name__ == "__main__":
    main()
