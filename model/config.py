"""Configurations of networks and training runs: frozen dataclasses that check themselves."""

import math
from dataclasses import dataclass, field, replace
from dataclasses import fields as dataclass_fields
from typing import Any, ClassVar, Literal, get_args, get_origin, get_type_hints

from data_pipeline.common.errors import InputError
from data_pipeline.common.ranges import (
    NonNegativeInt,
    PositiveFloat,
    PositiveInt,
    Share,
    check_ranges,
)

ComputeDtype = Literal["float32", "bfloat16"]
TrainingDtype = Literal["float32", "bfloat16", "mixed"]
"""The type that layers compute in during training. mixed: float32, with the operands of dense
layers' matrix products rounded to bfloat16; only for the architecture `board`."""
Target = Literal["action-value", "state-value", "behavioral-cloning"]
"""What a network predicts: the win probability of each move, that of the position, or the move
played."""
Labels = Literal["hl-gauss", "one-hot", "two-hot"]
OptimizerKind = Literal["muon", "adam"]
Schedule = Literal["cosine", "constant"]
RecipeName = Literal["argmax", "reference"]


@dataclass(frozen=True)
class BoardConfig:
    """The shape of a network of the architecture `board`; see `model.network.board_transformer`."""

    architecture: ClassVar[str] = "board"

    layout: str = field(default=architecture, init=False)
    """The architecture; network files call this field `layout`."""
    width: int = 128
    layers: int = 6
    """Trunk layers, over the 64 squares."""
    decoder_layers: int = 1
    """Layers of the move decoder, in which each legal move attends to the squares."""
    heads: int = 4
    widening: int = 2
    """Width of the feed-forward layers, in multiples of `width`."""
    output_hidden_width: int = 256
    """Width of the hidden layer in the output head, between a move's token and its bins."""
    bins: int = 64
    afterstates: bool = False
    """Whether each move is also given both sides' attacks and loose pieces after it; see
    `data_pipeline.encoding.afterstates`."""
    position_bias: bool = True
    """Whether each trunk layer learns an attention bias for each pair of squares, per head."""
    target: Target = "action-value"
    mate_range: float = 0.0
    """Share of the bins' range, at each end, that encodes the distance to mate, see
    `data_pipeline.encoding.values`; only with the target 'action-value'. 0: all bins are over win
    probabilities."""

    def __post_init__(self) -> None:
        _check(self, "width", "layers", "heads", "widening", "output_hidden_width", "bins")
        if not 0 <= self.mate_range <= (0.4 if self.target == "action-value" else 0):
            raise InputError(
                "expected a mate_range of 0 to 0.4 with the target 'action-value', else 0, found "
                f"{self.mate_range} with '{self.target}'"
            )
        if self.decoder_layers < 0:
            raise InputError(f"expected decoder_layers of at least 0, found {self.decoder_layers}")
        if self.target != "action-value" and self.afterstates:
            raise InputError(
                f"expected afterstates only with the target 'action-value', found '{self.target}'"
            )

    @property
    def learns_order(self) -> bool:
        """Whether training has all moves of a position together, so that losses can compare
        them."""
        return self.target == "action-value"


@dataclass(frozen=True)
class SequenceConfig:
    """The shape of a network of the architecture `sequence`, that of Ruoss et al. 2024; see
    `model.network.sequence_transformer`."""

    architecture: ClassVar[str] = "sequence"
    mate_range: ClassVar[float] = 0.0
    afterstates: ClassVar[bool] = False

    layout: str = field(default=architecture, init=False)
    width: int = 256
    layers: int = 8
    heads: int = 8
    widening: int = 4
    """Width of the feed-forward layers, in multiples of `width`."""
    bins: int = 128
    causal: bool = False
    """Whether a token attends only to itself and to earlier tokens."""
    query_key_norm: bool = False
    """Whether queries and keys are layer-normalized, over all heads at once."""
    clocks: bool = True
    """Whether the network was trained with the FEN's halfmove clock and fullmove number; if not,
    play hides them from it."""
    target: Target = "action-value"

    def __post_init__(self) -> None:
        _check(self, "width", "layers", "heads", "widening", "bins")

    @property
    def learns_order(self) -> bool:
        """As in `BoardConfig`: False, since every move is a separate training example."""
        return False

    @property
    def outputs(self) -> int:
        """Width of the output: the bins, or all actions with behavioral cloning."""
        from data_pipeline.encoding.actions import NUM_ACTIONS  # here, since chess imports slowly

        return NUM_ACTIONS if self.target == "behavioral-cloning" else self.bins


NetworkConfig = BoardConfig | SequenceConfig


def _check(config: NetworkConfig, *positive: str) -> None:
    if config.target not in get_args(Target):
        raise InputError(
            f"expected a target ({', '.join(get_args(Target))}), found '{config.target}'"
        )
    for name in positive:
        if getattr(config, name) < 1:
            raise InputError(f"expected {name} of at least 1, found {getattr(config, name)}")
    if config.width % config.heads:
        raise InputError(f"width {config.width} must divide by heads {config.heads}")


_RENAMED = {"head_width": "output_hidden_width", "consequences": "afterstates"}
"""Name of a field in files of earlier versions -> its name today."""
_RETIRED = {
    "bias_templates": 0,
    "square_relations": "all",
    "move_relations": "all",
    "policy_head": False,
    "policy_weight": 1.0,
}
"""Fields of earlier versions that no longer exist, with the value that had no effect."""


def current_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of a configuration, at any depth, under today's names and without retired ones."""
    return {
        _RENAMED.get(name, name): current_fields(value) if isinstance(value, dict) else value
        for name, value in fields.items()
        if _RETIRED.get(name, ...) != value
    }


def config_from_dict(fields: dict[str, Any]) -> NetworkConfig:
    """The inverse of `asdict`, by the field `layout`.

    Raises InputError for unknown fields and for values of the wrong type, so that files from
    strangers are safe to read.
    """
    configs = {config.architecture: config for config in (BoardConfig, SequenceConfig)}
    fields = current_fields(fields)
    name = fields.pop("layout", None)
    if not isinstance(name, str) or name not in configs:
        raise InputError(f"expected a layout ({', '.join(configs)}), found {name!r}")
    check_types(configs[name], fields)
    return configs[name](**fields)


def check_types(config: type, fields: dict[str, Any]) -> None:
    """Raise InputError if a value does not have the type of its field in a config dataclass, or if
    there is no such field.

    Integers are accepted as floats, booleans are not accepted as numbers, and floats must be
    finite.
    """
    hints = get_type_hints(config)
    for name, value in fields.items():
        hint = hints.get(name)
        if get_origin(hint) is Literal:
            fits, expected = value in get_args(hint), " or ".join(map(str, get_args(hint)))
        elif hint is float:
            is_number = isinstance(value, int | float) and not isinstance(value, bool)
            fits, expected = is_number and math.isfinite(value), "a finite number"
        elif isinstance(hint, type):
            fits, expected = type(value) is hint, f"a value of type {hint.__name__}"
        else:
            known = ", ".join(field.name for field in dataclass_fields(config))
            raise InputError(f"expected the fields {known}, found {name!r:.60}")
        if not fits:
            raise InputError(f"expected {name} to be {expected}, found {value!r:.60}")


@dataclass(frozen=True)
class LossConfig:
    """Labels and weights of the loss, see `model.targets`; the defaults are the recipe `argmax`."""

    labels: Labels = "hl-gauss"
    """How a win probability becomes a target distribution over the bins."""
    sigma_bins: float = 0.75
    """Sigma of HL-Gauss, in bin widths."""
    ranking_weight: float = 3.0
    """Weight of the ranking loss over a position's moves; 0 if a batch holds single moves."""
    ranking_temperature: float = 0.05
    """Temperature of the softmax over a position's moves, in win probability."""
    regret_weight: float = 1.0
    """Weight of the expected regret of the softmax policy with that temperature; 0 if a batch holds
    single moves."""
    state_value_weight: float = 0.1
    """Weight of the loss of the position's value."""

    def of_single_moves(self) -> "LossConfig":
        """The same without the terms that compare the moves of a position."""
        return replace(self, ranking_weight=0.0, regret_weight=0.0)


@dataclass(frozen=True)
class OptimizerConfig:
    """The learning rate has a linear warm-up and a cosine decay, or is constant."""

    kind: OptimizerKind = "muon"
    """Muon for the layers' matrices and AdamW for the rest, or AdamW for all."""
    schedule: Schedule = "cosine"
    muon_learning_rate: float = 0.01
    adam_learning_rate: float = 1e-3
    adam_b2: float = 0.98
    weight_decay: float = 0.01
    warmup_share: float = 0.05
    """Length of the warm-up, as a share of the training; a constant learning rate has none."""
    final_share: float = 0.02
    """The learning rate at the end, as a share of its peak."""
    clip_norm: float = 1.0
    """The gradient is scaled down to this global norm if it is larger."""
    ema_decay: float = 0.999
    """Decay of the parameters' exponential moving average, per step."""
    ema_warmup: bool = True
    """Use a smaller decay in the first steps, so that the average soon forgets the initial
    parameters."""


@dataclass(frozen=True)
class Recipe:
    """Loss and optimizer of a training, for a network of any shape."""

    loss: LossConfig
    optimizer: OptimizerConfig


@dataclass(frozen=True)
class Setup:
    """A network's shape, loss and optimizer: all of a training but its data and its length."""

    network: NetworkConfig
    loss: LossConfig
    optimizer: OptimizerConfig


RECIPES: dict[RecipeName, Recipe] = {
    "argmax": Recipe(LossConfig(), OptimizerConfig()),
    "reference": Recipe(
        LossConfig(labels="one-hot", ranking_weight=0.0, regret_weight=0.0, state_value_weight=0.0),
        OptimizerConfig(
            kind="adam",
            schedule="constant",
            adam_learning_rate=1e-4,
            adam_b2=0.999,
            weight_decay=0.0,
            ema_decay=0.99,
            ema_warmup=False,
        ),
    ),
}
"""The recipe of this project, and that of Ruoss et al. 2024 with the values of their code."""


@dataclass(frozen=True)
class Preset:
    """A network's shape, with the batch size and the recipe that suit it."""

    network: NetworkConfig
    batch_size: int = 128
    """In positions; with the architecture `sequence`, in pairs of a position and a move."""
    recipe: RecipeName = "argmax"


PRESETS: dict[str, Preset] = {
    "tiny": Preset(BoardConfig(width=32, layers=2, heads=2, output_hidden_width=64), batch_size=32),
    "small": Preset(BoardConfig(afterstates=True)),
    "medium": Preset(
        BoardConfig(
            width=256,
            layers=8,
            decoder_layers=2,
            heads=8,
            output_hidden_width=512,
            afterstates=True,
        )
    ),
    "large": Preset(
        BoardConfig(
            width=320,
            layers=10,
            decoder_layers=2,
            heads=10,
            output_hidden_width=512,
            afterstates=True,
        ),
        256,
    ),
    "sequence-tiny": Preset(SequenceConfig(width=16, layers=2, heads=4), 256, "reference"),
    "sequence-small": Preset(
        SequenceConfig(width=120, layers=4, heads=4, bins=64), 256, "reference"
    ),
    "9M": Preset(SequenceConfig(), 256, "reference"),
    "136M": Preset(SequenceConfig(width=1024), 256, "reference"),
    "270M": Preset(SequenceConfig(width=1024, layers=16), 256, "reference"),
}
"""Networks by size. Architecture `board`: tiny for tests (0.03 M parameters), small for two CPU
cores (1.2 M), medium, large. Architecture `sequence`: one for tests, one as large as `small`, and
the published ones."""


def preset(name: str, **changes: Any) -> Preset:
    """A preset by name, with fields of its network changed; afterstates are switched off for
    targets that cannot use them. Raises InputError if there is no such preset."""
    if name not in PRESETS:
        raise InputError(f"expected a preset ({', '.join(PRESETS)}), found '{name}'")
    network = PRESETS[name].network
    if network.afterstates and changes.get("target", network.target) != "action-value":
        changes = {"afterstates": False} | changes
    return replace(PRESETS[name], network=replace(network, **changes))


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How long a network is trained, how positions are drawn, and what is measured meanwhile."""

    steps: PositiveInt | None = None
    """Training steps; the learning rate falls over all of them (default: 10000)."""
    minutes: PositiveFloat | None = None
    """Minutes of training instead of a number of steps, not counting evaluations; the learning rate
    falls with the time used."""
    seed: NonNegativeInt = 0
    """Seed of the initial weights and of the order of the data."""
    mirrored: bool = False
    """Mirror half of the positions without castling rights left to right; which half is drawn
    again in each epoch."""
    focus: Share = 0.0
    """Oversample positions in which the choice of move matters: up to five times as often if the
    best move's win probability exceeds the median move's by this much or more (0.13 covers a third
    of ordinary positions); 0: no oversampling."""
    log_every: PositiveInt = 20
    """Steps between lines in metrics.jsonl."""
    checkpoint_every: PositiveInt = 200
    """Steps between checkpoints."""
    evaluate_every: PositiveInt = 1000
    """Steps between evaluations."""
    evaluation_positions: NonNegativeInt = 2000
    """Positions in each evaluation."""
    evaluation_split: Literal["validation", "test"] = "test"
    """The split to evaluate on; it is not used to choose anything."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class TrainConfig(TrainOptions):
    """A training run: the network, its loss and its optimizer, and the options of the run.

    The same configuration, data and devices give exactly the same network, unless the length of
    the training is given in minutes.
    """

    network: NetworkConfig
    batch_size: PositiveInt = 128
    """In positions; with the architecture `sequence`, in pairs of a position and a move."""
    max_moves: PositiveInt = 48
    """Train on at most this many moves of a position, the best ones, with the architecture `board`;
    one position in 50 has more than 48."""
    compute_dtype: TrainingDtype = "float32"
    loss: LossConfig = field(default_factory=LossConfig)
    optimizer: OptimizerConfig = field(default_factory=OptimizerConfig)

    def __post_init__(self) -> None:
        super().__post_init__()
        if (self.steps is None) == (self.minutes is None):
            raise InputError(
                f"expected either steps or minutes, found steps = {self.steps} and "
                f"minutes = {self.minutes}; leave one of them out"
            )
        if self.loss != self.loss.of_single_moves() and not self.network.learns_order:
            raise InputError(
                "expected no terms of ranking and regret with the architecture "
                f"'{self.network.architecture}' and the target '{self.network.target}', which do "
                "not learn the moves of a position together, found weights "
                f"{self.loss.ranking_weight} and {self.loss.regret_weight}; set them to 0"
            )
        if self.compute_dtype == "mixed" and self.network.architecture != "board":
            raise InputError(
                "expected --compute-dtype float32 or bfloat16 with the architecture "
                f"'{self.network.architecture}', found mixed, which is of the architecture 'board'"
            )
        for option, given in (("--mirrored", self.mirrored), ("--focus", self.focus)):
            if given and not self.network.learns_order:
                raise InputError(
                    f"expected {option} with the architecture 'board' and the target "
                    f"'action-value', found '{self.network.architecture}' and "
                    f"'{self.network.target}'; leave it out"
                )
