"""Kinds of tensors, a folder each, named as the `kind` of its recipe.

`recipe.py` holds the recipe, a subclass of `TensorRecipe`. It is read with every configuration, so it imports no
compiled code. `assembly.py` holds the class `Assembly`, which makes the tensors. The folder `own` has those of users.
"""

from importlib import import_module
from pkgutil import iter_modules
from typing import TYPE_CHECKING, Annotated, Any, TypeAlias, Union

from pydantic import (
    Field,
    SerializeAsAny,
    TypeAdapter,
    ValidationError,
    ValidatorFunctionWrapHandler,
    WrapValidator,
)

from features.own import CLASS, raise_own_fault
from features.own_dataclass import REFERENCE
from features.recipe import SoundRecipe, TensorRecipe
from features.tensors.own.recipe import OWN, OwnRecipe, own_recipe

if TYPE_CHECKING:
    from features.tensors.base import TensorAssembly


def _recipe_class(kind: str) -> type[TensorRecipe]:
    module = import_module(f"{__name__}.{kind}.recipe")
    (recipe_class,) = (
        value
        for value in vars(module).values()
        if isinstance(value, type) and issubclass(value, TensorRecipe) and value.__module__ == module.__name__
    )
    return recipe_class


# By kind, without those of users; recipes of sound come first, also in messages.
RECIPES: dict[str, type[TensorRecipe]] = dict(
    sorted(
        (
            (module.name, _recipe_class(module.name))
            for module in iter_modules(__path__)
            if module.ispkg and module.name != OWN
        ),
        key=lambda item: not issubclass(item[1], SoundRecipe),
    )
)

KINDS = (*RECIPES, OWN)


def _own_or_built_in(value: Any, built_in: ValidatorFunctionWrapHandler) -> TensorRecipe:
    if isinstance(value, OwnRecipe):
        return value
    if isinstance(value, dict) and (CLASS in value or REFERENCE in value):
        return own_recipe(value)
    recipe: TensorRecipe = built_in(value)
    return recipe


if TYPE_CHECKING:
    AnyRecipe: TypeAlias = TensorRecipe
else:
    AnyRecipe = SerializeAsAny[
        Annotated[
            Union[tuple(RECIPES.values())],  # noqa: UP007  # of a list
            Field(discriminator="kind"),
            WrapValidator(_own_or_built_in),
        ]
    ]


def recorded_recipe(described: dict[str, Any]) -> TensorRecipe:
    """Return the recipe that `dataclasses.asdict` described.

    Raises
    ------
    pydantic.ValidationError
        For anything else.
    features.own.OwnPartError
        If a part of a user's own cannot be used, or is another version of it.
    """
    try:
        return TypeAdapter(AnyRecipe).validate_python(described)
    except ValidationError as error:
        raise_own_fault(error)
        raise


def assembly_of(recipe: TensorRecipe) -> "TensorAssembly":
    """Return the maker of the tensors of a recipe, with its constants."""
    return import_module(f"{__name__}.{recipe.kind}.assembly").Assembly(recipe)
