"""A crowd of clients at the service, with a network of the demo's size: answers, their times, and memory.

python -m benchmarks.crowd [SECONDS [CLIENTS]]     60 s and 200 clients by default
"""

import sys
import time
from collections import Counter
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from statistics import quantiles

from benchmarks.clients import form, health_beside, request
from benchmarks.models import SMALL, SMALL_RECIPE, write_model
from benchmarks.scratch import scratch
from benchmarks.serve import OURS, REQUESTS, running, sound

MIB = 1 << 20
SAMPLES = 6  # of the memory


def main(words: list[str]) -> None:
    duration_s, clients = (float(word) for word in [*words, "60", "200"][:2])
    statuses: Counter[int] = Counter()
    answers_s: list[float] = []
    memory_mib: list[float] = []
    with scratch() as folder:
        write_model(folder / "model", SMALL, SMALL_RECIPE)
        bodies = [form(sound(number)) for number in range(REQUESTS)]
        with running(OURS, folder / "model") as (port, process):

            def ask(number: int) -> None:
                until_s = time.monotonic() + duration_s
                while (started_s := time.monotonic()) < until_s:
                    status, retry_after_s = request(port, "POST", "/predict", bodies[number % REQUESTS])
                    statuses[status] += 1
                    if status == 200:
                        answers_s.append(time.monotonic() - started_s)
                    else:
                        time.sleep(retry_after_s)

            def crowd() -> None:
                with ThreadPoolExecutor(int(clients)) as threads:
                    asking = [threads.submit(ask, number) for number in range(int(clients))]
                    for _ in range(SAMPLES):
                        time.sleep(duration_s / SAMPLES)
                        memory_mib.append(resident_mib(process))
                    for one in asking:
                        one.result()

            health_s = health_beside(port, crowd)
    print(
        f"{clients:.0f} clients for {duration_s:.0f} s: {dict(statuses)}, {len(answers_s) / duration_s:.0f} answers/s"
    )
    for name, seconds in (("/predict", answers_s), ("/health", health_s)):
        ranks = quantiles(seconds, n=100)
        print(f"{name}: p50 {1000 * ranks[49]:.0f} ms, p99 {1000 * ranks[98]:.0f} ms")
    print(f"memory of both processes: {', '.join(f'{value:.0f}' for value in memory_mib)} MiB")


def resident_mib(process: int) -> float:
    """Return the resident memory of a process and those that it has started."""
    children = Path(f"/proc/{process}/task/{process}/children").read_text().split()
    status = Path(f"/proc/{process}/status").read_text()
    own_kib = int(status.partition("VmRSS:")[2].split()[0])
    return own_kib * 1024 / MIB + sum(resident_mib(int(child)) for child in children)


if __name__ == "__main__":
    main(sys.argv[1:])
