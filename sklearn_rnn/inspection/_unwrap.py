"""The recurrent estimator within a search or a pipeline."""


def unwrap(estimator, X=None):
    """Return the last estimator of a fitted search or pipeline, and data as the steps before transform them.

    Parameters
    ----------
    estimator : estimator or Pipeline
        A fitted estimator, pipeline or search.
    X : sequences in any form, optional
        The data.

    Returns
    -------
    estimator : estimator
        The estimator itself, or the one inside.
    X : sequences in any form, or None
        What it reads.

    Examples
    --------
    >>> from sklearn.pipeline import make_pipeline
    >>> from sklearn_rnn import RNNLanguageModel
    >>> from sklearn_rnn.inspection._unwrap import unwrap
    >>> from sklearn_rnn.preprocessing import SequenceTruncator
    >>> pipe = make_pipeline(SequenceTruncator(2), RNNLanguageModel(max_iter=1)).fit(["abc", "cab"])
    >>> model, X = unwrap(pipe, ["cab"])
    >>> type(model).__name__, X.values
    ('RNNLanguageModel', array(['c', 'a'], dtype='<U1'))
    """
    estimator = getattr(estimator, "best_estimator_", estimator)
    if hasattr(estimator, "steps"):
        if X is not None and len(estimator) > 1:
            X = estimator[:-1].transform(X)
        estimator = estimator[-1]
    return estimator, X
