"""From a fitted scikit-learn pipeline to the plain parameters that are kept in a file and served.

The only module that knows both. Training ends with it, so that a worker needs no scikit-learn.
"""

from typing import Any

import numpy as np
from sklearn.feature_extraction.text import CountVectorizer
from sklearn.naive_bayes import BernoulliNB
from sklearn.pipeline import Pipeline
from sklearn.tree import DecisionTreeClassifier

from tweetream.classifier.parameters import Calibration, FeatureWeights, Numbers, Parameters, Tree, WordWeights
from tweetream.classifier.vectorizer import FeatureVectorizer

FEATURES, CLASSIFIER = "features", "classifier"  # the steps of a pipeline


def parameters_of(pipeline: Pipeline) -> Parameters:
    """The parameters of a fitted pipeline: a vectoriser, then a calibrated classifier. Raises BadParameters."""
    features, model = pipeline.named_steps[FEATURES], pipeline.named_steps[CLASSIFIER]
    (fitted,) = model.calibrated_classifiers_
    estimator = fitted.estimator
    calibration = Calibration(
        # Platt: p = 1 / (1 + exp(a * response + b)), with a and b for each column.
        slope=np.array([-calibrator.a_ for calibrator in fitted.calibrators], dtype=np.float64),
        shift=np.array([-calibrator.b_ for calibrator in fitted.calibrators], dtype=np.float64),
        # The response is what the estimator itself gives. Naive Bayes gives probabilities, its sums are logarithms.
        of_probability=isinstance(estimator, BernoulliNB),
    )
    parameters = Parameters(tuple(model.classes_.tolist()), _decision(features, estimator), calibration)
    parameters.check()
    return parameters


def _decision(features: Any, estimator: Any) -> FeatureWeights | WordWeights | Tree:
    if isinstance(features, FeatureVectorizer):
        return FeatureWeights(features.kinds, features.known_, *_linear(estimator))
    assert isinstance(features, CountVectorizer)
    words = tuple(features.get_feature_names_out().tolist())
    if isinstance(estimator, DecisionTreeClassifier):
        return _tree(words, estimator.tree_)
    return WordWeights(words, *_linear(estimator))


def _linear(estimator: Any) -> tuple[Numbers, Numbers]:
    """The weights (features, columns) and the bias (columns,) of a linear estimator."""
    if isinstance(estimator, BernoulliNB):
        absent = np.log1p(-np.exp(estimator.feature_log_prob_))
        weights = (estimator.feature_log_prob_ - absent).T
        bias = estimator.class_log_prior_ + absent.sum(axis=1)
        if len(bias) == 2:
            return weights[:, 1:] - weights[:, :1], bias[1:] - bias[:1]
        return weights, bias
    return np.asarray(estimator.coef_, dtype=np.float64).T, np.asarray(estimator.intercept_, dtype=np.float64)


def _tree(words: tuple[str, ...], tree: Any) -> Tree:
    """A word's count is 0 or 1, so every threshold is between these: the left child is for texts without the word."""
    values = tree.value[:, 0, :]
    return Tree(
        words,
        asked=np.maximum(tree.feature, 0).astype(np.int32),  # a leaf has -2
        present=tree.children_right.astype(np.int32),
        absent=tree.children_left.astype(np.int32),
        values=values[:, 1:] if values.shape[1] == 2 else values,
    )
