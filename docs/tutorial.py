# %% [markdown]
# # From a table to a checked transaction
#
# This notebook builds a detector by hand, as a textbook would: look at the data, clean it, scale it, train an
# autoencoder, set a threshold, look at the latent space. Then it shows where that is weak, does the same with Eddy,
# saves the model, and asks the API about one transaction. It runs in a minute or two.
#
# [detection.md](detection.md) explains the ideas with pictures. [guide.md](guide.md) does the same on the command line,
# with a table of your own.

# %%
import os

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "3"

import tempfile
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
import pandas as pd
from sklearn.compose import ColumnTransformer
from sklearn.impute import SimpleImputer
from sklearn.manifold import TSNE
from sklearn.metrics import average_precision_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

keras.utils.set_random_seed(0)
BLUE, RED = "#2f7fd0", "#d9542b"
plt.rcParams |= {"figure.figsize": (8, 3), "figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False}

# %% [markdown]
# ## Look at the data
#
# Eddy generates a stream of synthetic cardholders, some of whose cards are stolen. The labels only measure the results;
# in practice they are rarely known. Terminals fail to send the distance in 2 % of the rows.

# %%
from eddy.producer.synthetic import SyntheticStream

stream = next(SyntheticStream(seed=3, cards=400, fraud=0.01).chunks(count=30_000, size=30_000))
table = pd.DataFrame({**stream.columns, "is_fraud": stream.is_fraud, "fraud_kind": stream.fraud_kind})
table.loc[np.random.default_rng(0).random(len(table)) < 0.02, "distance_km"] = np.nan
table.head(3).T

# %%
print(f"{len(table):,} transactions, {table.is_fraud.sum()} of them frauds; missing values:")
print(table.isna().sum()[lambda count: count > 0].to_string())
table.describe().loc[["min", "50%", "mean", "max"]].drop(columns="event_time").round(1)

# %%
figure, axes = plt.subplots(1, 3, figsize=(11, 3))
honest, frauds = table[~table.is_fraud], table[table.is_fraud]
for rows, colour, name in ((honest, BLUE, "honest"), (frauds, RED, "frauds")):
    look = {"color": colour, "alpha": 0.6, "density": True, "label": name}
    axes[0].hist(np.log10(rows.amount), 40, **look)
    axes[1].hist(rows.event_time.dt.hour, 24, range=(0, 24), **look)
axes[0].set(xlabel="amount, logarithm to base 10")
axes[1].set(xlabel="hour of day, UTC")
axes[0].legend()
frauds.fraud_kind.value_counts().plot.barh(ax=axes[2], color=RED)
axes[2].set(xlabel="frauds", ylabel="")
figure.tight_layout()
plt.show()

# %% [markdown]
# Amounts span several powers of ten, so we take logarithms. Fraudsters test cards with tiny amounts and drain accounts
# with large ones, many of them at night. But honest people pay such amounts at such hours, too. Only the *combination*
# is anomalous, and an autoencoder learns combinations.
#
# ## Clean, impute, scale
#
# Identifiers are left out. Missing numbers become the median, with an indicator column. Skewed numbers become
# logarithms, all numbers get mean 0 and standard deviation 1, categories are one-hot encoded. The hour is a point on a
# circle. All of this is fitted on the training rows only.

# %%
# In order of time: never train on the future.
train, validation, test = table.iloc[:9_000], table.iloc[9_000:12_000], table.iloc[12_000:]
train = train[~train.is_fraud]  # the textbook wants clean rows
validation = validation[~validation.is_fraud]


def hours(times):
    angle = 2 * np.pi * (times.iloc[:, 0].dt.hour + times.iloc[:, 0].dt.minute / 60) / 24
    return np.column_stack([np.sin(angle), np.cos(angle)])


numbers = ["amount", "distance_km", "card_transactions_24h", "amount_ratio_30d"]
categories = ["category", "country", "channel", "verification"]
imputed = SimpleImputer(strategy="median", add_indicator=True)
prepare = ColumnTransformer(
    [
        ("numbers", make_pipeline(imputed, FunctionTransformer(np.log1p), StandardScaler()), numbers),
        ("categories", OneHotEncoder(handle_unknown="ignore", sparse_output=False), categories),
        ("hour", FunctionTransformer(hours), ["event_time"]),
    ]
)
x_train = prepare.fit_transform(train).astype("float32")
x_validation, x_test = (prepare.transform(part).astype("float32") for part in (validation, test))
x_train.shape, x_validation.shape, x_test.shape

# %% [markdown]
# ## Build and tune the autoencoder
#
# The network reconstructs its input through a narrow bottleneck, which only lets through what transactions have in
# common. How narrow? We try three widths and look at the loss on held-out rows.


# %%
def autoencoder(width, bottleneck):
    dense = keras.layers.Dense
    layers = [dense(32, "relu"), dense(bottleneck, name="bottleneck"), dense(32, "relu"), dense(width)]
    return keras.Sequential([keras.layers.Input((width,)), *layers])


def learn(rows, held_out, bottleneck):
    model = autoencoder(rows.shape[1], bottleneck)
    model.compile("adam", "mse")
    stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    fitting = {"epochs": 15, "batch_size": 256, "callbacks": [stop], "verbose": 0}
    history = model.fit(rows, rows, validation_data=(held_out, held_out), **fitting)
    return model, history.history


tried = {width: learn(x_train, x_validation, width) for width in (2, 4, 8)}

# %%
losses = pd.DataFrame({f"bottleneck {width}": pd.Series(history["val_loss"]) for width, (_, history) in tried.items()})
losses.plot(logy=True, xlabel="epoch", ylabel="loss on held-out rows")
plt.show()

# %% [markdown]
# A wider bottleneck always *reconstructs* better, but a network that reconstructs everything reconstructs frauds, too.
# The loss cannot say where to stop. With labels, average precision can: the mean precision over all thresholds, 1 is
# perfect, the share of frauds is chance. Without labels, a third of the inputs is a usual start.


# %%
def errors(model, rows):
    return ((rows - model.predict(rows, verbose=0)) ** 2).mean(axis=1)


precision = {
    width: average_precision_score(test.is_fraud, errors(model, x_test)) for width, (model, _) in tried.items()
}
print(f"by chance {test.is_fraud.mean():.3f}")
pd.Series(precision, name="average precision").rename_axis("bottleneck").round(3)

# %% [markdown]
# ## Errors and a threshold
#
# A transaction is anomalous if it is reconstructed badly. Say that we can look at 1 in 200 honest transactions: the
# threshold is then the 99.5 % quantile of the errors of held-out honest ones.

# %%
model, _ = tried[8]
error_validation, error_test = errors(model, x_validation), errors(model, x_test)
threshold = np.quantile(error_validation, 0.995)

bins = np.geomspace(error_test.min(), error_test.max(), 60)
for chosen, colour, name in ((~test.is_fraud, BLUE, "honest"), (test.is_fraud, RED, "frauds")):
    shares = np.full(chosen.sum(), 1 / chosen.sum())
    plt.hist(error_test[chosen], bins, weights=shares, color=colour, alpha=0.6, label=name)
plt.axvline(threshold, color="grey", ls="--", label="threshold")
plt.gca().set(xscale="log", xlabel="reconstruction error", ylabel="share of rows")
plt.legend()
plt.show()
# %%
pd.crosstab(test.is_fraud, error_test >= threshold, colnames=["flagged"])

# %% [markdown]
# ## The latent space
#
# The bottleneck turns each transaction into a point in eight dimensions. t-SNE maps them to two, so that neighbours
# stay neighbours; distances between far-away groups mean nothing. Frauds need not stand apart here: they are anomalous
# by what the bottleneck does *not* let through.

# %%
encoder = keras.Model(model.inputs, model.get_layer("bottleneck").output)
rows = np.concatenate([np.flatnonzero(test.is_fraud), np.flatnonzero(~test.is_fraud)[:700]])
points = TSNE(init="pca", max_iter=400, random_state=0).fit_transform(encoder.predict(x_test[rows], verbose=0))
fraud = test.is_fraud.to_numpy()[rows]

plt.figure(figsize=(7, 4.5))
plt.scatter(*points[~fraud].T, s=6, color=BLUE, label="honest")
plt.scatter(*points[fraud].T, s=14, color=RED, label="frauds")
plt.axis("off")
plt.legend()
plt.show()
# %% [markdown]
# ## Where the textbook is weak
#
# Real tables hold frauds that nobody has labelled, also among the training rows. We measure what they do to the network
# above and to Eddy's detector. That is a scikit-learn estimator (`fit`, `predict`, `score_samples`): it takes the raw
# table and infers what the columns are.

# %%
from eddy.model.estimator import TransactionOutlierDetector

labels = ["is_fraud", "fraud_kind"]  # no detector gets to see them


def by_hand(rows, held_out):
    prepare.fit(rows)
    x, x_held_out, x_test = (prepare.transform(part).astype("float32") for part in (rows, held_out, test))
    return errors(learn(x, x_held_out, 8)[0], x_test)


def with_eddy(rows, held_out):
    known = pd.concat([rows, held_out]).drop(columns=labels)  # it holds rows out by itself
    return -TransactionOutlierDetector(steps=1_000).fit(known).score_samples(test.drop(columns=labels))


conditions = {"clean": (train, validation), "frauds left in": (table.iloc[:9_000], table.iloc[9_000:12_000])}
pd.DataFrame(
    {
        name: {way.__name__: average_precision_score(test.is_fraud, way(*rows)) for way in (by_hand, with_eddy)}
        for name, rows in conditions.items()
    }
).round(3)

# %% [markdown]
# On clean rows, a network by hand can be the better one. (It can also be the worse one: compare with bottleneck 8
# above, the same network on the same rows with another random start.) But few tables are clean, and without labels
# nobody knows. What keeps Eddy's figures together (a robust loss, whitening, trimming, several networks) is explained
# in [detection.md](detection.md).
#
# ## A threshold chosen in advance
#
# A score means nothing outside its model. Eddy calibrates it on rows that the networks have not seen: *rarity* is the
# share of normal transactions that score at least as high. So one asks for "1 in 200" before knowing any score. Labels,
# where there are some, only keep frauds out of the training rows.

# %%
known = table.iloc[:12_000]
detector = TransactionOutlierDetector(alert_rate=1 / 200, steps=1_000)
detector.fit(known.drop(columns=labels), known.is_fraud)
flagged = detector.predict(test.drop(columns=labels)) == -1
print(f"honest ones flagged: 1 in {1 / flagged[~test.is_fraud].mean():,.0f}")
test.assign(flagged=flagged)[test.is_fraud].groupby("fraud_kind").flagged.agg(["size", "sum", "mean"]).round(2)

# %% [markdown]
# ## Why?
#
# Every score is a sum over the columns, so it can say which of them made the transaction anomalous.

# %%
caught = test[flagged & test.is_fraud].head(3)
parts = detector.explain(caught.drop(columns=labels))
axes = parts.T.plot.barh(figsize=(8, 4), width=0.8)
axes.set(xlabel="contribution to the score")
axes.legend([f"{row.fraud_kind}: {row.amount:,.0f} at {row.event_time:%H:%M}" for row in caught.itertuples()])
plt.show()
# %% [markdown]
# ## Save, and check one transaction
#
# A saved model is an artifact: a folder with everything from raw columns to the score, its calibration, and the hashes
# of its files. The stream and the API run exactly that.

# %%
store = tempfile.TemporaryDirectory()
version = detector.save(store.name)
sorted(path.name for path in (Path(store.name) / version).iterdir())

# %% [markdown]
# `eddy serve` answers on port 8080; here the same application answers without a network.

# %%
from eddy.api.app import create_app
from eddy.control.live import InForce
from eddy.model.serving.artifact import ArtifactStore
from eddy.settings import Settings

artifacts = ArtifactStore(store.name)
running = artifacts.detector(artifacts.active())
api = create_app(lambda: InForce(running), Settings()).test_client()


def check(row):
    body = row.drop(labels).to_json(date_format="iso")
    return api.post("/v1/check", data=body, content_type="application/json").get_json()


answer = check(caught.iloc[0])
for name in ("transaction_id", "anomalous", "score", "threshold", "rarity"):
    print(f"{name:15} {answer[name]}")
pd.DataFrame(answer["contributions"])

# %% [markdown]
# The API and the estimator score the same transaction alike: there is one graph, and one score.

# %%
assert answer["anomalous"]
assert np.isclose(answer["score"], -detector.score_samples(caught.head(1).drop(columns=labels))[0])
assert not check(test[~test.is_fraud & ~flagged].iloc[0])["anomalous"]
store.cleanup()
