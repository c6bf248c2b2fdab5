"""A transformer of steps: the same numbers as the transformer alone gives, in the form that came in."""

import pickle

import numpy as np
import pandas as pd
import polars as pl
import pytest
import sklearn
import torch
from sklearn.base import BaseEstimator, TransformerMixin, clone
from sklearn.compose import ColumnTransformer
from sklearn.decomposition import PCA, IncrementalPCA
from sklearn.exceptions import NotFittedError
from sklearn.feature_extraction.text import (
    CountVectorizer,
    HashingVectorizer,
    TfidfTransformer,
    TfidfVectorizer,
)
from sklearn.feature_selection import SelectKBest, f_regression
from sklearn.impute import SimpleImputer
from sklearn.linear_model import LinearRegression
from sklearn.model_selection import GridSearchCV
from sklearn.pipeline import make_pipeline, make_union
from sklearn.preprocessing import (
    FunctionTransformer,
    MinMaxScaler,
    OneHotEncoder,
    OrdinalEncoder,
    PolynomialFeatures,
    StandardScaler,
)
from sklearn.utils import get_tags
from sklearn.utils.estimator_checks import estimator_checks_generator, parametrize_with_checks

from sklearn_rnn import RNNClassifier, Sequences
from sklearn_rnn.data import as_sequences
from sklearn_rnn.preprocessing import SequencePadder, StepTransformer

CHECKED = [
    StepTransformer(StandardScaler()),
    StepTransformer(PolynomialFeatures()),
    StepTransformer(IncrementalPCA(n_components=1)),
    StepTransformer(OneHotEncoder(handle_unknown="ignore")),
    StepTransformer(OrdinalEncoder(handle_unknown="use_encoded_value", unknown_value=-1)),
    StepTransformer(SimpleImputer()),
    StepTransformer(FunctionTransformer()),
]


@parametrize_with_checks(CHECKED)
def test_common_checks(estimator, check):
    check(estimator)


@pytest.mark.parametrize("estimator", CHECKED)
def test_there_are_common_checks(estimator):
    assert len(list(estimator_checks_generator(estimator))) > 30


@pytest.fixture
def arrays(global_random_seed):
    rng = np.random.RandomState(global_random_seed)
    return [rng.normal(5, 3, (n, 3)).astype(np.float32) for n in (4, 1, 7, 2)]


def flat(X):
    return np.concatenate(list(X))


RAGGED = {
    "list": list,
    "tuple": tuple,
    "nested lists": lambda arrays: [x.tolist() for x in arrays],
    "float64": lambda arrays: [x.astype(float) for x in arrays],
    "object array": lambda arrays: np.array([*arrays, None], dtype=object)[:-1],
    "Series": pd.Series,
    "Sequences": lambda arrays: Sequences.from_lengths(flat(arrays), [len(x) for x in arrays]),
    "list of DataFrames": lambda arrays: [pd.DataFrame(x) for x in arrays],
    "masked": lambda arrays: np.ma.masked_equal(RAGGED["Sequences"](arrays).to_padded(-99), -99),
}


@pytest.mark.parametrize("form", RAGGED)
@pytest.mark.parametrize("transformer", [StandardScaler(), MinMaxScaler(), PCA(2), PolynomialFeatures()])
def test_equals_the_transformer_on_all_steps(arrays, form, transformer):
    X = RAGGED[form](arrays)
    expected = clone(transformer).fit(flat(arrays)).transform(flat(arrays))
    for result in (
        StepTransformer(transformer).fit(X).transform(X),
        StepTransformer(transformer).fit_transform(X),
    ):
        assert isinstance(result, Sequences)
        assert result.lengths.tolist() == [4, 1, 7, 2]
        assert result.values.dtype == (np.float64 if form in ("nested lists", "float64") else np.float32)
        np.testing.assert_allclose(result.values, expected, rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize("dtype", [np.float32, np.float64, np.int64])
@pytest.mark.parametrize("convert", [np.array, torch.tensor, lambda x: x.tolist()])
def test_arrays_of_equal_length(convert, dtype):
    X = np.arange(24, dtype=dtype).reshape(4, 3, 2)
    expected = StandardScaler().fit_transform(X.reshape(12, 2)).reshape(4, 3, 2)
    step = StepTransformer(StandardScaler())
    result = step.fit_transform(convert(X))
    assert type(result) is np.ndarray
    is_short = dtype == np.float32 and convert in (np.array, torch.tensor)
    assert result.dtype == (np.float32 if is_short else np.float64)
    assert step.n_features_in_ == 2
    np.testing.assert_allclose(result, expected, rtol=1e-5)
    np.testing.assert_allclose(step.inverse_transform(result), X, rtol=1e-5)


@pytest.mark.parametrize("frame", [np.array, pd.DataFrame, pl.DataFrame, torch.tensor])
def test_tables_are_series_of_one_feature(frame):
    data = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 9.0]])
    step = StepTransformer(StandardScaler()).fit(frame(data))
    assert step.n_features_in_ == 3
    assert step.transformer_.mean_ == pytest.approx(4)  # one mean over all steps, not one a column
    result = step.transform(frame(data))
    assert result.shape == (2, 3)
    np.testing.assert_allclose(result, (data - data.mean()) / data.std(), rtol=1e-5)
    np.testing.assert_allclose(step.inverse_transform(result), data, rtol=1e-5)


def test_tables_of_which_several_features_are_made():
    data = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 9.0]])
    step = StepTransformer(PolynomialFeatures(2))
    assert step.fit_transform(data).tolist() == [[[1, v, v * v] for v in row] for row in data]
    assert step.get_feature_names_out().tolist() == ["1", "x0", "x0^2"]
    step = StepTransformer(make_pipeline(FunctionTransformer(lambda v: np.c_[v, -v]), PCA(2))).fit(data)
    transformed = step.transform(data)
    assert transformed.shape == (2, 3, 2)
    assert step.fit(transformed).transform(transformed).shape == (2, 3, 2)


def test_inverse_of_a_table_is_a_table():
    data = np.array([[1.0, 2.0, 3.0], [4.0, 5.0, 9.0]])
    double = FunctionTransformer(lambda v: np.c_[v, -v], inverse_func=lambda v: v[:, :1])
    step = StepTransformer(double).fit(data)
    assert step.transform(data).shape == (2, 3, 2)
    assert step.inverse_transform(step.transform(data)).tolist() == data.tolist()


def test_other_forms_after_a_fit_on_a_table():
    step = StepTransformer(MinMaxScaler()).fit(np.array([[0.0, 2.0], [1.0, 4.0]]))
    ragged = step.transform([np.array([4.0, 2.0, 0.0]), np.array([2.0])])
    assert isinstance(ragged, Sequences)
    assert ragged[0].tolist() == [[1.0], [0.5], [0.0]]
    assert step.transform(np.full((1, 5, 1), 2.0)).tolist() == [[[0.5]] * 5]


def test_tables_after_a_fit_on_ragged_series():
    step = StepTransformer(MinMaxScaler()).fit([[0.0, 2.0, 1.0], [4.0]])
    assert step.n_features_in_ == 1
    assert step.transform(np.array([[4.0, 2.0]])).tolist() == [[1.0, 0.5]]
    assert step.inverse_transform(np.array([[1.0, 0.5]])).tolist() == [[4.0, 2.0]]


def test_nested_lists_of_one_length_are_an_array():
    step = StepTransformer(MinMaxScaler()).fit([[0.0, 2.0], [1.0, 4.0]])
    assert step.n_features_in_ == 1  # their number of steps binds nobody
    assert step.transform([[4.0, 2.0, 0.0]]).tolist() == [[1.0, 0.5, 0.0]]
    assert isinstance(step.transform([[4.0], [2.0, 0.0]]), Sequences)
    assert isinstance(step.transform([np.array([4.0, 2.0])]), Sequences)


@pytest.mark.parametrize("form", RAGGED)
def test_inverse(arrays, form):
    X = RAGGED[form](arrays)
    step = StepTransformer(StandardScaler()).fit(X)
    back = step.inverse_transform(step.transform(X))
    assert back.lengths.tolist() == [4, 1, 7, 2]
    np.testing.assert_allclose(back.values, flat(arrays), rtol=1e-5, atol=1e-5)
    np.testing.assert_allclose(step.inverse_transform(list(step.transform(X))).values, back.values, rtol=1e-6)


def test_partial_fit_equals_fit(arrays):
    whole = StepTransformer(StandardScaler()).fit(arrays)
    in_parts = StepTransformer(StandardScaler()).partial_fit(arrays[:2]).partial_fit(arrays[2:])
    np.testing.assert_allclose(in_parts.transformer_.mean_, whole.transformer_.mean_, rtol=1e-6)
    np.testing.assert_allclose(in_parts.transformer_.scale_, whole.transformer_.scale_, rtol=1e-6)
    with pytest.raises(ValueError, match="X has 2 features, but StepTransformer is expecting 3"):
        in_parts.partial_fit([np.zeros((3, 2))])


def test_methods_are_those_of_the_transformer():
    assert hasattr(StepTransformer(StandardScaler()), "partial_fit")
    assert not hasattr(StepTransformer(PCA()), "partial_fit")
    assert not hasattr(StepTransformer(PolynomialFeatures()), "inverse_transform")
    assert not hasattr(StepTransformer(FunctionTransformer()), "get_feature_names_out")
    with pytest.raises(AttributeError, match="partial_fit"):
        StepTransformer(PCA()).partial_fit([[1.0]])


def test_sparse_results_become_dense():
    X = [np.array([0.0, 1.0]), np.array([1.0])]
    step = StepTransformer(OneHotEncoder()).fit(X)
    assert [x.tolist() for x in step.transform(X)] == [[[1, 0], [0, 1]], [[0, 1]]]
    assert step.get_feature_names_out(["kind"]).tolist() == ["kind_0.0", "kind_1.0"]


def test_feature_names(arrays):
    step = StepTransformer(StandardScaler()).fit(arrays)
    assert step.get_feature_names_out(["a", "b", "c"]).tolist() == ["a", "b", "c"]
    assert not hasattr(step, "feature_names_in_")
    step.fit(pd.DataFrame([[1.0, 2.0]], columns=["monday", "tuesday"]))
    assert step.feature_names_in_.tolist() == ["monday", "tuesday"]
    assert step.get_feature_names_out().tolist() == ["monday", "tuesday"]
    step.fit(arrays)
    assert not hasattr(step, "feature_names_in_")


def test_inverse_after_a_data_frame_does_not_warn():
    step = StepTransformer(StandardScaler())
    data = pd.DataFrame([[1.0, 2.0]], columns=["monday", "tuesday"])
    assert step.inverse_transform(step.fit_transform(data)).tolist() == [[1.0, 2.0]]


# Tokens


WORDS = [["to", "be", "or"], ["be"], ["not", "to"]]
FLAT_WORDS = ["to", "be", "or", "be", "not", "to"]


@pytest.mark.parametrize(
    "transformer",
    [
        CountVectorizer(analyzer="char"),
        TfidfVectorizer(analyzer="char_wb", ngram_range=(1, 2)),
        HashingVectorizer(analyzer="char", n_features=16),
        make_pipeline(CountVectorizer(analyzer="char"), TfidfTransformer()),
        make_pipeline("passthrough", CountVectorizer(analyzer="char")),
        make_union(CountVectorizer(analyzer="char"), CountVectorizer(analyzer="char", binary=True)),
    ],
)
@pytest.mark.parametrize("convert", [list, as_sequences, lambda X: [np.array(x) for x in X]])
def test_each_token_is_a_text(transformer, convert):
    expected = clone(transformer).fit_transform(FLAT_WORDS).toarray().astype(np.float32)
    step = StepTransformer(transformer)
    for result in (step.fit_transform(convert(WORDS)), step.fit(convert(WORDS)).transform(convert(WORDS))):
        assert result.lengths.tolist() == [3, 1, 2]
        assert result.values.dtype == np.float32
        np.testing.assert_allclose(result.values, expected, rtol=1e-6)
    assert step.n_features_in_ == 1


@pytest.mark.parametrize(
    "transformer",
    [
        OneHotEncoder(),
        OneHotEncoder(sparse_output=False, max_categories=2),
        OrdinalEncoder(),
        make_pipeline(OneHotEncoder(sparse_output=False), StandardScaler()),
        ColumnTransformer([("hot", OneHotEncoder(), [0]), ("letters", CountVectorizer(analyzer="char"), 0)]),
        FunctionTransformer(lambda words: np.array([[len(word), word < "p"] for (word,) in words])),
    ],
)
def test_tokens_are_a_column(transformer):
    column = np.array(FLAT_WORDS, dtype=object)[:, np.newaxis]
    expected = clone(transformer).fit_transform(column)
    expected = np.asarray(expected.toarray() if hasattr(expected, "toarray") else expected, dtype=np.float32)
    step = StepTransformer(transformer).fit(WORDS)
    np.testing.assert_allclose(step.transform(WORDS).values, expected, rtol=1e-5, atol=1e-6)
    np.testing.assert_allclose(step.fit_transform(WORDS).values, expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("encoder", [OneHotEncoder(), OrdinalEncoder()])
@pytest.mark.parametrize("X", [WORDS, ["abba", "c"], [np.array([7, -1]), np.array([7])]])
def test_tokens_and_back(encoder, X):
    step = StepTransformer(encoder)
    back = step.fit(X).inverse_transform(step.transform(X))
    assert back.is_tokens
    assert [x.tolist() for x in back] == [list(x) for x in X]
    assert back.values.dtype.kind == as_sequences(X).values.dtype.kind or back.values.dtype == object


def test_arrays_of_words():
    X = np.array([["to", "be"], ["be", "or"]])
    step = StepTransformer(OneHotEncoder()).fit(X)
    assert step.transform(X).tolist() == [[[0, 0, 1], [1, 0, 0]], [[1, 0, 0], [0, 1, 0]]]
    assert step.inverse_transform(step.transform(X)).tolist() == X.tolist()
    assert step.get_feature_names_out().tolist() == ["x0_be", "x0_or", "x0_to"]


def test_a_column_of_str_is_tokens_again():
    step = StepTransformer(FunctionTransformer(lambda words: np.char.upper(words.astype(str))))
    assert [x.tolist() for x in step.fit_transform([["to", "Be"], ["or"]])] == [["TO", "BE"], ["OR"]]
    assert step.fit_transform(np.array([["to"], ["be"]])).tolist() == [["TO"], ["BE"]]


def test_stations_after_words():
    X = [["good"], ["bad"], ["so", "good"], ["so", "bad"]] * 5
    y = [x[-1] for x in X]
    network = RNNClassifier(cell="elman", hidden_size=6, max_iter=40, learning_rate=0.05, random_state=0)
    model = make_pipeline(StepTransformer(CountVectorizer(analyzer="char")), network)
    search = GridSearchCV(model, {"steptransformer__transformer__binary": [False, True]}, cv=2).fit(X, y)
    assert search.best_score_ == 1


@pytest.mark.parametrize(
    ("transformer", "X", "message"),
    [
        (
            CountVectorizer(),
            [[1.0, 2.0], [3.0]],
            "X holds numbers, but CountVectorizer reads steps that are str",
        ),
        (CountVectorizer(), [[1, 2], [3]], "X holds integers, but CountVectorizer reads steps that are str"),
        (
            make_pipeline(StandardScaler(), OneHotEncoder()),
            WORDS,
            "X holds str tokens, but StepTransformer needs",
        ),
        (make_pipeline("passthrough"), WORDS, "X holds str tokens, but StepTransformer needs numbers"),
        (ColumnTransformer([("keep", "passthrough", [0])]), WORDS, "X holds str tokens"),
        (SimpleImputer(), [[1, 2], [3]], "X holds integer tokens, .* make them float"),
    ],
)
def test_what_a_transformer_does_not_read(transformer, X, message):
    with pytest.raises(ValueError, match=message):
        StepTransformer(transformer).fit(X)


@pytest.mark.parametrize("vectorizer", [CountVectorizer(), make_pipeline(TfidfVectorizer())])
@pytest.mark.parametrize("method", ["fit", "fit_transform"])
def test_texts_that_are_read_letter_by_letter(vectorizer, method):
    fit = getattr(StepTransformer(vectorizer), method)
    with pytest.raises(
        ValueError, match=r"empty vocabulary.* single character.*list of words.*analyzer='char'"
    ):
        fit(["to be", "or not"])
    with pytest.raises(ValueError, match="stop words$"):
        fit([["--", "..."]])  # no word either, but no letters


def test_a_sparse_result_that_is_too_large():
    step = StepTransformer(HashingVectorizer()).fit([["to", "be"]])
    X = [["to", "be"] * 600]
    message = r"HashingVectorizer made 1048576 features of 1200 steps, .* 4\.7 GiB .* n_features"
    with pytest.raises(ValueError, match=message):
        step.transform(X)
    with pytest.raises(ValueError, match=message):
        step.fit_transform(X)
    few = StepTransformer(HashingVectorizer(n_features=8))
    assert few.fit_transform(X)[0].shape == (1200, 8)


def test_other_steps_than_those_of_the_fit():
    step = StepTransformer(OneHotEncoder())
    with pytest.raises(TypeError, match="X holds numbers, but StepTransformer was fitted on text tokens"):
        step.fit(WORDS).transform([[1.0]])
    with pytest.raises(
        TypeError, match="X holds text tokens, but StepTransformer was fitted on integer tokens"
    ):
        step.fit([[1, 2]]).transform(WORDS)
    assert step.fit([[1.0, 2.0]]).transform([[2, 1]]).tolist() == [[[0, 1], [1, 0]]]


def test_there_is_no_way_back_to_words_from_counts():
    step = StepTransformer(CountVectorizer(analyzer="char")).fit(WORDS)
    with pytest.raises(ValueError, match=r"CountVectorizer.inverse_transform made shape \(6,\) of 6 steps"):
        step.inverse_transform(step.transform(WORDS))


def test_missing_values_of_several_features():
    X = [np.array([[1.0, np.nan], [3.0, 4.0]]), np.array([[np.nan, 6.0]])]
    parts = ColumnTransformer([("a", SimpleImputer(), [0]), ("b", SimpleImputer(strategy="median"), [1])])
    filled = StepTransformer(SimpleImputer()).fit_transform(X)
    assert [x.tolist() for x in filled] == [[[1, 5], [3, 4]], [[2, 6]]]
    steps = StepTransformer(parts).fit(X)
    assert [x.tolist() for x in steps.transform(X)] == [[[1, 5], [3, 4]], [[2, 6]]]


@pytest.mark.parametrize(
    "transformer",
    [
        make_pipeline("passthrough", SimpleImputer(), PCA(n_components=1)),
        make_union(SimpleImputer(), SimpleImputer(strategy="median")),
        make_union(make_pipeline(SimpleImputer(), StandardScaler()), "passthrough"),
        ColumnTransformer([("a", SimpleImputer(), [0, 1])]),
        ColumnTransformer([("a", make_union(SimpleImputer()), [0])], remainder="drop"),
        ColumnTransformer([("a", "drop", [0])], remainder=SimpleImputer()),
        make_pipeline("passthrough"),
        FunctionTransformer(np.nan_to_num),
        "passthrough",
    ],
    ids=lambda transformer: str(transformer).split(" at 0x")[0],
)
def test_missing_values_are_for_what_is_inside(transformer):
    X = [np.array([[1.0, np.nan], [3.0, 4.0]]), np.array([[np.nan, 6.0]])]
    steps = StepTransformer(transformer)
    assert get_tags(steps).input_tags.allow_nan
    rows = np.concatenate(X)
    expected = rows if transformer == "passthrough" else clone(transformer).fit_transform(rows)
    np.testing.assert_allclose(steps.fit_transform(X).values, expected, rtol=1e-5)
    np.testing.assert_allclose(steps.fit(X).transform(X).values, expected, rtol=1e-5)


@pytest.mark.parametrize(
    "transformer",
    [
        make_pipeline(PCA(), SimpleImputer()),
        make_union(PCA()),
        ColumnTransformer([("a", PCA(), [0, 1])]),
        ColumnTransformer([("a", "drop", [0])], remainder=PCA()),
        FunctionTransformer(validate=True),
    ],
    ids=str,
)
def test_missing_values_that_nothing_inside_takes(transformer):
    with pytest.raises(ValueError, match=r"X\[0\] has NaN at step 0, feature 1"):
        StepTransformer(transformer).fit([[[1.0, np.nan], [3.0, 4.0]]])


def test_passthrough(arrays):
    steps = StepTransformer("passthrough").fit(arrays)
    for method in (steps.transform, steps.inverse_transform, clone(steps).fit_transform):
        for x, expected in zip(method(arrays), arrays, strict=True):
            np.testing.assert_array_equal(x, np.asarray(expected, dtype=np.float32))
    assert steps.get_feature_names_out().tolist() == [f"x{i}" for i in range(steps.n_features_in_)]
    assert not hasattr(steps, "partial_fit")
    model = make_pipeline(StepTransformer(StandardScaler()), RNNClassifier(hidden_size=2, max_iter=1))
    search = GridSearchCV(
        model, {"steptransformer__transformer": ["passthrough", StandardScaler()]}, cv=2, error_score="raise"
    )
    X = [[[0.0], [1.0]], [[2.0]], [[1.0]], [[3.0]]]
    assert search.fit(X, [0, 0, 1, 1]).predict(X).shape == (4,)


# Targets


class Remember(TransformerMixin, BaseEstimator):
    """A transformer that keeps what it was fitted on."""

    def __init__(self, needs_y=True):
        self.needs_y = needs_y

    def fit(self, X, y=None):
        self.y_ = y
        return self

    def transform(self, X):
        return X

    def __sklearn_tags__(self):
        tags = super().__sklearn_tags__()
        tags.target_tags.required = self.needs_y
        return tags


@pytest.mark.parametrize(
    ("y", "expected"),
    [
        ([7, 8], [7, 7, 8]),
        (pd.Series([7, 8], index=[4, 5]), [7, 7, 8]),
        (["cat", "dog"], ["cat", "cat", "dog"]),
        (pd.Series(["cat", "dog"]), ["cat", "cat", "dog"]),
        ([[1, 2], [3]], [1, 2, 3]),
        ([["N", "V"], ["N"]], ["N", "V", "N"]),
        (np.array([[1, 2], [3, 4]]), [[1, 2], [1, 2], [3, 4]]),
    ],
)
def test_targets_are_laid_out_like_steps(y, expected):
    step = StepTransformer(Remember()).fit([[1.0, 2.0], [3.0]], y)
    assert step.transformer_.y_.tolist() == expected


@pytest.mark.parametrize(
    "y", [None, [["a"], ["b", "c", "d"]], [1, 2, 3], "ab", torch.ones(2, requires_grad=True)]
)
def test_targets_that_fit_no_step_are_left_to_others(y):
    assert StepTransformer(Remember(needs_y=False)).fit([[1.0, 2.0], [3.0]], y).transformer_.y_ is None


def test_targets_that_fit_are_given_also_where_they_are_not_demanded():
    assert StepTransformer(Remember(needs_y=False)).fit(
        [[1.0, 2.0], [3.0]], [7, 8]
    ).transformer_.y_.tolist() == [7, 7, 8]


def test_targets_that_are_needed():
    with pytest.raises(ValueError, match="requires y to be passed, but the target y is None"):
        StepTransformer(Remember()).fit([[1.0]])
    with pytest.raises(ValueError, match="X has 1 sequence, y has 2"):
        StepTransformer(Remember()).fit([[1.0]], [1, 2])
    X = [np.array([[1.0, 5.0], [2.0, 5.1]]), np.array([[3.0, 4.9]])]
    selected = StepTransformer(SelectKBest(f_regression, k=1)).fit_transform(X, [[1, 2], [3]])
    assert selected.values.ravel().tolist() == [1, 2, 3]


# As a part of scikit-learn


class MeanOfSteps(TransformerMixin, BaseEstimator, auto_wrap_output_keys=None):
    """A station behind: one row a sequence."""

    def fit(self, X, y=None):
        return self

    def transform(self, X):
        return np.array([x.mean(axis=0) for x in X])

    def __sklearn_is_fitted__(self):
        return True


def test_pipeline(arrays):
    y = [1.0, 2.0, 3.0, 4.0]
    model = make_pipeline(StepTransformer(StandardScaler()), MeanOfSteps(), LinearRegression())
    model.set_params(steptransformer__transformer__with_mean=False)
    model.fit(arrays, y)
    assert model[0].transformer_.mean_ is not None
    assert model[0].transform(arrays).values.mean() > 0.5  # the mean was not taken off
    assert model.predict(arrays).shape == (4,)
    assert (
        model.predict(Sequences.from_lengths(flat(arrays), [4, 1, 7, 2])).tolist()
        == model.predict(arrays).tolist()
    )


class CrossFitted(Remember):
    """A transformer that gives what it is fitted on something of its own, as `TargetEncoder` does."""

    def fit_transform(self, X, y=None):
        return self.fit(X, y).transform(X) + y[:, np.newaxis]


def test_the_transformers_own_fit_transform_is_used():
    step = StepTransformer(CrossFitted())
    X = [np.array([1.0, 2.0]), np.array([3.0])]
    assert step.fit_transform(X, [10, 20]).values.ravel().tolist() == [11, 12, 23]
    assert step.transform(X).values.ravel().tolist() == [1, 2, 3]


def test_transformers_in_a_row(arrays):
    nested = StepTransformer(make_pipeline(StandardScaler(), PCA(2))).fit_transform(arrays)
    chained = make_pipeline(StepTransformer(StandardScaler()), StepTransformer(PCA(2))).fit_transform(arrays)
    np.testing.assert_allclose(nested.values, chained.values, rtol=1e-5, atol=1e-6)


def test_column_transformer(arrays):
    parts = ColumnTransformer([("scale", StandardScaler(), [0]), ("keep", "passthrough", [2])])
    result = StepTransformer(parts).fit_transform(arrays)
    np.testing.assert_array_equal(result.values[:, 1], flat(arrays)[:, 2])
    assert result.values[:, 0].mean() == pytest.approx(0, abs=1e-6)


def test_clone_parameters_and_pickle(arrays):
    step = StepTransformer(StandardScaler(with_std=False))
    assert step.get_params()["transformer__with_std"] is False
    copied = clone(step).set_params(transformer__with_std=True)
    assert step.transformer.with_std is False
    assert copied.transformer.with_std is True
    step.fit(arrays)
    assert not hasattr(step.transformer, "mean_")  # the argument is not what was fitted
    again = pickle.loads(pickle.dumps(step))
    np.testing.assert_array_equal(again.transform(arrays).values, step.transform(arrays).values)


def test_tags():
    tags = get_tags(StepTransformer(Remember()))
    assert tags.target_tags.required
    assert tags.input_tags.two_d_array
    assert tags.input_tags.three_d_array
    assert not get_tags(StepTransformer(StandardScaler())).target_tags.required


def test_html():
    html = StepTransformer(StandardScaler())._repr_html_()
    assert "StepTransformer" in html
    assert "StandardScaler" in html


@pytest.mark.parametrize("transformer", [StepTransformer(StandardScaler()), SequencePadder()])
def test_data_frames_are_refused_with_advice(transformer, arrays):
    assert not hasattr(transformer, "set_output")
    with pytest.raises(
        AttributeError, match=f"{type(transformer).__name__} has no set_output: .*\\.from_long"
    ):
        transformer.set_output(transform="pandas")
    with pytest.raises(ValueError, match="`set_output` is not available"):
        make_pipeline(transformer).set_output(transform="pandas")
    X = as_sequences(arrays)  # the advice
    table = pd.DataFrame(X.values).assign(sequence=np.repeat(np.arange(len(X)), X.lengths))
    again, ids = Sequences.from_long(table, "sequence")
    np.testing.assert_array_equal(again.values, X.values)
    np.testing.assert_array_equal(again.offsets, X.offsets)


def test_output_is_never_wrapped(arrays):
    with sklearn.config_context(transform_output="pandas"):
        assert isinstance(StepTransformer(StandardScaler()).fit_transform(arrays), Sequences)
        assert isinstance(StepTransformer(StandardScaler()).fit_transform(np.eye(2)), np.ndarray)
    wrapped = StandardScaler().set_output(transform="pandas")
    assert isinstance(StepTransformer(wrapped).fit_transform(arrays), Sequences)


def test_the_users_data_is_not_changed(arrays):
    before = [x.copy() for x in arrays]
    StepTransformer(StandardScaler()).fit_transform(arrays)
    for x, b in zip(arrays, before, strict=True):
        np.testing.assert_array_equal(x, b)


# What is wrong


class DropsRows(TransformerMixin, BaseEstimator):
    """A transformer that breaks the rule of one row a step."""

    def fit(self, X, y=None):
        self.fitted_ = True
        return self

    def transform(self, X):
        return X[1:]


@pytest.mark.parametrize(
    ("X", "error", "message"),
    [
        (
            ["ab", "c"],
            ValueError,
            "X holds str tokens, but StepTransformer needs numbers.* read tokens as they are",
        ),
        ([["to", "be"]], ValueError, "X holds str tokens"),
        ([[1, 2], [3]], ValueError, "X holds integer tokens, .* make them float: X = "),
        ([[1.0, np.inf]], ValueError, r"X\[0\] has infinity or a value too large for float64 at step 1"),
        ([[1.0], []], ValueError, r"X\[1\] is empty"),
        (
            [np.zeros((1, 2)), np.zeros((1, 3)), np.zeros((2, 3))],
            ValueError,
            r"X\[0\] has 2 features, but X\[1\]",
        ),
        (None, TypeError, "of type NoneType"),
    ],
)
def test_wrong_data(X, error, message):
    with pytest.raises(error, match=message):
        StepTransformer(StandardScaler()).fit(X)


def test_missing_values_are_for_transformers_that_take_them():
    X = [[1.0, np.nan], [3.0]]
    with pytest.raises(ValueError, match=r"X\[0\] has NaN at step 1"):
        StepTransformer(PCA()).fit(X)
    scaled = StepTransformer(StandardScaler()).fit_transform(X).values.ravel()
    np.testing.assert_array_equal(scaled, np.float32([-1, np.nan, 1]))


def test_integers_after_a_fit_on_floats_are_numbers():
    step = StepTransformer(MinMaxScaler()).fit([[0.0, 0.5], [4.0]])
    assert step.transform([np.array([2, 4])]).values.ravel().tolist() == [0.5, 1.0]
    with pytest.raises(ValueError, match="X holds str tokens"):
        step.transform(["ab"])


@pytest.mark.parametrize(
    ("fitted_on", "X", "message"),
    [
        (
            np.zeros((4, 3)),
            np.zeros((4, 2)),
            "X has 2 features, but StepTransformer is expecting 3 features as input",
        ),
        (
            np.zeros((4, 3)),
            [np.zeros((4, 2))],
            "X has 2 features, but StepTransformer is expecting 1 features",
        ),
        (
            [np.zeros((4, 3))],
            [np.zeros((4, 2))],
            "X has 2 features, but StepTransformer is expecting 3 features",
        ),
        (
            [np.zeros((4, 3))],
            np.zeros((4, 3)),
            "X has 1 features, but StepTransformer is expecting 3 features",
        ),
        (
            np.zeros((4, 3, 2)),
            np.zeros((4, 3, 1)),
            "X has 1 features, but StepTransformer is expecting 2 features",
        ),
    ],
)
@pytest.mark.parametrize("method", ["transform", "inverse_transform"])
def test_wrong_width(fitted_on, X, message, method):
    step = StepTransformer(StandardScaler()).fit(fitted_on)
    with pytest.raises(ValueError, match=message):
        getattr(step, method)(X)


def test_wrong_transformers():
    with pytest.raises(
        ValueError, match=r"DropsRows.transform made shape \(2, 1\) of 3 steps; .* one row for each"
    ):
        StepTransformer(DropsRows()).fit_transform([[1.0, 2.0], [3.0]])
    for wrong in (StandardScaler, LinearRegression(), None, "scale"):
        with pytest.raises(
            TypeError, match="transformer must be a scikit-learn transformer or .*, but it is"
        ):
            StepTransformer(wrong).fit([[1.0]])


@pytest.mark.parametrize("method", ["transform", "inverse_transform", "get_feature_names_out"])
def test_not_fitted(method):
    arguments = [] if method == "get_feature_names_out" else [[[1.0]]]
    with pytest.raises(NotFittedError):
        getattr(StepTransformer(StandardScaler()), method)(*arguments)
