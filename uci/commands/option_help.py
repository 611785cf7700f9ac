"""Options as tyro shows them, less what it says of values that need not be given.

An option that may be None would be ``--steps {None}|INT``, with ``(default: None)`` after a text
that says what is done then. Here it is ``--steps INT``, with that text alone. Several files would
be ``[[PATH [PATH ...]]]``; here they are ``PATH ...``.
"""

import dataclasses
import functools
import operator
from typing import Annotated, Any, get_args, get_type_hints

import tyro
from tyro.constructors import ConstructorRegistry, PrimitiveConstructorSpec, PrimitiveTypeInfo

registry = ConstructorRegistry()


@registry.primitive_rule
def _optional(info: PrimitiveTypeInfo) -> PrimitiveConstructorSpec | None:
    """For a type with None, the rule of the type without it."""
    kinds = get_args(info.type)
    others = tuple(kind for kind in kinds if kind is not type(None))
    if len(others) == len(kinds):
        return None
    given = PrimitiveTypeInfo.make(functools.reduce(operator.or_, others), info.markers)
    spec = ConstructorRegistry.get_primitive_spec(given)
    if not isinstance(spec, PrimitiveConstructorSpec):
        return None
    return dataclasses.replace(
        spec,
        is_instance=lambda value: value is None or spec.is_instance(value),
        str_from_instance=lambda value: [] if value is None else spec.str_from_instance(value),
    )


def shown_plainly(options: type) -> type:
    """A subclass of a dataclass of options, the dataclasses in it included, that shows no default
    which is None or an empty tuple, and several values as one and dots. It is for the help text;
    nothing else should know of it."""
    empty = (None, (), dataclasses.MISSING)
    types, marked = get_type_hints(options), get_type_hints(options, include_extras=True)
    changed = []
    for field in dataclasses.fields(options):
        hint: Any = marked[field.name]
        kind, *marks = get_args(hint) if hasattr(hint, "__metadata__") else (hint,)
        if isinstance(kind, type) and dataclasses.is_dataclass(kind):
            kind = shown_plainly(kind)
        elif tyro.conf.UseAppendAction in marks:
            continue
        else:
            parts = get_args(types[field.name])
            several = f"{parts[0].__name__.upper()} ..." if parts[1:] == (...,) else None
            nothing = "" if field.default in empty else None
            marks.append(tyro.conf.arg(metavar=several, help_behavior_hint=nothing))
        changed.append((field.name, Annotated[(kind, *marks)] if marks else kind, field))
    return dataclasses.make_dataclass(
        options.__name__,
        changed,
        bases=(options,),
        namespace={"__doc__": options.__doc__},
        frozen=options.__dataclass_params__.frozen,  # pyright: ignore[reportAttributeAccessIssue]
    )
