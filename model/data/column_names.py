"""What the name of a column lets expect, whatever the house style: TX_AMOUNT, TransactionAmt and `tx amount` are alike.

Names are only ever a first hint: `model.data.schema_inference` holds them against the values.
"""

import re

_WORD = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")

_FRAUD = {
    "fraud", "frauds", "fraudulent", "anomaly", "anomalous", "anomalies", "outlier", "chargeback", "laundering", "scam",
    "betrug", "fraude", "frode", "bedrog", "fraudulento",
}  # fmt: skip
_BESIDE_FRAUD = {
    "is", "has", "was", "tx", "txn", "transaction", "trans", "flag", "flagged", "label", "labelled", "kind", "type",
    "ind", "scenario", "bool", "binary", "indicator", "target", "found", "confirmed", "known", "reported", "class",
    "case", "status", "result", "p", "yn", "0", "1",
}  # fmt: skip
_IN_ONE_WORD = re.compile(r"^(is|has|tx)?(fraud|fraudulent|anomaly|outlier)(flag|label|ind|bool|type|kind)?$")
_TARGETS = {"label", "target", "y", "class", "outcome"}

_IDENTIFIERS = {"id", "ids", "uuid", "guid", "hash", "iban", "pan"}
_JOINED_IDENTIFIERS = {
    f"{thing}id" for thing in ("merchant", "terminal", "device", "shop", "store", "session", "order")
}
_NUMBERS_OF_THINGS = {"num", "number", "no", "nr", "ref", "reference", "key"}
_CODES = {
    "code", "cd", "type", "category", "cat", "mcc", "class", "kind", "group", "status", "zip", "zipcode", "postcode",
    "postal", "addr", "region", "country", "currency", "channel", "brand", "issuer", "bin", "bank", "branch", "method",
    "mode", "product", "network", "device", "browser", "area", "state", "city", "province", "county", "segment", "card",
    "terminal", "merchant", "shop", "store",
}  # fmt: skip

_TRANSACTIONS = (
    "transactionid", "txid", "txnid", "trxid", "transid", "transnum", "transactionnumber", "paymentid", "id", "uuid",
    "transaktionsid", "transaktionsnummer",
)  # fmt: skip
_CARDS = (
    "card", "cc", "pan", "account", "acct", "iban", "cardholder", "customer", "user", "client", "payer", "sender",
    "originator", "orig", "debtor", "kartennummer", "karte", "kontonummer", "konto", "kundennummer", "kunde",
)  # fmt: skip
_PLAIN_CARDS = {
    "card", "cc", "pan", "account", "acct", "iban", "customer", "user", "client", "kartennummer", "kontonummer",
    "kundennummer",
}  # fmt: skip
_JOINED_CARDS = {
    "cardid", "cardno", "cardnum", "cardnumber", "accountid", "accountno", "accountnumber", "acctnum", "customerid",
    "custid", "userid", "clientid",
}  # fmt: skip
_BESIDE_CARDS = {"id", "no", "nr", "num", "number", "key", "hash", "token", "ref", "name", "from", "source", "of", "tx"}
_AMOUNTS = ("amount", "amt", "betrag", "montant", "importe", "importo", "bedrag")
_PAYING = {"transaction", "trans", "tx", "txn", "payment", "purchase", "order", "event", "paid"}
_DERIVED = {
    "ratio", "rate", "avg", "average", "mean", "median", "std", "var", "max", "min", "count", "cnt", "num", "diff",
    "delta", "prev", "previous", "last", "limit", "score", "log", "per", "share", "percent", "pct", "normalized", "z",
}  # fmt: skip
_TIMES = (
    "eventtime", "transactiontime", "txtime", "txdatetime", "transdatetranstime", "transactiondatetime", "datetime",
    "timestamp", "time", "createdat", "transactiondate", "transactiondt", "date", "ts", "t", "unixtime",
    "buchungsdatum", "buchungszeit", "zeitstempel", "zeitpunkt", "datum", "fecha",
)  # fmt: skip
_TIME_WORDS = {
    "time", "timestamp", "datetime", "date", "ts", "dt", "at", "unixtime", "eventtime", "t", "epoch", "datum",
    "buchungsdatum", "buchungszeit", "zeitstempel", "zeitpunkt", "fecha",
}  # fmt: skip
_TIME_UNITS = {"s", "ms", "sec", "seconds", "utc", "unix"}


def words_of(name: str) -> tuple[str, ...]:
    """The words of a name, in lower case.

    >>> words_of("isFlaggedFraud"), words_of("TX_AMOUNT"), words_of("card1")
    (('is', 'flagged', 'fraud'), ('tx', 'amount'), ('card', '1'))
    """
    return tuple(word.lower() for word in _WORD.findall(name))


def says_fraud(words: tuple[str, ...]) -> bool:
    """Whether the name says that a row is a fraud, not how likely or how often."""
    parts = {part for word in words for part in _IN_ONE_WORD.sub(r"\1 \2 \3", word).split()}
    return bool(_FRAUD & parts) and parts <= _FRAUD | _BESIDE_FRAUD


def says_target(words: tuple[str, ...]) -> bool:
    return len(words) == 1 and words[0] in _TARGETS


def says_identifier(words: tuple[str, ...]) -> bool:
    return bool(words) and (words[-1] in _IDENTIFIERS or words[-1] in _JOINED_IDENTIFIERS)


def says_number_of_a_thing(words: tuple[str, ...]) -> bool:
    return bool(words) and words[-1] in _NUMBERS_OF_THINGS


def says_code(words: tuple[str, ...]) -> bool:
    named = [word for word in words if not word.isdigit()]
    if not named or _DERIVED & set(named):
        return False
    return named[-1] in _CODES or bool({"zip", "mcc", "zipcode"} & set(named))


def says_time(words: tuple[str, ...]) -> bool:
    named = [word for word in words if word not in _TIME_UNITS]
    return (bool(named) and named[-1] in _TIME_WORDS) or "unix" in words


def rank_as_transaction(words: tuple[str, ...]) -> int | None:
    """How well a name fits a transaction's own identifier: 0 is best, None not at all."""
    joined = "".join(words)
    return _TRANSACTIONS.index(joined) if joined in _TRANSACTIONS else None


def rank_as_card(words: tuple[str, ...]) -> int | None:
    """How well a name fits the card or account that pays: 0 is best, None not at all."""
    named = [word for word in words if not word.isdigit()]
    places = [_CARDS.index(word) for word in named if word in _CARDS]
    if not places or not set(named) <= set(_CARDS) | _BESIDE_CARDS:
        return None
    return 10 * min(places) + len(words)


def is_plain_card(words: tuple[str, ...]) -> bool:
    """Whether the name can hardly mean anything else: `card_id`, `customer`, `cc_num`, `AccountID`."""
    named = [word for word in words if word not in ("id", "num", "number", "no", "nr")]
    return "".join(words) in _JOINED_CARDS or (len(named) == 1 and named[0] in _PLAIN_CARDS)


def rank_as_amount(words: tuple[str, ...]) -> int | None:
    """How well a name fits what was paid: 0 is best, None not at all."""
    derived = _DERIVED & set(words) or any(word.isdigit() for word in words)
    if derived:
        return None
    if any(word.endswith(_AMOUNTS) for word in words):
        return 3 * len(words)
    plain_value = "value" in words and set(words) <= {"value"} | _PAYING
    return 3 * len(words) + 2 if plain_value else None


def rank_as_time(words: tuple[str, ...]) -> int | None:
    """How well a name fits the time of the transaction: 0 is best, None not at all."""
    joined = "".join(words)
    if joined in _TIMES:
        return _TIMES.index(joined)
    return len(_TIMES) + len(words) if says_time(words) and _PAYING & set(words) and not _DERIVED & set(words) else None
