"""Settings of a split. Every job is told of them, so that they stand apart from the code that draws the sides."""

from typing import Annotated

from pydantic import Field, model_validator

from training.settings import Section


class Split(Section):
    """Shares of the groups of each class; which groups they are depends on their names and the seed."""

    validation: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of the groups that validate. With two folds, or with sides that name no validation, it is a share of the
    groups that do not test."""

    test: Annotated[float, Field(gt=0, lt=1)] = 0.15
    """Share of the groups that test, where the corpus gives neither folds nor sides."""

    seed: Annotated[int, Field(ge=0)] = 0
    """Seed of the draw of groups."""

    @model_validator(mode="after")
    def _leaves_training(self) -> "Split":
        if self.validation + self.test >= 1:
            raise ValueError(f"validation {self.validation:g} + test {self.test:g} leave nothing for training")
        return self
