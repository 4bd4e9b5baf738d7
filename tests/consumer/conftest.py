"""Makes the rule-based processor known to the tests of the consumer."""

from tests.plugins.rule import processor as processor
