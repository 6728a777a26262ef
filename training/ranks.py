"""Processes that train one network together, each on its part of every batch."""

import os
from collections.abc import Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import timedelta
from hashlib import blake2b
from typing import TypeVar

import torch
import torch.distributed as dist
from torch import Tensor, nn

from training.errors import RankError
from training.rank_link import RankLink

# While the first rank tests and reports one fold, the others wait for the next. Ranks that ended are noticed at once.
TIMEOUT = timedelta(hours=6)

Value = TypeVar("Value")


class Ranks:
    """Group of processes that train together, seen from one of them; by default that one alone.

    Parameters
    ----------
    rank, size : int
        Number of this process, from 0 on, and of all of them.
    host_group : ProcessGroup, optional
        Group whose messages lie in the memory of the host, which a GPU is not waited for.
    link : RankLink, optional
        Connection to the process that started this one.
    """

    def __init__(
        self,
        rank: int = 0,
        size: int = 1,
        host_group: "dist.ProcessGroup | None" = None,
        link: RankLink | None = None,
    ) -> None:
        self.rank, self.size = rank, size
        self._host_group, self._link = host_group, link

    @property
    def first(self) -> bool:
        """Return True for the one rank that writes files."""
        return self.rank == 0

    def parallel(self, network: nn.Module) -> nn.Module:
        """Return the network as it is called in training: the mean of all ranks' gradients is each rank's gradient."""
        if self.size == 1:
            return network
        parallel = nn.parallel.DistributedDataParallel(network)
        parallel.broadcast_buffers = False  # `share_buffers` takes their mean; as an argument it has two names
        return parallel

    def adding_up(self, network: nn.Module, *, last: bool) -> AbstractContextManager[None]:
        """Return a context for one of several batches of a step: gradients are exchanged with the `last` one."""
        if last or not isinstance(network, nn.parallel.DistributedDataParallel):
            return nullcontext()
        return network.no_sync()

    def totals(self, *values: Tensor) -> Sequence[Tensor]:
        """Return the sum of each scalar over all ranks, in its own type."""
        if self.size == 1:
            return values
        sums = torch.stack([value.double() for value in values])
        dist.all_reduce(sums)
        return [total.to(value.dtype) for total, value in zip(sums, values, strict=True)]

    def share_buffers(self, network: nn.Module) -> None:
        """Give all ranks the mean of what each has counted in its network, such as the statistics of a batch norm."""
        if self.size == 1:
            return
        kept = network.state_dict(keep_vars=True)
        buffers = [buffer for name, buffer in network.named_buffers() if name in kept and buffer.is_floating_point()]
        if not buffers:
            return
        values = torch.cat([buffer.detach().reshape(-1).double() for buffer in buffers])  # a mean of equals is exact
        dist.all_reduce(values)
        parts = torch.split(values / self.size, [buffer.numel() for buffer in buffers])
        for buffer, part in zip(buffers, parts, strict=True):
            buffer.copy_(part.view(buffer.shape))

    def following(self, items: Tensor) -> Tensor:
        """Return for each item of a batch the next one in the batch of all ranks, whose last is followed by its first.

        Parameters
        ----------
        items : Tensor, shape (batch, …)
            Part of this rank.
        """
        if self.size == 1:
            return items.roll(-1, dims=0)
        own = items[:1].contiguous()
        firsts = [torch.empty_like(own) for _ in range(self.size)]
        dist.all_gather(firsts, own)
        return torch.cat([items[1:], firsts[(self.rank + 1) % self.size]])

    def draw_apart(self, *numbers: int) -> None:
        """Seed torch's generators by `numbers` and the rank, so that no two ranks draw the same; one alone draws on."""
        if self.size > 1:
            text = " ".join(map(str, (*numbers, self.rank)))
            torch.manual_seed(int.from_bytes(blake2b(text.encode(), digest_size=7).digest(), "little"))

    def largest(self, *numbers: int) -> tuple[int, ...]:
        """Return the largest of each number over all ranks, so that they decide alike."""
        if self.size == 1:
            return numbers
        values = torch.tensor(numbers)
        dist.all_reduce(values, dist.ReduceOp.MAX, group=self._host_group)
        return tuple(values.tolist())

    def from_first(self, value: Value) -> Value:
        """Return the value that the first rank has."""
        if self.size == 1:
            return value
        values = [value]
        dist.broadcast_object_list(values, src=0, group=self._host_group, device=torch.device("cpu"))
        return values[0]

    def gathered(self, value: Value) -> list[Value]:
        """Return the values of all ranks to the first one, and its own to any other."""
        if self.size == 1:
            return [value]
        values: list[Value] | None = [value] * self.size if self.first else None
        dist.gather_object(value, values, dst=0, group=self._host_group)
        return [value] if values is None else values

    def wait(self) -> None:
        """Wait until all ranks have come here."""
        self.largest(0)

    @contextmanager
    def watched(self) -> Iterator[None]:
        """Context in which the end of another rank raises `RankError`, in place of the failure of a message to it."""
        try:
            yield
        except RuntimeError:  # torch has no narrower one for it
            if self._link is not None and (reason := self._link.reason()) is not None:
                raise RankError(reason) from None
            raise


ALONE = Ranks()


@contextmanager
def joined(device: str, link: RankLink | None = None) -> Iterator[Ranks]:
    """Context of the ranks that the environment describes, as `torchrun` sets it: `RANK`, `WORLD_SIZE` and so on.

    To be entered before torch looks for GPUs: each rank of a machine sees one of them from here on.

    Parameters
    ----------
    device : str
        As in the settings of training.
    link : RankLink, optional
    """
    rank, size = int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"])
    cards = _take_card(int(os.environ["LOCAL_RANK"])) if device != "cpu" else 0
    own_card = cards >= int(os.environ["LOCAL_WORLD_SIZE"])  # NCCL refuses two ranks on one
    dist.init_process_group("nccl" if own_card else "gloo", rank=rank, world_size=size, timeout=TIMEOUT)
    group = dist.new_group(backend="gloo", timeout=TIMEOUT) if own_card else None
    yield Ranks(rank, size, group, link)
    dist.destroy_process_group()


def _take_card(local_rank: int) -> int:
    """Show this process one GPU alone, so that no thread of it takes memory of another; return how many there are."""
    cards = torch.cuda.device_count()  # asks the driver's library alone
    if cards:
        visible = os.environ.get("CUDA_VISIBLE_DEVICES")
        names = [str(card) for card in range(cards)] if visible is None else visible.split(",")
        os.environ["CUDA_VISIBLE_DEVICES"] = names[local_rank % cards]
    return cards
