"""Makes the rule-based judge known to the tests of the consumer."""

from tests.plugins.rule import judge as judge
