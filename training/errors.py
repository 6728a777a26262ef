class TrainingError(Exception):
    """Training that cannot go on: the message says why and what to change."""


class OutOfTime(TrainingError):
    """Training whose `max_time` has come; the same command goes on."""


class RankError(TrainingError):
    """Training of several ranks of which one has ended."""


class NotFinite(TrainingError):
    """Training loss that is not finite from a batch of an epoch on; both count from 0."""

    def __init__(self, epoch: int, batch: int) -> None:
        super().__init__(f"the training loss is not finite in epoch {epoch + 1} from batch {batch + 1} on")
        self.epoch, self.batch = epoch, batch


class ArtefactError(TrainingError):
    """Trained model whose files cannot be used: the message says where, what was expected and found, and what to do."""
