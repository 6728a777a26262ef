"""Audio files that FFmpeg encodes, by the package av."""

from pathlib import Path

import av
import numpy as np
from av.audio.resampler import AudioResampler

# Codec and further options by the ending of a file.
CODECS = {".m4a": "aac", ".aac": "aac", ".webm": "libopus", ".opus": "libopus", ".wma": "wmav2"}


def encode(path: Path, samples: np.ndarray, rate_hz: int, codec: str = "", **options: str) -> Path:
    """Write `(samples,)` or `(samples, channels)` float32 by the codec of the ending or another one; return the path.

    `options` are those of the container.
    """
    channels = np.atleast_2d(samples.T)
    layout = {1: "mono", 2: "stereo"}[len(channels)]
    with av.open(str(path), "w", container_options=options) as file:
        stream = file.add_stream(codec or CODECS[path.suffix], rate=rate_hz, layout=layout)
        if stream.codec_context.name == "wmav2":
            stream.bit_rate = 64000 * len(channels)
        context = stream.codec_context
        context.open()
        resampler = AudioResampler(context.format, layout, rate_hz, frame_size=context.frame_size or 1024)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(channels, np.float32), "fltp", layout)
        frame.sample_rate, frame.pts = rate_hz, 0
        for piece in [*resampler.resample(frame), *resampler.resample(None), None]:
            file.mux(stream.encode(piece))
    return path
