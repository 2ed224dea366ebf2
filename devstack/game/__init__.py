"""A game that rewards are delivered to, for development and tests: as slow, flaky and silent as it is told to be."""
