"""The display of the training loss."""

import numpy as np

from sklearn_rnn.inspection._unwrap import unwrap


class LossCurveDisplay:
    """Curve of the training loss by epoch, and of the validation score if there is one.

    Use :meth:`from_estimator` to create it from a fitted estimator.

    Parameters
    ----------
    loss_curve : list of float
        Mean training loss of each epoch.
    validation_scores : list of float, optional
        Score on the validation set after each epoch.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        Axes with the loss curve.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_rnn.inspection import LossCurveDisplay
    >>> display = LossCurveDisplay([1.2, 0.7, 0.5]).plot()
    >>> display.ax_.get_ylabel()
    'training loss'
    """

    def __init__(self, loss_curve, validation_scores=None):
        self.loss_curve = loss_curve
        self.validation_scores = validation_scores

    @classmethod
    def from_estimator(cls, estimator, *, ax=None):
        """Draw the curve of a fitted estimator.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted recurrent estimator, or a pipeline that ends with one.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        LossCurveDisplay
            The display.
        """
        estimator, _ = unwrap(estimator)
        if not hasattr(estimator, "loss_curve_"):
            raise ValueError(
                f"{type(estimator).__name__} has no loss_curve_: it is not a fitted recurrent estimator."
            )
        return cls(estimator.loss_curve_, estimator.validation_scores_).plot(ax=ax)

    def plot(self, *, ax=None):
        """Draw the curve.

        Parameters
        ----------
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure.

        Returns
        -------
        LossCurveDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt

        if ax is None:
            _, ax = plt.subplots()
        lines = ax.plot(np.arange(1, len(self.loss_curve) + 1), self.loss_curve, label="training loss")
        ax.set(xlabel="epoch", ylabel="training loss")
        if self.validation_scores is not None:
            other = ax.twinx()
            epochs = np.arange(1, len(self.validation_scores) + 1)
            lines += other.plot(epochs, self.validation_scores, color="C1", label="validation score")
            other.set(ylabel="validation score")
            ax.legend(handles=lines)
        self.ax_, self.figure_ = ax, ax.figure
        return self
