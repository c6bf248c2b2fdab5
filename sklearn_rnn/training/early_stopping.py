"""Early stopping: find the best epoch on validation data, then train on everything."""

from typing import NamedTuple

from skorch.callbacks import LRScheduler

from sklearn_rnn.training.callbacks import Progress, StopAtLoss, copy_callbacks, name_callbacks
from sklearn_rnn.training.loop import run_epochs

# They only observe, and the history that they see is that of the first training.
_OBSERVERS = frozenset(
    {
        "BatchScoring",
        "EpochScoring",
        "PassthroughScoring",
        "EpochTimer",
        "PrintLog",
        "ProgressBar",
        "TensorBoard",
    }
    | {f"{name}Logger" for name in ("Mlflow", "Neptune", "Sacred", "Wandb")}
)


def find_repeatable(callbacks):
    """Choose the callbacks for a training run that repeats another one with nothing held out.

    Parameters
    ----------
    callbacks : list of pairs
        Names and callbacks.

    Returns
    -------
    list of pairs or None
        None if there are callbacks that may change the network, or follow what was held out.
    """
    chosen = []
    for name, callback in callbacks:
        is_known = type(callback).__module__.startswith("skorch.")
        if type(callback) is LRScheduler and not is_plateau(callback):
            chosen.append((name, callback))
        elif not (is_known and type(callback).__name__ in _OBSERVERS):
            return None
    return chosen


def is_plateau(schedule):
    """Return whether a schedule of the learning rate follows a score."""
    policy = schedule.policy
    return (policy if isinstance(policy, str) else policy.__name__) == "ReduceLROnPlateau"


class TrainingRecord(NamedTuple):
    """What is known after training.

    Attributes
    ----------
    history : list of dict
        What was recorded in each epoch, without that of single batches; also in earlier training of the net.
    best_epoch : int or None
        The epoch with the best validation score, counted from 1 in this training, with early stopping.
    was_interrupted : bool
        Whether training was interrupted by Ctrl-C.
    """

    history: list
    best_epoch: int | None
    was_interrupted: bool


def train(
    net,
    dataset,
    validation=None,
    everything=None,
    *,
    epochs,
    batch_size,
    callbacks=(),
    score=None,
    best=None,
    progress=Progress,
    verbose=0,
    checkpoint=None,
):
    """Train a net; with early stopping, first find the number of epochs, then train on everything.

    Parameters
    ----------
    net : SequenceNet
        The net.
    dataset, validation : SequenceDataset or the like
        Training data, and validation data or None.
    everything : SequenceDataset or the like, optional
        What to train on in the end, with early stopping. Without it the net keeps the weights of the best
        epoch. So it does if there are callbacks that may change the network, or follow what is held out.
    epochs : int
        Number of epochs.
    batch_size : int or "all"
        Largest number of sequences in a batch.
    callbacks : list
        The user's callbacks, or pairs of a name and a callback; they are copied.
    score : callable, optional
        ``score(loss)`` returns the score of an epoch with this validation loss; larger is better.
    best : BestEpoch, optional
        Stops training early.
    progress : class, default=Progress
        The progress bar.
    verbose : int, default=0
        1 shows a progress bar, and a larger number one line per epoch.
    checkpoint : Checkpoint, optional
        The file that training resumes from, if it exists, and that is written meanwhile.

    Returns
    -------
    TrainingRecord
        How it went.
    """
    callbacks = copy_callbacks(callbacks)
    repeatable = find_repeatable(name_callbacks(callbacks))
    is_repeated = best is not None and everything is not None and repeatable is not None
    before = net.snapshot() if is_repeated else None
    done = () if checkpoint is None else (checkpoint.n_epochs, checkpoint.n_terms)
    bar = progress(epochs, *done)
    shown = [("_progress", bar)] if verbose == 1 else []
    stops = [] if best is None else [("_early_stopping", best)]
    net.verbose = int(verbose)
    try:
        _set_up(net, dataset, batch_size, [*callbacks, *stops, *shown])
        was_interrupted = run_epochs(net, dataset, validation, epochs, score=score, checkpoint=checkpoint)
        if is_repeated and not was_interrupted:
            history, callbacks_ = list(net.history), net.callbacks_
            net.restore(before)
            if verbose > 1:
                print(f"Training on everything, for at least {best.last_epoch_} epoch(s):")
            stop = StopAtLoss(best.last_epoch_, best.last_train_loss_)
            _set_up(net, everything, batch_size, [*repeatable, ("_early_stopping", stop), *shown])
            was_interrupted = run_epochs(net, everything, None, epochs)
            net.history[:], net.callbacks_ = history, callbacks_
            if was_interrupted:
                net.module_.load_state_dict(best.best_weights_)
    finally:
        bar.close()
    net.callbacks = callbacks
    ours = {name for name, _ in [*stops, *shown]}
    net.callbacks_ = [(name, callback) for name, callback in net.callbacks_ if name not in ours]
    best_epoch = None if best is None else best.best_epoch_
    return TrainingRecord(_tidy_history(net.history), best_epoch, was_interrupted)


def _set_up(net, dataset, batch_size, callbacks):
    n = len(dataset)
    net.batch_size = n if batch_size == "all" else min(batch_size, n)
    net.callbacks = callbacks
    net.initialize_callbacks()


def _tidy_history(history):
    """Drop the epoch that was interrupted, and what is known of single batches, and return the epochs."""
    if len(history) and "dur" not in history[-1]:
        del history[-1]
    for epoch in history:
        epoch["batches"] = []  # summed up in the epoch
    return [{name: value for name, value in epoch.items() if name != "batches"} for epoch in history]
