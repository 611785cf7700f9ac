"""What networks can predict: one target in each file, and the table of all targets."""

from model.config import Target
from model.targets.action_value import ACTION_VALUE
from model.targets.behavioral_cloning import BEHAVIORAL_CLONING
from model.targets.state_value import STATE_VALUE
from model.targets.target import PredictionTarget

TARGETS: dict[Target, PredictionTarget] = {
    "action-value": ACTION_VALUE,
    "state-value": STATE_VALUE,
    "behavioral-cloning": BEHAVIORAL_CLONING,
}
