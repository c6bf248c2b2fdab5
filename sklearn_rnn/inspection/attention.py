"""The display of attention: which steps of the source a decoder used for each token."""

import numpy as np

from sklearn_rnn.inspection._unwrap import unwrap


class AttentionDisplay:
    """Map of the attention weights over the source for each token of the target.

    Use :meth:`from_estimator` to create it from a fitted `RNNSeq2Seq`.

    Parameters
    ----------
    source : str or sequence
        The source, of n_source_steps tokens, or steps of numbers.
    target : str or sequence of tokens
        The target, of n_steps tokens.
    weights : array-like of shape (n_steps + 1, n_source_steps)
        A row for each token of the target and for its end, as `RNNSeq2Seq.attention_weights` returns them.

    Attributes
    ----------
    ax_ : matplotlib.axes.Axes
        The axes: the source from left to right, the target from top to bottom.
    figure_ : matplotlib.figure.Figure
        The figure that contains the axes.
    im_ : matplotlib.image.AxesImage
        The map.
    colorbar_ : matplotlib.colorbar.Colorbar
        The scale.

    See Also
    --------
    SurprisalDisplay : What a language model did not expect.

    Examples
    --------
    >>> import matplotlib
    >>> matplotlib.use("Agg")
    >>> from sklearn_rnn import RNNSeq2Seq
    >>> from sklearn_rnn.inspection import AttentionDisplay
    >>> model = RNNSeq2Seq(hidden_size=8, max_iter=2).fit(["cat", "dog", "bus"], ["cats", "dogs", "buses"])
    >>> display = AttentionDisplay.from_estimator(model, "cat", "cats")
    >>> [tick.get_text() for tick in display.ax_.get_yticklabels()]
    ['c', 'a', 't', 's', '■']
    """

    def __init__(self, source, target, weights):
        self.source = source
        self.target = target
        self.weights = weights

    @classmethod
    def from_estimator(cls, estimator, source, target=None, *, ax=None, cmap="Blues"):
        """Draw the attention weights of a fitted model.

        Parameters
        ----------
        estimator : estimator or Pipeline
            A fitted `RNNSeq2Seq` with attention, a pipeline that ends with one, or a search over these.
        source : str or sequence
            A single source, in the form that the model was fitted on.
        target : str or sequence of tokens, optional
            The target; by default the predicted one.
        ax : matplotlib.axes.Axes, optional
            Axes to draw on; by default those of a new figure of suitable size.
        cmap : str or matplotlib.colors.Colormap, default="Blues"
            The colours, from 0 to 1.

        Returns
        -------
        AttentionDisplay
            The display.

        Raises
        ------
        ValueError, TypeError
            If the estimator has no attention, or cannot read `source` or `target`; if a transformer before
            it changes the number of steps.
        """
        estimator, X = unwrap(estimator, [source])
        if not hasattr(estimator, "attention_weights"):
            raise ValueError(
                f"{type(estimator).__name__} has no method attention_weights: it writes no sequences. "
                "Pass a fitted RNNSeq2Seq."
            )
        target = estimator.predict(X)[0] if target is None else target
        return cls(source, target, estimator.attention_weights(X, [target])[0]).plot(ax=ax, cmap=cmap)

    def plot(self, *, ax=None, cmap="Blues"):
        """Draw the map.

        Parameters
        ----------
        ax, cmap
            See :meth:`from_estimator`.

        Returns
        -------
        AttentionDisplay
            The display itself.
        """
        import matplotlib.pyplot as plt

        weights = np.asarray(self.weights)
        n_steps, n_source = len(self.target) + 1, len(self.source)
        if weights.shape != (n_steps, n_source):
            raise ValueError(
                f"weights has shape {weights.shape}, but a source of {n_source} steps and a target of "
                f"{n_steps - 1} tokens (and its end) need {(n_steps, n_source)}. A transformer that cuts "
                "sequences or joins tokens must be applied before."
            )
        if ax is None:
            size = (2 + 0.3 * n_source, 1 + 0.3 * n_steps)
            _, ax = plt.subplots(figsize=np.clip(size, 3, 20), layout="constrained")
        self.im_ = ax.imshow(weights, cmap=cmap, vmin=0, vmax=1, aspect="auto")
        is_tokens = np.ndim(self.source[0]) == 0 and not isinstance(self.source[0], (float, np.floating))
        if is_tokens:
            longest = max(len(str(token)) for token in self.source)
            ax.set_xticks(range(n_source), _escape(self.source), rotation=90 if longest > 2 else 0)
        ax.set_yticks(range(n_steps), [*_escape(self.target), "■"])
        ax.set(xlabel="source", ylabel="target (■ is its end)")
        self.colorbar_ = ax.figure.colorbar(self.im_, ax=ax, label="weight")
        self.ax_, self.figure_ = ax, ax.figure
        return self


def _escape(tokens):
    """Return tokens in the form that is shown: a $ is escaped, so that it does not begin a formula."""
    return [str(token).replace("$", r"\$") for token in tokens]
