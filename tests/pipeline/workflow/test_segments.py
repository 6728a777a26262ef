"""Commands as a user types them, on segments of long recordings and on a file of a phone."""

from pathlib import Path

import numpy as np
import pytest
import soundfile
from corpora import RATE_HZ, tone
from encoded import encode
from users_folder import Folder


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    """A folder with three recordings of ten seconds, and a table of six segments of each."""
    folder = Folder(tmp_path)
    (tmp_path / "corpus").mkdir()
    for number in range(3):
        sound = np.concatenate([tone(200 + 50 * number + 20 * second, 1.0, second) for second in range(10)])
        soundfile.write(tmp_path / "corpus" / f"{number}.flac", sound, RATE_HZ)
    columns = {"start_s": "begin", "end_s": "end"}
    folder.config["experiments"]["genre"]["corpus"] = {"root": "corpus", "table": "calls.csv", **columns}
    folder.config["recipes"]["short"]["variants"] = dict.fromkeys(("noise", "shift", "stretch", "pitch", "rolloff"))
    write_table(tmp_path, "ab")
    return folder


def write_table(path: Path, labels: str) -> None:
    rows = [f"{file}.flac,{start},{start + 1.5},{labels[start % 2]}" for file in range(3) for start in range(0, 9, 2)]
    rows += [f"{file}.flac,7.25,,{labels[1]}" for file in range(3)]
    (path / "calls.csv").write_text("\n".join(["path,begin,end,label", *rows]))


def test_a_table_of_segments_is_built_and_trained_and_what_changed_is_said(folder: Folder) -> None:
    output = folder.run("train_genre")
    assert folder.computed(output) == [18]
    assert "18 recordings, 0 quarantined, 9 overlap" in output
    (split,) = folder.path.glob("work/splits/*.csv")
    sides = {line.split(",")[1]: line.split(",")[3] for line in split.read_text().splitlines()[1:]}
    assert sorted(sides.values()) == ["test", "train", "validation"]  # each recording on one of them
    write_table(folder.path, "cd")
    output = folder.run("features")
    assert ": since the last index: 18 relabelled\n" in output
    assert output.index("since the last index") < output.index("tensors computed")
    assert folder.computed(output) == [0]


def test_the_extra_is_named_and_once_it_is_there_the_file_is_looked_at_again(tmp_path: Path) -> None:
    (tmp_path / "corpus" / "a").mkdir(parents=True)
    soundfile.write(tmp_path / "corpus" / "a" / "x.wav", tone(300, 1.0), RATE_HZ)
    encode(tmp_path / "corpus" / "a" / "phone.m4a", tone(400, 1.0), RATE_HZ)
    without, with_extra = Folder(tmp_path), Folder(tmp_path, extras=("av",))
    assert without.computed(without.run("features")) == [6]
    (quarantine,) = tmp_path.glob("work/index/*/quarantine.csv")
    assert "pip install 'otogura[codecs]'" in quarantine.read_text()
    assert with_extra.computed(with_extra.run("features")) == [6]
    assert "phone" not in quarantine.read_text()
