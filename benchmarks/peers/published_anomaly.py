"""A map-style data set that opens and parses the whole file for each sample, as the published detector's does.

https://docs.pytorch.org/docs/2.13/data.html: a map-style dataset.
"""

import json

import numpy as np
from torch.utils.data import Dataset


class Waveforms(Dataset):
    def __init__(self, path):
        self.path = path

    def __getitem__(self, number):
        with open(self.path, "rb") as file:
            content = json.load(file)
        return np.array(content["waveforms"][number], np.float32), content["labels"][number]


def prepare(path):
    return Waveforms(path)
