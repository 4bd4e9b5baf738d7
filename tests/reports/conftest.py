"""Reports are drawn of the same small models that the tests of the model use."""

from tests.model.conftest import columns, detector, draft, graph_bytes, make_table, schema, score_model, scorer, store

__all__ = ["columns", "detector", "draft", "graph_bytes", "make_table", "schema", "score_model", "scorer", "store"]
