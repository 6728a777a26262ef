"""Models in ONNX, loaded to embed windows of samples."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from features.own import OwnPartError
from features.tensors.embedding.files import model_hash
from features.tensors.embedding.recipe import EmbeddingRecipe

if TYPE_CHECKING:
    from onnxruntime import InferenceSession, NodeArg

FLOAT = "tensor(float)"  # float32 in the words of ONNX
INSTALL = "the package onnxruntime is not installed; to install it: pip install 'otogura[embedding]'"


class Model:
    """Model of a recipe, loaded, with its input and output. Raises `OwnPartError` where it does not fit."""

    def __init__(self, recipe: EmbeddingRecipe, path: Path) -> None:
        self.recipe = recipe
        self._session = _loaded(path, str(recipe.version))
        self._input = self._named(self._session.get_inputs(), recipe.input, "input")
        self._output = self._named(self._session.get_outputs(), recipe.output, "output")
        self._check_input()

    def vectors(self, windows: np.ndarray) -> np.ndarray:
        """Return the vectors `(windows, size)` float32 of `(windows, samples)` float32."""
        batch = self._input.shape[0] if len(self._input.shape) > 1 else 1
        if isinstance(batch, int) and batch not in (1, len(windows)):
            raise self._fault(f"input {self._input.name}: expected a batch of any size, got one of {batch}")
        parts = np.split(windows, len(windows)) if batch == 1 else [windows]
        return np.concatenate([self._run(part) for part in parts])

    def _run(self, windows: np.ndarray) -> np.ndarray:
        from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidArgument, RuntimeException

        rank = len(self._input.shape)
        shaped = windows[0] if rank == 1 else windows[:, np.newaxis] if rank == 3 else windows
        try:
            (output,) = self._session.run([self._output.name], {self._input.name: shaped})
        except (Fail, InvalidArgument, RuntimeException) as error:
            raise self._fault(f"failed on {shaped.shape}: {' '.join(str(error).split())[:300]}") from None
        expected = (len(windows), self.recipe.size)
        if output.shape != expected and not (output.shape == expected[1:] and len(windows) == 1):
            others = [other.name for other in self._session.get_outputs() if other.name != self._output.name]
            advice = f"; or name another output: {', '.join(others)}" if others else ""
            raise self._fault(
                f"output {self._output.name}: expected vectors {expected}, a window each, got {output.shape}; change "
                f"size{advice}"
            )
        vectors: np.ndarray = output.reshape(expected)
        return vectors

    def _named(self, nodes: "list[NodeArg]", name: str | None, what: str) -> "NodeArg":
        """Return the input or output of that name, or the only one that can be meant."""
        names = ", ".join(node.name for node in nodes)
        if name is not None:
            found = [node for node in nodes if node.name == name]
            if not found:
                raise self._fault(f"{what}: expected one of {names}, got {name!r}")
            return found[0]
        if len(nodes) > 1 and what == "output":
            nodes = [node for node in nodes if node.shape and node.shape[-1] == self.recipe.size]
        if len(nodes) != 1:
            raise self._fault(f"{what}: expected the name of one of {names}; say {what}: in the recipe")
        return nodes[0]

    def _check_input(self) -> None:
        recipe, node = self.recipe, self._input
        if len(others := self._session.get_inputs()) > 1:
            rest = ", ".join(other.name for other in others if other.name != node.name)
            raise self._fault(f"expected a model of samples alone, got the inputs {rest} as well; export it without")
        if node.type != FLOAT:
            raise self._fault(f"input {node.name}: expected float32 samples, got {node.type}")
        if not 1 <= len(node.shape) <= 3 or (len(node.shape) == 3 and node.shape[1] not in (1, None)):
            raise self._fault(
                f"input {node.name}: expected (windows, samples), got {node.shape}; export the model with what makes "
                "its spectrogram"
            )
        length = node.shape[-1]
        if isinstance(length, int) and length != recipe.window:
            seconds = f"{length / recipe.sample_rate_hz:g} s at {recipe.sample_rate_hz} Hz"
            raise self._fault(
                f"input {node.name}: expected windows of {recipe.window} samples ({recipe.window_s:g} s at "
                f"{recipe.sample_rate_hz} Hz), it takes {length} ({seconds}); change window_s or sample_rate_hz"
            )

    def _fault(self, text: str) -> OwnPartError:
        return OwnPartError(f"{self.recipe.model}: {text}")


@lru_cache(maxsize=2)  # a worker gets the recipe anew with every shard
def _loaded(path: Path, version: str) -> "InferenceSession":
    """Return the model of that version, which computes on one thread, so that its sums have one order."""
    try:
        import onnxruntime
    except ImportError:
        raise OwnPartError(f"{path}: {INSTALL}") from None
    from onnxruntime.capi.onnxruntime_pybind11_state import Fail, InvalidGraph, InvalidProtobuf, NotImplemented

    if (found := model_hash(path)) != version:
        raise OwnPartError(
            f"{path}: expected the version {version}, got {found}: the model has changed; put the file of then back, "
            "or type the command again that it was used by"
        )
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    options.log_severity_level = 4  # of what fails an error says the same
    try:
        return onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    except (Fail, InvalidGraph, InvalidProtobuf, NotImplemented) as error:
        raise OwnPartError(f"{path}: cannot be loaded: {' '.join(str(error).split())[:300]}") from None
