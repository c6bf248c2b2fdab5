"""Numbers step by step, and whether the sequence ends."""

from torch.nn import functional as F

from sklearn_rnn.nn.heads.base import Head
from sklearn_rnn.nn.losses import squared_error


class StoppingHead(Head):
    """Numbers, and after them the log-odds that the sequence ends instead.

    The end is a separate step, whose numbers are ignored. Parameters are those of `Head`.

    References
    ----------
    Shen, J. et al. (2018). Natural TTS synthesis by conditioning WaveNet on mel spectrogram predictions.
    ICASSP, section 2.2: the stop token.

    Examples
    --------
    >>> import torch
    >>> from sklearn_rnn.nn import StoppingHead
    >>> head = StoppingHead(input_size=4, n_outputs=2, per_step=True)
    >>> head(torch.zeros(3, 4)).shape
    torch.Size([3, 3])
    """

    @staticmethod
    def count_scores(n_outputs):
        """Return the number of scores: one per number, and one for the end."""
        return n_outputs + 1

    def term_losses(self, scores, targets):
        """Return the loss of each step.

        Parameters
        ----------
        scores : Tensor of shape (n, K + 1)
            Numbers and the log-odds of the end.
        targets : Tensor of shape (n, K + 1)
            Numbers, and 1 at an end, else 0.

        Returns
        -------
        Tensor of shape (n,)
            The squared error, averaged over the outputs, unless this is the end; plus the negative
            log-probability of this being the end, or not.
        """
        is_end = targets[:, -1]
        errors = squared_error(scores[:, :-1], targets[:, :-1]) * (1 - is_end)
        return errors + F.binary_cross_entropy_with_logits(scores[:, -1], is_end, reduction="none")
