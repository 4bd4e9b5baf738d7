"""What columns seem to be: by themselves, among each other, and in tables with the columns of well-known ones."""

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd
import pytest

from eddy.model.data.conversion import TableError, columns_of
from eddy.model.data.schema_inference import Guess, guess, infer
from eddy.model.schema.schema import Kind, SchemaError, TransactionSchema

MakeTable = Callable[..., pd.DataFrame]

ROWS = 4_000


def guesses(table: pd.DataFrame) -> dict[str, Guess]:
    return {found.field.name: found for found in guess(table)}


def kinds(table: pd.DataFrame) -> dict[str, str]:
    """Kind, role and unit of each column, in short."""
    fields = [found.field for found in guess(table)]
    return {field.name: " ".join(filter(None, (field.kind.value, field.role, field.unit))) for field in fields}


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(5)


def test_the_schema_of_a_payment_table_is_inferred(make_table: MakeTable, schema: TransactionSchema) -> None:
    table = make_table()
    table["is_fraud"], table["fraud_kind"] = 0, ""
    table["note"] = [f"free text {n}" for n in range(len(table))]
    table["empty"] = None
    inferred = infer(table)
    kinds = {field.name: field.kind for field in inferred.fields}
    assert {name: kind for name, kind in kinds.items() if kind in (Kind.LABEL, Kind.IGNORED)} == {
        "is_fraud": Kind.LABEL,
        "fraud_kind": Kind.LABEL,
        "note": Kind.IGNORED,
        "empty": Kind.IGNORED,
    }
    assert inferred.scored == schema.scored
    assert {field.name: field.role for field in inferred.fields if field.role} == {
        "transaction_id": "transaction",
        "card_id": "card",
        "event_time": "time",
        "amount": "amount",
    }
    assert {field.name for field in inferred.fields if field.nullable} == {"distance_km", "country"}


@pytest.mark.parametrize(
    ("name", "values", "kind", "unit"),
    [
        ("unix_time", [1772366400, 1772366500], Kind.TIMESTAMP, "s"),
        ("timestamp", [1772366400000, 1772366500000], Kind.TIMESTAMP, "ms"),
        ("time", [0, 1], Kind.NUMERIC, None),
        ("made", ["2026-03-01T10:00:00Z", "2026-03-01 11:00:00"], Kind.TIMESTAMP, "iso8601"),
        ("dob", ["1970-03-01", "1980-01-01"], Kind.IGNORED, None),
        ("cc_num", [4000000000000001, 4000000000000002], Kind.IDENTIFIER, "integer"),
        ("CUSTOMER_ID", [1, 2], Kind.IDENTIFIER, "integer"),
        ("merchantId", ["a", "b"], Kind.IDENTIFIER, None),
        ("contactless", [True, False], Kind.NUMERIC, "boolean"),
        ("fraud_score", [0.25, 0.5], Kind.NUMERIC, None),
        ("TX_FRAUD", [0, 1], Kind.LABEL, None),
        ("TX_FRAUD_SCENARIO", [0, 3], Kind.LABEL, None),
        ("Class", [0, 1], Kind.LABEL, None),
        ("paid", ["no", "yes"], Kind.CATEGORICAL, None),
        ("V1", [0.5, -0.25], Kind.NUMERIC, None),
    ],
)
def test_a_column_is_known_by_its_name_and_values(
    name: str, values: list[object], kind: Kind, unit: str | None
) -> None:
    inferred = infer(pd.DataFrame({"amount": [1.0, 2.0], name: values}))
    assert (inferred.fields[1].kind, inferred.fields[1].unit) == (kind, unit)


def credit_cards(rng: np.random.Generator) -> pd.DataFrame:
    numbers = {f"V{place}": rng.normal(size=ROWS) for place in range(1, 29)}
    amount = rng.lognormal(3, 1, ROWS).round(2)
    return (
        pd.DataFrame({"Time": np.sort(rng.integers(0, 172_792, ROWS)).astype(float), **numbers, "Amount": amount})
        .assign(Class=np.arange(ROWS) % 500 == 0)
        .astype({"Class": int})
    )


def mobile_money(rng: np.random.Generator) -> pd.DataFrame:
    fraud = (rng.random(ROWS) < 0.01).astype(int)
    return pd.DataFrame(
        {
            "step": np.sort(rng.integers(1, 744, ROWS)),
            "type": rng.choice(["PAYMENT", "TRANSFER", "CASH_OUT", "DEBIT", "CASH_IN"], ROWS),
            "amount": rng.lognormal(10, 1, ROWS).round(2),
            "nameOrig": [f"C{n}" for n in rng.integers(10**8, 10**9, ROWS)],
            "oldbalanceOrg": rng.lognormal(10, 2, ROWS).round(2),
            "newbalanceOrig": rng.lognormal(10, 2, ROWS).round(2),
            "nameDest": [f"M{n}" for n in rng.integers(0, 2_000, ROWS)],
            "oldbalanceDest": rng.lognormal(10, 2, ROWS).round(2),
            "newbalanceDest": rng.lognormal(10, 2, ROWS).round(2),
            "isFraud": fraud,
            "isFlaggedFraud": 0,
        }
    )


def e_commerce(rng: np.random.Generator) -> pd.DataFrame:
    def sparse(values: np.ndarray) -> np.ndarray:
        return np.where(rng.random(ROWS) < 0.1, np.nan, values)

    return pd.DataFrame(
        {
            "TransactionID": 2_987_000 + np.arange(ROWS),
            "isFraud": (rng.random(ROWS) < 0.03).astype(int),
            "TransactionDT": 86_400 + np.sort(rng.integers(0, 15_000_000, ROWS)),
            "TransactionAmt": rng.lognormal(4, 1, ROWS).round(2),
            "ProductCD": rng.choice(list("WHCSR"), ROWS),
            "card1": rng.integers(1_000, 1_400, ROWS),
            "card2": sparse(rng.integers(100, 300, ROWS).astype(float)),
            "card4": rng.choice(["visa", "mastercard", None], ROWS),
            "card6": rng.choice(["debit", "credit"], ROWS),
            "addr1": sparse(rng.integers(100, 300, ROWS).astype(float)),
            "dist1": sparse(rng.exponential(100, ROWS).round()),
            "P_emaildomain": rng.choice(["gmail.com", "yahoo.com", None], ROWS),
            "C1": rng.poisson(3, ROWS).astype(float),
            "D1": sparse(rng.integers(0, 600, ROWS).astype(float)),
            "M1": rng.choice(["T", "F", None], ROWS),
            "V1": sparse(rng.integers(0, 2, ROWS).astype(float)),
        }
    )


def bank_simulation(rng: np.random.Generator) -> pd.DataFrame:
    customer = rng.integers(0, 200, ROWS)
    return pd.DataFrame(
        {
            "step": np.sort(rng.integers(0, 180, ROWS)),
            "customer": [f"'C{10**9 + n}'" for n in customer],
            "age": [f"'{n % 7}'" for n in customer],
            "gender": ["'F'" if n % 2 else "'M'" for n in customer],
            "zipcodeOri": "'28007'",
            "merchant": [f"'M{n}'" for n in rng.integers(0, 50, ROWS)],
            "zipMerchant": "'28007'",
            "category": rng.choice(["'es_transportation'", "'es_food'", "'es_health'"], ROWS),
            "amount": rng.lognormal(3, 1, ROWS).round(2),
            "fraud": (rng.random(ROWS) < 0.01).astype(int),
        }
    )


def account_openings(rng: np.random.Generator) -> pd.DataFrame:
    return pd.DataFrame(
        {
            "fraud_bool": (rng.random(ROWS) < 0.01).astype(int),
            "income": rng.integers(1, 10, ROWS) / 10,
            "name_email_similarity": rng.random(ROWS),
            "customer_age": rng.integers(1, 9, ROWS) * 10,
            "intended_balcon_amount": rng.normal(0, 50, ROWS),
            "payment_type": rng.choice(["AA", "AB", "AC"], ROWS),
            "zip_count_4w": rng.integers(1, 6_000, ROWS),
            "bank_branch_count_8w": rng.integers(0, 2_000, ROWS),
            "credit_risk_score": rng.integers(-100, 300, ROWS),
            "phone_home_valid": rng.integers(0, 2, ROWS),
            "bank_months_count": rng.integers(-1, 32, ROWS),
            "proposed_credit_limit": rng.choice([200.0, 500.0, 1_500.0], ROWS),
            "device_os": rng.choice(["linux", "windows", "other"], ROWS),
            "device_fraud_count": 0,
            "month": np.sort(rng.integers(0, 8, ROWS)),
        }
    )


def card_simulation(rng: np.random.Generator) -> pd.DataFrame:
    card = rng.integers(0, 100, ROWS)
    times = pd.Timestamp("2019-01-01") + pd.to_timedelta(np.sort(rng.integers(0, 10_000_000, ROWS)), unit="s")
    return pd.DataFrame(
        {
            "unnamed_0": np.arange(ROWS),
            "trans_date_trans_time": times.strftime("%Y-%m-%d %H:%M:%S"),
            "cc_num": 10**15 + card,
            "merchant": [f"fraud_Shop {n}" for n in rng.integers(0, 90, ROWS)],
            "category": rng.choice(["misc_net", "gas_transport"], ROWS),
            "amt": rng.lognormal(3, 1, ROWS).round(2),
            "first": [f"Name{n}" for n in card],
            "gender": np.where(card % 2, "F", "M"),
            "zip": 10_000 + card,
            "lat": 40 + card / 100,
            "job": [f"job {n % 40}" for n in card],
            "dob": [f"19{50 + n % 40}-03-0{1 + n % 9}" for n in card],
            "trans_num": [f"{n:032x}" for n in rng.integers(0, 2**62, ROWS)],
            "unix_time": times.astype("int64") // (10**9 if times.unit == "ns" else 10**6) - 220_000_000,
            "merch_lat": rng.normal(40, 1, ROWS),
            "is_fraud": (rng.random(ROWS) < 0.01).astype(int),
        }
    )


def card_histories(rng: np.random.Generator) -> pd.DataFrame:
    user = np.sort(rng.integers(0, 60, ROWS))
    return pd.DataFrame(
        {
            "User": user,
            "Card": rng.integers(0, 5, ROWS),
            "Month": rng.integers(1, 13, ROWS),
            "Time": [f"{n % 24:02}:{n % 60:02}" for n in range(ROWS)],
            "Amount": rng.lognormal(3, 1, ROWS).round(2),
            "Use Chip": rng.choice(["Swipe Transaction", "Online Transaction"], ROWS),
            "Merchant Name": rng.choice(rng.integers(-(2**62), 2**62, 500), ROWS),
            "Merchant City": rng.choice(["ONLINE", "La Verne"], ROWS),
            "Zip": np.where(rng.random(ROWS) < 0.1, np.nan, rng.integers(10_000, 99_999, ROWS).astype(float)),
            "MCC": rng.choice([5411, 5812, 5300, 4784], ROWS),
            "Errors?": rng.choice([None, "Bad PIN"], ROWS),
            "Is Fraud?": rng.choice(["No", "Yes"], ROWS, p=[0.99, 0.01]),
        }
    )


def online_shop(rng: np.random.Generator) -> pd.DataFrame:
    bought = pd.Timestamp("2026-01-01") + pd.to_timedelta(rng.integers(0, 10_000_000, ROWS), unit="s")
    return pd.DataFrame(
        {
            "user_id": rng.permutation(ROWS),
            "signup_time": (bought - pd.to_timedelta(rng.integers(60, 9_000_000, ROWS), unit="s")).astype(str),
            "purchase_time": bought.astype(str),
            "purchase_value": rng.integers(9, 150, ROWS),
            "device_id": [f"D{n:010}" for n in rng.integers(0, 10**9, ROWS)],
            "browser": rng.choice(["Chrome", "Safari"], ROWS),
            "age": rng.integers(18, 70, ROWS),
            "isfraud": (rng.random(ROWS) < 0.05).astype(int),
        }
    )


WELL_KNOWN: Mapping[Callable[[np.random.Generator], pd.DataFrame], Mapping[str, str]] = {
    credit_cards: {"Time": "timestamp time s", "V1": "numeric", "V28": "numeric", "Amount": "numeric amount",
                   "Class": "label"},
    mobile_money: {"step": "ignored", "type": "categorical", "amount": "numeric amount", "nameOrig": "identifier",
                   "oldbalanceOrg": "numeric", "newbalanceDest": "numeric", "isFraud": "label",
                   "isFlaggedFraud": "label"},
    e_commerce: {"TransactionID": "identifier transaction integer", "isFraud": "label",
                 "TransactionDT": "timestamp time s", "TransactionAmt": "numeric amount", "ProductCD": "categorical",
                 "card1": "identifier card integer", "card2": "categorical integer", "card4": "categorical",
                 "addr1": "categorical integer", "dist1": "numeric", "P_emaildomain": "categorical", "C1": "numeric",
                 "D1": "numeric", "M1": "categorical", "V1": "numeric"},
    bank_simulation: {"step": "ignored", "customer": "identifier card", "age": "ignored", "gender": "ignored",
                      "zipcodeOri": "ignored", "merchant": "categorical", "category": "categorical",
                      "amount": "numeric amount", "fraud": "label"},
    account_openings: {"fraud_bool": "label", "income": "numeric", "customer_age": "numeric",
                       "payment_type": "categorical", "zip_count_4w": "numeric", "bank_branch_count_8w": "numeric",
                       "credit_risk_score": "numeric", "phone_home_valid": "numeric", "bank_months_count": "numeric",
                       "proposed_credit_limit": "numeric", "device_os": "categorical", "device_fraud_count": "ignored",
                       "month": "ignored"},
    card_histories: {"User": "identifier card integer", "Card": "categorical integer", "Month": "numeric",
                     "Time": "ignored", "Amount": "numeric amount", "Use Chip": "categorical",
                     "Merchant Name": "identifier integer", "Merchant City": "categorical", "Zip": "ignored",
                     "MCC": "categorical integer", "Errors?": "categorical", "Is Fraud?": "label"},
    online_shop: {"user_id": "identifier card integer", "signup_time": "timestamp iso8601",
                  "purchase_time": "timestamp time iso8601", "purchase_value": "numeric amount",
                  "device_id": "identifier", "browser": "categorical", "age": "numeric", "isfraud": "label"},
    card_simulation: {"unnamed_0": "ignored", "trans_date_trans_time": "timestamp time iso8601",
                      "cc_num": "identifier card integer", "merchant": "categorical", "category": "categorical",
                      "amt": "numeric amount", "first": "ignored", "gender": "ignored", "zip": "ignored",
                      "lat": "ignored", "job": "ignored", "dob": "ignored", "trans_num": "identifier transaction",
                      "unix_time": "ignored", "merch_lat": "numeric", "is_fraud": "label"},
}  # fmt: skip


@pytest.mark.parametrize("make", WELL_KNOWN, ids=lambda make: make.__name__)
def test_tables_with_the_columns_of_well_known_ones_are_understood_without_editing(
    make: Callable[[np.random.Generator], pd.DataFrame], rng: np.random.Generator
) -> None:
    found = kinds(make(rng))
    assert {name: found[name] for name in WELL_KNOWN[make]} == WELL_KNOWN[make]


def test_a_matrix_without_names_is_all_numbers_beside_its_label_and_its_row_numbers(rng: np.random.Generator) -> None:
    matrix = {f"x{place}": rng.integers(0, 2 + 50 * place, ROWS) for place in range(5)}
    table = pd.DataFrame({**matrix, "y": np.arange(ROWS) % 50 == 0, "row": rng.permutation(2 * ROWS)[:ROWS]})
    assert kinds(table) == {**dict.fromkeys(matrix, "numeric"), "y": "label", "row": "identifier integer"}


def test_every_guess_gives_its_reason_in_one_short_line(make_table: MakeTable) -> None:
    for found in guess(make_table()):
        assert 5 < len(found.why) < 150
        assert "\n" not in found.why


def test_what_describes_the_owner_of_a_card_is_ignored_and_says_why(make_table: MakeTable) -> None:
    table = make_table(ROWS)
    owner = pd.factorize(table["card_id"])[0]
    table["home_lat"], table["job"] = 40.0 + owner, [f"job {n % 9}" for n in owner]
    table["age"] = 20 + owner % 50 + (np.arange(ROWS) > ROWS / 4)  # everybody has a birthday once
    found = guesses(table)
    for name in ("home_lat", "job", "age"):
        assert found[name].field.kind is Kind.IGNORED
        assert "card_id" in found[name].why
    assert found["distance_km"].field.kind is Kind.NUMERIC
    assert infer(table, drop=False).numeric == ("amount", "distance_km", "temperature", "home_lat", "age")


def test_what_is_only_rare_does_not_describe_the_owner(make_table: MakeTable, rng: np.random.Generator) -> None:
    table = make_table(ROWS).assign(abroad=(rng.random(ROWS) < 0.002).astype(int))
    assert guesses(table)["abroad"].field.kind is Kind.NUMERIC


def test_without_cards_that_are_seen_again_nothing_describes_their_owners(make_table: MakeTable) -> None:
    table = make_table(ROWS).assign(card_id=[f"c-{n}" for n in range(ROWS)], age=np.arange(ROWS) % 50)
    assert guesses(table)["age"].field.kind is Kind.NUMERIC


def test_columns_that_never_vary_are_ignored(make_table: MakeTable) -> None:
    found = guesses(make_table(200).assign(currency="EUR", version=3))
    assert {found[name].field.kind for name in ("currency", "version")} == {Kind.IGNORED}
    assert "same value" in found["currency"].why


def test_what_is_missing_or_else_always_the_same_says_something(make_table: MakeTable) -> None:
    table = make_table(200).assign(error=[None, "no funds"] * 100)
    assert kinds(table)["error"] == "categorical"


def test_a_table_of_which_nothing_can_be_scored_says_why_for_each_column() -> None:
    with pytest.raises(SchemaError) as raised:
        infer(pd.DataFrame({"note": [f"text {n}" for n in range(90)], "card_id": [f"c{n}" for n in range(90)]}))
    for words in ("no field can be scored", "note is text", "card_id is an identifier"):
        assert words in str(raised.value)


@pytest.mark.parametrize("cell", ["12,50", "EUR 12.50", "$1,234.00", "1.234,50 kr"])
def test_amounts_that_are_text_are_refused_by_their_first_cell(make_table: MakeTable, cell: str) -> None:
    table = make_table(600).assign(amount=cell)
    table.loc[::2, "amount"] = cell.replace("1", "2")
    found = guesses(table)["amount"]
    assert (found.field.kind, found.field.role) == (Kind.NUMERIC, "amount")
    assert "decimal point" in found.why
    with pytest.raises(TableError) as raised:
        columns_of(table, infer(table))
    for words in ("amount", "row 1", "decimal point"):
        assert words in str(raised.value)


def test_numbers_with_a_few_cells_of_text_are_refused_by_the_first_of_them(make_table: MakeTable) -> None:
    table = make_table(600).astype({"temperature": str})
    table.loc[17, "temperature"] = "cold"
    assert "all but 1" in guesses(table)["temperature"].why
    with pytest.raises(TableError, match="temperature, row 18: 'cold'"):
        columns_of(table, infer(table))


@pytest.mark.parametrize(
    ("name", "values", "expected"),
    [
        ("mcc", [5411, 5812, 5999, 4111], "categorical integer"),
        ("merchant_category_code", [5411.0, np.nan, 5999.0, 4111.0], "categorical integer"),
        ("entry_mode", [1, 2, 5, 7], "categorical integer"),
        ("is_online", [0, 1, 0, 1], "numeric"),
        ("installments", [1, 3, 6, 12], "numeric"),
        ("hour", [1, 5, 12, 23], "numeric"),
        ("country_id", [1, 2, 3, 4], "categorical integer"),
        ("postcode", ["01234", "08001", "09999", "00001"], "categorical"),
        ("contactless", ["Y", "N", "Y", "N"], "categorical"),
        ("flag", [True, None, False, True], "numeric boolean"),
        ("booked", ["01/03/2026", "02/03/2026", "28/02/2026", "03/03/2026"], "ignored"),
        ("at", ["1/3/2026 10:00", "2/3/2026 11:30", "3/3/2026 12:00", "4/3/2026 1:00"], "ignored"),
        ("parts", [[1], [2], [3], []], "ignored"),
        ("fraud_probability", [0.1, 0.2, 0.3, 0.4], "numeric"),
        ("prior_fraud_count", [0, 1, 0, 1], "numeric"),
        ("Is Fraud?", ["Yes", "No", "No", "No"], "label"),
        ("Is Laundering", [0, 1, 0, 0], "label"),
        ("fraud_ind", ["N", "Y", "N", "N"], "label"),
        ("ISFRAUD", [0, 1, 0, 0], "label"),
        ("txfraudflag", [0, 1, 0, 0], "label"),
        ("class", ["economy", "business", "first", "economy"], "categorical"),
        ("target", [0, 1, 2, 3], "label"),
    ],
)
def test_codes_flags_and_labels_are_told_from_numbers(name: str, values: list[object], expected: str) -> None:
    table = pd.DataFrame({"amount": np.linspace(1.0, 9.0, ROWS), name: values * (ROWS // 4)})
    assert kinds(table)[name] == expected


@pytest.mark.parametrize(
    ("names", "card"),
    [
        (["account_id", "card_id"], "card_id"),
        (["Account", "Bank"], "Account"),
        (["sender_account", "receiver_account"], "sender_account"),
        (["merchant_id", "user"], "user"),
        (["terminal_id"], None),
        (["card_type_code"], None),
    ],
)
def test_the_card_is_the_one_that_pays(names: list[str], card: str | None, rng: np.random.Generator) -> None:
    table = pd.DataFrame({name: rng.integers(0, 400, ROWS) for name in names}).assign(amount=rng.random(ROWS))
    found = infer(table).role("card")
    assert (found.name if found else None) == card


@pytest.mark.parametrize(
    ("names", "amount"),
    [
        (["amount_ratio_30d", "avg_amount", "tx_amount"], "tx_amount"),
        (["Amount Paid", "amount"], "amount"),
        (["value", "amt"], "amt"),
        (["transactionamount", "AccountBalance"], "transactionamount"),
        (["market_value", "distance"], None),
    ],
)
def test_the_amount_is_what_was_paid(names: list[str], amount: str | None, rng: np.random.Generator) -> None:
    found = infer(pd.DataFrame({name: rng.random(ROWS) for name in names})).role("amount")
    assert (found.name if found else None) == amount


PLACES_IN_TIME = {
    "x": 1_700_000_000 + 60 * np.arange(2_000),
    "y": 1_700_000_000_000 + 60_000 * np.arange(2_000),
    "Time": np.sort(np.random.default_rng(0).integers(0, 172_800, 2_000)).astype(float),
    "step": np.sort(np.random.default_rng(1).integers(1, 744, 2_000)),
}


def test_what_a_place_in_time_is_does_not_depend_on_the_order_of_the_rows() -> None:
    table = pd.DataFrame({**PLACES_IN_TIME, "amount": np.random.default_rng(2).lognormal(3, 1, 2_000)})
    for one in PLACES_IN_TIME:
        alone = table[[one, "amount"]]
        expected = {"x": "timestamp time s", "y": "timestamp time ms", "Time": "timestamp time s"}.get(one, "ignored")
        for rows in (alone, alone.sample(frac=1, random_state=0), alone[::-1]):
            assert kinds(rows.reset_index(drop=True))[one] == expected


@pytest.mark.parametrize("name", ["time", "Time", "settlement_time"])
def test_durations_are_numbers_whatever_they_are_called(name: str) -> None:
    seconds = np.random.default_rng(0).exponential(100_000, 2_000).round()
    assert kinds(pd.DataFrame({name: seconds, "amount": seconds / 7}))[name] == "numeric"


def test_a_time_that_is_not_always_there_is_not_scored(make_table: MakeTable) -> None:
    table = make_table(600)
    table["settled"] = table["event_time"].where(np.arange(600) % 7 > 0)
    found = guesses(table)["settled"]
    assert found.field.kind is Kind.IGNORED
    assert "gaps" in found.why


WEIRD: Mapping[str, list[object]] = {
    "mixed": [1, "a", None, 2.5],
    "infinite": [1.0, np.inf, -np.inf, np.nan],
    "timedelta": list(pd.to_timedelta([1, 2, 3, None], unit="s")),
    "with zone": list(pd.to_datetime(["2026-01-01T10:00:00+02:00"] * 3 + [None], utc=True)),
    "objects": [{"a": 1}, {"b": [2]}, None, {}],
    "bytes": [b"a", b"\xff", None, b""],
    "huge": [2**70, -(2**70), 1, 0],
    "complex": [1 + 2j, 2j, 0j, 1j],
    "empty text": ["", " ", "", None],
    "days": [pd.Timestamp("2026-01-01").date()] * 4,
    "\n": [1.0, 2.0, 3.0, 4.0],
    "time": [0, 0, 0, 1],
    "id": [1.5, 2.5, 3.5, 4.5],
    "amount": ["", "x", None, "12"],
    "is_fraud": [0.5, 1.5, None, 2],
    "": ["a", "b", "c", "d"],
}


@pytest.mark.parametrize("name", WEIRD)
@pytest.mark.parametrize("rows", [1, 4, 400])
def test_whatever_a_column_holds_it_is_guessed_or_refused(name: str, rows: int) -> None:
    values = pd.Series((WEIRD[name] * 100)[:rows], dtype=object)
    for column in (values, values.astype("category") if name != "objects" else values):
        found = guess(pd.DataFrame({"card_id": [f"c{n % 7}" for n in range(rows)], name: column}))
        assert [one.field.name for one in found] == ["card_id", name]


def test_values_of_every_numpy_kind_are_guessed(rng: np.random.Generator) -> None:
    kinds_of_numbers = [*np.typecodes["AllInteger"], *np.typecodes["Float"], "?"]
    table = pd.DataFrame({f"n{kind}": rng.integers(0, 2, 200).astype(kind) for kind in kinds_of_numbers if kind != "g"})
    assert {found.field.kind for found in guess(table)} == {Kind.NUMERIC}
    nullable = pd.DataFrame({kind: pd.array([1, 0, None] * 60, dtype=kind) for kind in ("Int8", "Float32", "boolean")})
    assert all(found.field.kind is Kind.NUMERIC and found.field.nullable for found in guess(nullable))
