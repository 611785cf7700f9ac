"""What a network and a training run are made of: frozen, checked where they are made."""

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
"""What layers compute in while training; mixed: in float32, but for the operands of dense layers'
products, bfloat16; of the architecture `board`."""
Target = Literal["action-value", "state-value", "behavioral-cloning"]
"""What a network predicts: a move's win probability, a position's, or the move that is played."""
Labels = Literal["hl-gauss", "one-hot", "two-hot"]
OptimizerKind = Literal["muon", "adam"]
Schedule = Literal["cosine", "constant"]
RecipeName = Literal["argmax", "reference"]


@dataclass(frozen=True)
class BoardConfig:
    """The shape of a network of the architecture `board`; see `model.network.board_transformer`."""

    architecture: ClassVar[str] = "board"

    layout: str = field(default=architecture, init=False)
    """The architecture, by the name of this field in network files."""
    width: int = 128
    layers: int = 6
    """Trunk layers, over the 64 squares."""
    decoder_layers: int = 1
    """Layers of the move decoder, over the legal moves."""
    heads: int = 4
    widening: int = 2
    """Width of the feed-forward layers, in multiples of `width`."""
    output_hidden_width: int = 256
    """Width of the hidden layer between a move's token and its bins."""
    bins: int = 64
    afterstates: bool = False
    """Whether moves also see both sides' attacks and loose pieces after the move; see
    `data_pipeline.encoding.afterstates`."""
    position_bias: bool = True
    """Whether each trunk layer learns a weight for each pair of squares, by head."""
    target: Target = "action-value"
    mate_range: float = 0.0
    """How much of the bins' range at either end tells mates by their distance, see
    `data_pipeline.encoding.values`; of moves' values. 0: bins are over win probabilities."""

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
        """Whether it learns the values of a position's moves together."""
        return self.target == "action-value"


@dataclass(frozen=True)
class SequenceConfig:
    """The shape of a network of the architecture `sequence`, the reference's; see
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
    """Whether a token attends only to itself and to those before it."""
    query_key_norm: bool = False
    """Whether queries and keys are normed, across all heads at once."""
    clocks: bool = True
    """Whether the network learned the clocks; one that did not is shown none in play."""
    target: Target = "action-value"

    def __post_init__(self) -> None:
        _check(self, "width", "layers", "heads", "widening", "bins")

    @property
    def learns_order(self) -> bool:
        """As in `BoardConfig`: here every move is learned by itself."""
        return False

    @property
    def outputs(self) -> int:
        """Width of the output: the bins, or with behavioral cloning all actions."""
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
"""Fields by their names in files of earlier versions."""
_RETIRED = {
    "bias_templates": 0,
    "square_relations": "all",
    "move_relations": "all",
    "policy_head": False,
    "policy_weight": 1.0,
}
"""Fields that files of earlier versions have, with the value that asks for nothing."""


def current_fields(fields: dict[str, Any]) -> dict[str, Any]:
    """Fields of a configuration, at any depth, by their names of today and without retired ones."""
    return {
        _RENAMED.get(name, name): current_fields(value) if isinstance(value, dict) else value
        for name, value in fields.items()
        if _RETIRED.get(name, ...) != value
    }


def config_from_dict(fields: dict[str, Any]) -> NetworkConfig:
    """The inverse of `asdict`, by the field `layout`.

    Raises InputError for unknown fields and for values of other types, so that the fields may come
    from anywhere.
    """
    configs = {config.architecture: config for config in (BoardConfig, SequenceConfig)}
    fields = current_fields(fields)
    name = fields.pop("layout", None)
    if not isinstance(name, str) or name not in configs:
        raise InputError(f"expected a layout ({', '.join(configs)}), found {name!r}")
    check_types(configs[name], fields)
    return configs[name](**fields)


def check_types(config: type, fields: dict[str, Any]) -> None:
    """Raise InputError where a value is of another type than the field of a config dataclass, or
    where there is no such field.

    Integers serve as floats, but booleans are no integers, and floats are finite.
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
    """The weights of a loss, see `model.targets`; the defaults are those of our recipe."""

    labels: Labels = "hl-gauss"
    """The distribution over the bins that stands for a win probability."""
    sigma_bins: float = 0.75
    """HL-Gauss: sigma in bin widths."""
    ranking_weight: float = 3.0
    """Of the order of a position's moves; 0 where a batch holds single moves."""
    ranking_temperature: float = 0.05
    """In win probability."""
    regret_weight: float = 1.0
    """Of what a soft choice of a move, at the ranking's temperature, gives away; 0 where a batch
    holds single moves."""
    state_value_weight: float = 0.1

    def of_single_moves(self) -> "LossConfig":
        """The same, without what compares the moves of a position."""
        return replace(self, ranking_weight=0.0, regret_weight=0.0)


@dataclass(frozen=True)
class OptimizerConfig:
    """The learning rate warms up and falls with a cosine, or is constant."""

    kind: OptimizerKind = "muon"
    """Muon for the layers' matrices and AdamW for the rest, or AdamW for all."""
    schedule: Schedule = "cosine"
    muon_learning_rate: float = 0.01
    adam_learning_rate: float = 1e-3
    adam_b2: float = 0.98
    weight_decay: float = 0.01
    warmup_share: float = 0.05
    """Of the whole training; none with a constant learning rate."""
    final_share: float = 0.02
    """The learning rate at the end, as a share of its peak."""
    clip_norm: float = 1.0
    ema_decay: float = 0.999
    ema_warmup: bool = True
    """Let the average forget its start sooner than its decay says."""


@dataclass(frozen=True)
class Recipe:
    """How a network is trained, whatever its shape."""

    loss: LossConfig
    optimizer: OptimizerConfig


@dataclass(frozen=True)
class Setup:
    """A network's shape and its recipe: all that makes one training better than another."""

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
"""Ours, and that of Ruoss et al. 2024 (the values of their code)."""


@dataclass(frozen=True)
class Preset:
    """A network's shape, and the batch and the recipe that suit it."""

    network: NetworkConfig
    batch_size: int = 128
    """Positions, or with the architecture `sequence` pairs of a position and a move."""
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
"""Networks by size. Of the architecture `board`: tiny for tests (0.03 M parameters), small for two
cores (1.2 M), medium, large. Of the architecture `sequence`: one for tests, one as large as
`small`, and the published ones."""


def preset(name: str, **changes: Any) -> Preset:
    """A preset by name, with fields of its network changed; without afterstates where the target
    is not the moves' values. Raises InputError if there is none."""
    if name not in PRESETS:
        raise InputError(f"expected a preset ({', '.join(PRESETS)}), found '{name}'")
    network = PRESETS[name].network
    if network.afterstates and changes.get("target", network.target) != "action-value":
        changes = {"afterstates": False} | changes
    return replace(PRESETS[name], network=replace(network, **changes))


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """How long a network is trained, on which positions, and what is measured on the way."""

    steps: PositiveInt | None = None
    """Training steps; the learning rate falls over all of them (default: 10000)."""
    minutes: PositiveFloat | None = None
    """Minutes of training instead of steps, evaluations not counted; the learning rate falls with
    the share of them that is used."""
    seed: NonNegativeInt = 0
    """Seed of the first weights and of the order of the data."""
    mirrored: bool = False
    """Mirror half of the positions in which nobody may castle left to right, chosen again in each
    pass over the data."""
    focus: Share = 0.0
    """Learn more often from positions in which the choice of the move matters: up to five times as
    often where the best move's win probability exceeds the median one's by this much or more (0.13
    covers a third of ordinary positions); 0: from all equally often."""
    log_every: PositiveInt = 20
    """Steps between lines in metrics.jsonl."""
    checkpoint_every: PositiveInt = 200
    """Steps between checkpoints."""
    evaluate_every: PositiveInt = 1000
    """Steps between evaluations."""
    evaluation_positions: NonNegativeInt = 2000
    """Positions in each evaluation."""
    evaluation_split: Literal["validation", "test"] = "test"
    """The split evaluated on; nothing is selected by it."""

    def __post_init__(self) -> None:
        check_ranges(self)


@dataclass(frozen=True)
class TrainConfig(TrainOptions):
    """A training run: what is trained, and how.

    The same configuration, data and devices give the same network exactly, unless it is minutes
    that end the training and that the learning rate follows.
    """

    network: NetworkConfig
    batch_size: PositiveInt = 128
    """Positions, or with the architecture `sequence` pairs of a position and a move."""
    max_moves: PositiveInt = 48
    """Of a position, its best, with the architecture `board`; one in 50 has more than 48."""
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
