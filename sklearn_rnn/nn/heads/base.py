"""The base class of heads, which turn features into scores, a loss and an answer."""

from torch import nn

from sklearn_rnn.nn.kernels.rows import Linear


class Head(nn.Module):
    """The output layer with its loss and the way its scores become an answer.

    A subclass defines `term_losses` and `predict`, and `make_activation` if scores become probabilities.

    Parameters
    ----------
    input_size : int or None
        Number of input features; None if the inputs are scores (from a Jordan cell, whose own output
        layer is the network's).
    n_outputs : int or list of int
        Number of classes or of numbers; a list of numbers of classes for several outputs.
    per_step : bool
        Whether each step is answered, or each sequence.

    Attributes
    ----------
    activation : Module
        What turns scores into the network's answer (a Jordan network feeds this back).
    rates_steps : bool
        Whether the loss is a sum over steps (or sequences) that can be weighted one by one.

    Examples
    --------
    The absolute error, which outliers move less than the squared error:

    >>> from sklearn_rnn import RNNRegressor
    >>> from sklearn_rnn.nn import Head
    >>> class AbsoluteErrorHead(Head):
    ...     def term_losses(self, scores, targets):
    ...         return (scores - targets).abs().mean(dim=1)
    >>> regressor = RNNRegressor(head=AbsoluteErrorHead, max_iter=2, random_state=0)
    >>> regressor.fit([[0.0, 1.0], [2.0, 3.0, 4.0]], [1.0, 9.0]).predict([[1.0, 2.0]]).shape
    (1,)
    """

    rates_steps = True

    def __init__(self, input_size, n_outputs, per_step):
        super().__init__()
        self.n_outputs = n_outputs
        self.per_step = per_step
        self.n_scores = self.count_scores(n_outputs)
        self.activation = self.make_activation(n_outputs)
        self.output = nn.Identity() if input_size is None else Linear(input_size, self.n_scores)
        if input_size is not None:
            nn.init.xavier_uniform_(self.output.weight)
            nn.init.zeros_(self.output.bias)

    @staticmethod
    def count_scores(n_outputs):
        """Return the number of scores for this number of outputs.

        Parameters
        ----------
        n_outputs : int or list of int
            As passed to the constructor.

        Returns
        -------
        int
            Number of scores; by default one per output.
        """
        return n_outputs

    @staticmethod
    def make_activation(n_outputs):
        """Return the module that turns scores into the network's answer.

        Parameters
        ----------
        n_outputs : int or list of int
            As passed to the constructor.

        Returns
        -------
        Module
            From Tensor of shape (..., n_scores) to the same shape; by default the identity.
        """
        return nn.Identity()

    def forward(self, features):
        """Compute scores.

        Parameters
        ----------
        features : Tensor of shape (n, input_size)
            One row per sequence, or per step.

        Returns
        -------
        Tensor of shape (n, n_scores)
            Scores.
        """
        return self.output(features)

    def term_losses(self, scores, targets):
        """Return the loss of each term.

        Parameters
        ----------
        scores : Tensor of shape (n, n_scores)
            What `forward` returned.
        targets : Tensor of shape (n,) or (n, K)
            Codes, int64; or numbers, of the type of the scores.

        Returns
        -------
        Tensor of shape (n,)
            Losses of sequences, or of steps.
        """
        raise NotImplementedError(f"{type(self).__name__} must define term_losses(scores, targets).")

    def loss(self, scores, batch):
        """Sum the losses of a batch.

        Parameters
        ----------
        scores : Tensor of shape (n, n_scores)
            What `forward` returned.
        batch : PackedBatch
            The batch with its targets and weights.

        Returns
        -------
        total : Tensor of shape ()
            The weighted sum of the terms' losses.
        count : int
            The number of terms, not the sum of their weights: a batch of light terms should move the network
            less than a batch of heavy ones.
        """
        terms = self.term_losses(scores, batch.targets)
        return (terms if batch.weights is None else terms * batch.weights).sum(), len(terms)

    def predict(self, scores, packing):
        """Turn scores into an answer: codes, or numbers.

        Parameters
        ----------
        scores : Tensor of shape (n, n_scores)
            What `forward` returned.
        packing : Packing
            The layout of the batch.

        Returns
        -------
        Tensor of shape (n,) or (n, K)
            The answer.
        """
        return scores

    def predict_proba(self, scores, packing):
        """Turn scores into probabilities.

        Parameters
        ----------
        scores : Tensor of shape (n, n_scores)
            What `forward` returned.
        packing : Packing
            The layout of the batch.

        Returns
        -------
        Tensor of shape (n, n_scores)
            Probabilities.
        """
        return self.activation(scores)
