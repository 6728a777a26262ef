"""Recordings in the body of a request: a sound, JSON with samples or base64, or a form with several files."""

import base64
import binascii
import shutil
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from http import HTTPStatus
from io import BytesIO
from itertools import chain, islice
from math import prod
from pathlib import Path, PurePosixPath
from tempfile import mkstemp
from typing import BinaryIO

import numpy as np
import simdjson
from python_multipart import create_form_parser
from python_multipart.exceptions import FileError, FormParserError
from python_multipart.multipart import File, parse_options_header

from features.recipe import SoundRecipe
from pipeline.corpus.sources.json.numbers import parse_samples
from pipeline.corpus.sources.json.recording import is_rate
from pipeline.predict.inputs import Inputs
from pipeline.serve.refusals import Refusal
from training.inference.batches import MakeWindows
from training.inference.model import TrainedModel
from training.inference.sounds import file_blocks, sample_blocks
from training.inference.windows import Window

MOST_FILES = 100  # of a form
LONGEST_NUMBER = 64  # characters in a table
CHUNK_BYTES = 1 << 20
SUFFIX = ".wav"  # libsndfile tells formats by their beginning; the ending is that of a file that it may open

Body = Path | bytes  # a small one is held in memory
Guard = Callable[[Iterable[np.ndarray], int], Iterator[np.ndarray]]


class SoundBytes(BytesIO):
    """Sound in memory, in which libsndfile may look for a place before the beginning, as it does in a torn file."""

    def seek(self, offset: int, whence: int = 0) -> int:
        """Move to a place; stay where there is none, since soundfile would print what is raised."""
        with suppress(ValueError):
            super().seek(offset, whence)
        return self.tell()


@dataclass(frozen=True)
class BodyRecording:
    """Recording in a body.

    Attributes
    ----------
    name : str or None
        File name that the client gave.
    windows : callable
        Returns the windows; taking them raises what is wrong with the recording.
    """

    name: str | None
    windows: MakeWindows


@dataclass(frozen=True)
class BodyReader:
    """Reader of bodies for one model.

    Attributes
    ----------
    model : TrainedModel
    hop_s : float or None
    guard : callable
        Takes blocks of samples and their rate; yields them, unless the request is to be given up.
    folder : Path
        For what does not stay in memory; it is made for it.
    """

    model: TrainedModel
    hop_s: float | None
    guard: Guard
    folder: Path

    def recordings(self, body: Body, content_type: str) -> tuple[list[BodyRecording], int | None]:
        """Return the recordings of a body, and `top_k` if it states one.

        Raises `Refusal` if it is neither JSON nor a form though its type says so, or holds too many recordings, and
        `OSError` where there is no room.
        """
        kind, _ = parse_options_header(content_type)
        top_k: int | None = None
        recordings: Iterator[BodyRecording]
        if kind == b"multipart/form-data":
            parts = form_files(body, content_type, self.folder)
            recordings = chain.from_iterable(self._of_file(name, part) for name, part in parts)
        elif kind == b"application/json":
            recordings, top_k = self._of_json(body if isinstance(body, bytes) else body.read_bytes())
        else:
            recordings = self._of_file(None, body)
        first = list(islice(recordings, MOST_FILES + 1))
        if len(first) > MOST_FILES:  # lines of tables
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MOST_FILES} recordings in a body")
        return first, top_k

    def _of_file(self, name: str | None, body: Body) -> Iterator[BodyRecording]:
        if isinstance(self.model.recipe, SoundRecipe):
            yield BodyRecording(name, partial(self._sound, body))
            return
        length = len(body) if isinstance(body, bytes) else body.stat().st_size
        if (
            length > (MOST_FILES + 1) * (prod(self.model.recipe.shape) + 1) * LONGEST_NUMBER
        ):  # else blank lines for long
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected a table of at most {MOST_FILES} lines")
        if isinstance(body, bytes):
            body = written(self.folder, body)
        for _, windows in Inputs(self.model).recordings([(str(body), "")]):
            yield BodyRecording(name, windows)

    def _sound(self, body: Body) -> Iterator[Window]:
        with file_blocks(SoundBytes(body) if isinstance(body, bytes) else body) as (blocks, rate_hz):
            yield from self.model.reader.of_sound(self.guard(blocks, rate_hz), rate_hz, self.hop_s)

    def _samples(self, text: bytes, rate_hz: int) -> Iterator[Window]:
        blocks, rate_hz = sample_blocks(parse_samples(text), rate_hz)
        yield from self.model.reader.of_sound(self.guard(blocks, rate_hz), rate_hz, self.hop_s)

    def _of_json(self, data: bytes) -> tuple[Iterator[BodyRecording], int | None]:
        try:
            members = simdjson.Parser().parse(data)
        except (ValueError, RuntimeError) as error:  # the latter where it is nested too deeply
            raise Refusal(HTTPStatus.BAD_REQUEST, f"the body is no JSON: {_line(error)}") from None
        if isinstance(members, simdjson.Object) and "waveform" in members:
            return iter([BodyRecording(None, partial(self._samples, *self._waveform(members)))]), None
        if isinstance(members, simdjson.Object) and isinstance(text := members.get("inputs"), str):
            try:
                sound = base64.b64decode(text, validate=True)
            except (binascii.Error, ValueError):
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "inputs: expected a sound in base64") from None
            parameters = members.get("parameters")
            top_k = parameters.get("top_k") if isinstance(parameters, simdjson.Object) else None
            if top_k is not None and (type(top_k) is not int or top_k < 1):
                raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "parameters.top_k: expected a whole number above 0")
            return self._of_file(None, sound), top_k
        expected = 'expected {"waveform": [...], "fs": 44100} or {"inputs": "<base64 of a sound>"}'
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, expected)

    def _waveform(self, members: simdjson.Object) -> tuple[bytes, int]:
        """Return the text of the samples, and their rate."""
        waveform, rate_hz = members["waveform"], members.get("fs", self.model.description.corpus.sample_rate_hz)
        if not isinstance(waveform, simdjson.Array):
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "waveform: expected an array of numbers")
        if rate_hz is None:
            reason = "fs: expected the sample rate, which the model has no default for"
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, reason)
        if not isinstance(rate_hz, int | float) or not is_rate(rate_hz):
            raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "fs: expected a rate in whole Hz")
        return waveform.mini, int(rate_hz)  # type: ignore[return-value]  # bytes, whatever its types say


def form_files(body: Body, content_type: str, folder: Path) -> list[tuple[str, Body]]:
    """Return the files of a form by the names that the client gave, without folders; large ones lie in `folder`.

    Raises `Refusal` where the form is malformed, or has no file or too many, and `OSError` where there is no room.
    """
    files: list[tuple[str, Body]] = []

    def keep(file: File) -> None:
        if len(files) == MOST_FILES:
            raise Refusal(HTTPStatus.REQUEST_ENTITY_TOO_LARGE, f"expected at most {MOST_FILES} files in a form")
        file.file_object.seek(0)
        part: Body = file.file_object.read() if file.in_memory else written(folder, file.file_object)
        file.close()
        files.append((base_name(file.file_name), part))

    config = {"MAX_MEMORY_FILE_SIZE": CHUNK_BYTES, "UPLOAD_DIR": str(folder), "MAX_FIELDS": MOST_FILES}
    try:
        parser = create_form_parser({"Content-Type": content_type.encode()}, lambda field: None, keep, config=config)
        with BytesIO(body) if isinstance(body, bytes) else open(body, "rb") as file:
            while chunk := file.read(CHUNK_BYTES):
                parser.write(chunk)
        parser.finalize()
    except FileError:
        raise OSError("no file can be made") from None  # it is a ValueError as well
    except (FormParserError, ValueError) as error:
        raise Refusal(HTTPStatus.BAD_REQUEST, f"the body is no form: {_line(error)}") from None
    if not files:
        raise Refusal(HTTPStatus.UNPROCESSABLE_ENTITY, "expected a sound as the field `file` of the form")
    return files


def written(folder: Path, content: bytes | BinaryIO) -> Path:
    """Write a file into a folder, which is made if it is not there, and return it."""
    folder.mkdir(exist_ok=True)
    number, path = mkstemp(suffix=SUFFIX, dir=folder)
    with open(number, "wb") as file:
        shutil.copyfileobj(BytesIO(content) if isinstance(content, bytes) else content, file)
    return Path(path)


def base_name(name: bytes | str | None) -> str:
    """Return the last part of a file name, whatever system wrote it."""
    text = name.decode(errors="replace") if isinstance(name, bytes) else name or ""
    return PurePosixPath(text.replace("\\", "/")).name[:255]


def _line(error: Exception) -> str:
    return " ".join(str(error).split())[:200]
