"""What happens between epochs."""

from skorch.callbacks import Callback, EarlyStopping
from tqdm.auto import tqdm


class Progress(Callback):
    """Show a progress bar over the epochs of a fit that takes longer than a moment."""

    def on_train_begin(self, net, **kwargs):
        """Open the bar."""
        self.bar_ = tqdm(total=net.epochs_to_come, desc=net.title, unit="epoch", delay=0.5, leave=True)

    def on_epoch_end(self, net, **kwargs):
        """Move the bar."""
        epoch = net.history[-1]
        shown = {name: epoch[name] for name in ("train_loss", "valid_loss", "valid_score") if name in epoch}
        self.bar_.set_postfix(shown, refresh=False)
        self.bar_.update()

    def on_train_end(self, net, **kwargs):
        """Close the bar."""
        self.close()

    def close(self):
        """Close the bar, if it was opened."""
        if hasattr(self, "bar_"):
            self.bar_.close()


def best_weights(patience, tol):
    """Stop when the validation score no longer improves, and give back the best weights, from memory.

    Parameters
    ----------
    patience : int
        Number of epochs without improvement after which to stop.
    tol : float
        Less than this is no improvement.

    Returns
    -------
    skorch.callbacks.EarlyStopping
        The callback.
    """
    return EarlyStopping(
        monitor="valid_score",
        patience=patience,
        threshold=tol,
        threshold_mode="abs",
        lower_is_better=False,
        load_best=True,
    )
