"""Where the tests find things."""

from pathlib import Path

ROOT = Path(__file__).parents[2]
"""Of the repository."""
FIXTURES = ROOT / "tests" / "fixtures"
REFERENCE = FIXTURES / "reference"
"""Golden facts about the published reference model; see its parameter_trees.json and others."""
