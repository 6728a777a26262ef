"""Configuration of pydantic for dataclasses of settings."""

from pydantic import ConfigDict

STRICT = ConfigDict(extra="forbid", allow_inf_nan=False)
