"""A Kaldi folder: `wav.scp` with an id and a file on each line, `utt2label` with labels, and perhaps `utt2spk`.

In a configuration:

    experiments:
      mine:
        corpus: {class: examples/own/wav_scp.py:KaldiFolder, root: data/train}
"""

from collections.abc import Iterator
from pathlib import Path


class KaldiFolder:
    """Recordings of a Kaldi folder, whose files lie below it.

    Parameters
    ----------
    root : str
        The folder.
    labels : str
        Name of the file with an id and a label on each line.
    """

    def __init__(self, root: str, labels: str = "utt2label") -> None:
        self.root = Path(root)
        self.labels = labels

    def recordings(self) -> Iterator[dict[str, str | None]]:
        """Yield each recording; those of one speaker stay on one side."""
        labels, speakers = self._table(self.labels), self._table("utt2spk")
        for name, path in self._table("wav.scp").items():
            if path.endswith("|"):
                raise ValueError(f"{self.root}/wav.scp: {name}: expected a file, got a command")
            yield {"path": path, "label": labels.get(name), "group": speakers.get(name)}

    def _table(self, name: str) -> dict[str, str]:
        path = self.root / name
        lines = path.read_text(encoding="utf-8").splitlines() if path.is_file() else []
        return dict(line.split(maxsplit=1) for line in lines if line.strip())
