"""Presets as the values of an option: its choices are the names in `model.config.PRESETS`."""

from typing import TYPE_CHECKING, Literal

from model.config import PRESETS

if TYPE_CHECKING:
    PresetName = BoardPreset = SequencePreset = str
else:
    _LAYOUTS = {name: preset.network.layout for name, preset in PRESETS.items()}
    PresetName = Literal[tuple(_LAYOUTS)]
    BoardPreset = Literal[tuple(n for n in _LAYOUTS if _LAYOUTS[n] == "board")]
    SequencePreset = Literal[tuple(n for n in _LAYOUTS if _LAYOUTS[n] == "sequence")]
