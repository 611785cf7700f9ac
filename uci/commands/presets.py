"""Types of options whose values are names of presets in `model.config.PRESETS`."""

from typing import TYPE_CHECKING, Literal

from model.config import PRESETS

if TYPE_CHECKING:
    PresetName = BoardPreset = SequencePreset = str
else:
    _KINDS = {name: preset.network.architecture for name, preset in PRESETS.items()}
    PresetName = Literal[tuple(_KINDS)]
    BoardPreset = Literal[tuple(n for n in _KINDS if _KINDS[n] == "board")]
    SequencePreset = Literal[tuple(n for n in _KINDS if _KINDS[n] == "sequence")]
