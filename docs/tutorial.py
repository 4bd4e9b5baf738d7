# %% [markdown]
# # From a table to a checked transaction
#
# This notebook goes the whole way by hand, as a textbook would, and then the same way with Eddy: look at the data,
# clean it, scale it, train an autoencoder, draw a threshold, look inside, find out where that is weak, do better, save
# the model, and ask the API about one transaction. It takes a minute or two.
#
# [detection.md](detection.md) explains the ideas in words and pictures, [guide.md](guide.md) the same way on the
# command line, for a table of your own.

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
from sklearn.metrics import average_precision_score, confusion_matrix
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import FunctionTransformer, OneHotEncoder, StandardScaler

keras.utils.set_random_seed(0)
BLUE, RED = "#2f7fd0", "#d9542b"
plt.rcParams |= {"figure.figsize": (8, 3), "figure.dpi": 80, "axes.spines.top": False, "axes.spines.right": False}

# %% [markdown]
# ## Look at the data
#
# Eddy brings a stream of invented cardholders, some of whose cards are stolen. The labels are known, which they rarely
# are in life: here they only tell how good we are. Terminals forget the distance now and then, as terminals do.

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
# Amounts are spread over powers of ten: we shall take logarithms. Thieves try cards out with tiny amounts and drain
# accounts with large ones, many of them at night; but honest people pay such amounts, and at such hours, too. What is
# strange is the *combination*, and that is what an autoencoder is for.
#
# ## Clean, impute, scale
#
# Identifiers name somebody and describe nothing: out. Missing numbers become the median, and a column that says that
# they were missing. Skewed numbers become logarithms, all numbers get mean 0 and spread 1, categories a column per
# level. The hour is a place on a circle. All of it is learned from the training rows only.

# %%
# In order of time: one never trains on the future.
train, validation, test = table.iloc[:9_000], table.iloc[9_000:12_000], table.iloc[12_000:]
train = train[~train.is_fraud]  # the textbook wants clean rows
validation = validation[~validation.is_fraud]


def hours(times):
    angle = 2 * np.pi * (times.iloc[:, 0].dt.hour + times.iloc[:, 0].dt.minute / 60) / 24
    return np.column_stack([np.sin(angle), np.cos(angle)])


numbers = ["amount", "distance_km", "card_transactions_24h", "amount_ratio_30d"]
categories = ["category", "country", "channel", "verification"]
skewed = make_pipeline(
    SimpleImputer(strategy="median", add_indicator=True), FunctionTransformer(np.log1p), StandardScaler()
)
prepare = ColumnTransformer(
    [
        ("numbers", skewed, numbers),
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
# A network that must give back what it gets, through a bottleneck that is too narrow to let everything through. What
# it can afford to pass on is what transactions have in common. How narrow? We try a few widths, and look at the loss on
# rows that the network has not learned from.


# %%
def autoencoder(width, bottleneck):
    layers = keras.layers
    return keras.Sequential(
        [
            layers.Input((width,)),
            layers.Dense(32, "relu"),
            layers.Dense(bottleneck, name="bottleneck"),
            layers.Dense(32, "relu"),
            layers.Dense(width),
        ]
    )


def learn(rows, held_out, bottleneck, epochs=15):
    model = autoencoder(rows.shape[1], bottleneck)
    model.compile("adam", "mse")
    stop = keras.callbacks.EarlyStopping(patience=3, restore_best_weights=True)
    history = model.fit(
        rows,
        rows,
        validation_data=(held_out, held_out),
        epochs=epochs,
        batch_size=256,
        callbacks=[stop],
        verbose=0,
    )
    return model, history.history


tried = {width: learn(x_train, x_validation, width) for width in (2, 4, 8)}

# %%
for width, (_, history) in tried.items():
    plt.plot(history["val_loss"], label=f"bottleneck {width}")
plt.yscale("log")
plt.xlabel("epoch")
plt.ylabel("loss on held-out rows")
plt.legend()
plt.show()

# %% [markdown]
# Wider is always better at *reconstructing*; but a network that reconstructs everything reconstructs frauds, too. The
# loss cannot tell us where to stop. With labels, average precision can (the mean precision over all thresholds: 1 is
# perfect, chance is the share of frauds). Without labels one has to guess: a third of what goes in is a usual start.


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
# Strange is what is reconstructed badly. Where is the line? Say that we can look at 1 in 200 honest transactions: then
# the line is the 99.5 % quantile of the errors of held-out honest ones.

# %%
model, _ = tried[8]
error_validation, error_test = errors(model, x_validation), errors(model, x_test)
threshold = np.quantile(error_validation, 0.995)

bins = np.geomspace(error_test.min(), error_test.max(), 60)
for chosen, colour, name in ((~test.is_fraud, BLUE, "honest"), (test.is_fraud, RED, "frauds")):
    shares = np.full(chosen.sum(), 1 / chosen.sum())
    plt.hist(error_test[chosen], bins, weights=shares, color=colour, alpha=0.6, label=name)
plt.axvline(threshold, color="grey", ls="--", label="threshold")
plt.xscale("log")
plt.xlabel("reconstruction error")
plt.ylabel("share of rows")
plt.legend()
plt.show()
# %%
pd.DataFrame(
    confusion_matrix(test.is_fraud, error_test >= threshold),
    index=["honest", "fraud"],
    columns=["passed", "flagged"],
)

# %% [markdown]
# ## The latent space
#
# What the bottleneck says of each transaction is a point in eight dimensions. t-SNE draws a map of them on which
# neighbours stay neighbours; distances between far-away groups mean nothing. Frauds may stand apart here, but need not:
# they are strange by what the bottleneck does *not* let through.

# %%
encoder = keras.Model(model.inputs, model.get_layer("bottleneck").output)
some = np.concatenate([np.flatnonzero(test.is_fraud), np.flatnonzero(~test.is_fraud)[:700]])
places = TSNE(init="pca", max_iter=400, random_state=0).fit_transform(encoder.predict(x_test[some], verbose=0))
strange = test.is_fraud.to_numpy()[some]

plt.figure(figsize=(7, 4.5))
plt.scatter(*places[~strange].T, s=6, color=BLUE, label="honest")
plt.scatter(*places[strange].T, s=14, color=RED, label="frauds")
plt.axis("off")
plt.legend()
plt.show()
# %% [markdown]
# ## Where the textbook is weak
#
# Two things that every real table has: frauds that nobody has labelled among the training rows, and columns that say
# nothing. We measure what each does to the network above, and to Eddy's detector, which scikit-learn sees as one of its
# own (`fit`, `predict`, `score_samples`), takes the raw table, and finds out by itself what the columns are.

# %%
from eddy.model.estimator import TransactionOutlierDetector

unseen = ["is_fraud", "fraud_kind"]  # nobody gets to see the labels


def by_hand(rows, held_out, judged):
    scaler = ColumnTransformer([*prepare.transformers, ("noise", StandardScaler(), noisy(rows))])
    x = scaler.fit_transform(rows).astype("float32")
    x_held_out, x_judged = (scaler.transform(part).astype("float32") for part in (held_out, judged))
    return errors(learn(x, x_held_out, 8)[0], x_judged)


def with_eddy(rows, held_out, judged):
    known = pd.concat([rows, held_out]).drop(columns=unseen)  # it holds rows out by itself
    return -TransactionOutlierDetector(steps=1_000).fit(known).score_samples(judged.drop(columns=unseen))


def noisy(rows):
    return [name for name in rows if name.startswith("noise")]


def add_noise(rows):
    noise = np.random.default_rng(len(rows)).standard_t(3, (len(rows), 8))
    return rows.assign(**{f"noise_{place}": column for place, column in enumerate(noise.T)})


conditions = {
    "clean": (train, validation, test),
    "frauds left in": (table.iloc[:9_000], table.iloc[9_000:12_000], test),
    "eight columns of noise": tuple(map(add_noise, (train, validation, test))),
}
pd.DataFrame(
    {
        name: {way.__name__: average_precision_score(test.is_fraud, way(*rows)) for way in (by_hand, with_eddy)}
        for name, rows in conditions.items()
    }
).round(3)

# %% [markdown]
# On clean rows, a network by hand can be the better one. (It can also be the worse one: compare with bottleneck 8
# above, which is the same network on the same rows with another random start.) But few tables are clean, and without
# labels nobody knows. What keeps Eddy's figures together (a robust loss, whitening, trimming, several networks) is
# explained, with pictures, in [detection.md](detection.md).
#
# ## A line that can be chosen in advance
#
# A score means nothing outside its model. Eddy calibrates it on rows that the networks have not seen: *rarity* is the
# share of normal transactions that score at least as high. So one asks for "1 in 200" before knowing any score. Labels,
# where there are some, only keep frauds out of what is learned.

# %%
known = table.iloc[:12_000]
detector = TransactionOutlierDetector(alert_rate=1 / 200, steps=1_000)
detector.fit(known.drop(columns=unseen), known.is_fraud)
flagged = detector.predict(test.drop(columns=unseen)) == -1
print(f"honest ones flagged: 1 in {1 / flagged[~test.is_fraud].mean():,.0f}")
test.assign(flagged=flagged)[test.is_fraud].groupby("fraud_kind").flagged.agg(["size", "sum", "mean"]).round(2)

# %% [markdown]
# ## Why?
#
# Every score is a sum over the columns, so that it can say what was strange.

# %%
strange = test[flagged & test.is_fraud].head(3)
parts = detector.explain(strange.drop(columns=unseen))
axes = parts.T.plot.barh(figsize=(8, 4), width=0.8)
axes.set(xlabel="contribution to the score")
axes.legend([f"{row.fraud_kind}: {row.amount:,.0f} at {row.event_time:%H:%M}" for row in strange.itertuples()])
plt.show()
# %% [markdown]
# ## Save, and check one transaction
#
# A saved model is an artifact: one file with everything from raw columns to the score, its calibration, a report with
# pictures, and hashes of all of it. The stream and the API run exactly that.

# %%
store = tempfile.TemporaryDirectory()
version = detector.save(store.name)
sorted(path.name for path in (Path(store.name) / version).iterdir())

# %% [markdown]
# `eddy serve` would answer on port 8080; here the same application answers without a network.

# %%
from eddy.api.app import create_app
from eddy.model.serving.artifact import ArtifactStore
from eddy.settings import Settings

artifacts = ArtifactStore(store.name)
running = artifacts.detector(artifacts.active())
api = create_app(lambda: running, Settings()).test_client()


def check(row):
    body = row.drop(unseen).to_json(date_format="iso")
    return api.post("/v1/check", data=body, content_type="application/json").get_json()


answer = check(strange.iloc[0])
for name in ("transaction_id", "anomalous", "score", "threshold", "rarity"):
    print(f"{name:15} {answer[name]}")
pd.DataFrame(answer["contributions"])

# %% [markdown]
# The same transaction, as the API and as the estimator score it: one graph, one score.

# %%
assert answer["anomalous"]
assert np.isclose(answer["score"], -detector.score_samples(strange.head(1).drop(columns=unseen))[0])
assert not check(test[~test.is_fraud & ~flagged].iloc[0])["anomalous"]
store.cleanup()
