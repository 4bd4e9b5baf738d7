"""The examples in docstrings are true."""

import doctest
from importlib import import_module

import pytest


@pytest.mark.parametrize("name", ["synthetic", "messages", "publish"])
def test_examples_in_docstrings_are_true(name: str) -> None:
    failed, tried = doctest.testmod(import_module(f"producer.{name}"))
    assert failed == 0
    assert tried > 0
