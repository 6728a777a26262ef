"""Train in JAX, on batches that it takes without a copy.

    python examples/loops/jax_loop.py STORE

STORE is a folder below work/stores, as `otogura stores` lists them.
"""

import sys
from collections.abc import Iterator

import jax
import jax.numpy as jnp
import loop_parts
import numpy as np

import otogura

EPOCHS, BATCH_SIZE, LEARNING_RATE = 5, 16, 0.1


def arrays(batch: dict) -> list[jax.Array]:
    """Return features `(batch, rows, frames, channels)`, without a copy on a CPU, and labels."""
    features = jnp.from_dlpack(batch["features"].permute(0, 2, 3, 1))  # as they lie in memory
    return jax.device_put([features, batch["label"].numpy().astype(np.int32)], jax.devices()[0])


@jax.jit
def scores(weights: dict, features: jax.Array, label: jax.Array) -> tuple[jax.Array, jax.Array]:
    """Return mean loss and accuracy of a softmax regression on the mean over frames, multiplied in bfloat16."""
    means = features.mean(axis=2, dtype=jnp.float32).reshape(len(label), -1)
    factors = means.astype(jnp.bfloat16), weights["w"].astype(jnp.bfloat16)
    answers = jax.nn.log_softmax(jnp.matmul(*factors, preferred_element_type=jnp.float32) + weights["b"])
    return -jnp.take_along_axis(answers, label[:, None], 1).mean(), (answers.argmax(1) == label).mean()


@jax.jit
def step(weights: dict, features: jax.Array, label: jax.Array) -> dict:
    """Return the weights after one step of gradient descent."""
    gradients, _ = jax.grad(scores, has_aux=True)(weights, features, label)
    return jax.tree.map(lambda weight, gradient: weight - LEARNING_RATE * gradient, weights, gradients)


def train(store: otogura.Store) -> Iterator[tuple[int, float, float]]:
    """Yield the number of each epoch, and loss and accuracy of the held-out clips after it."""
    training, held_out = loop_parts.sides(store)
    batches = otogura.stream(
        store, training, batch_size=BATCH_SIZE, variants=store.variants, choice="one", shuffle=True
    )
    tests = otogura.stream(store, held_out, batch_size=BATCH_SIZE)
    _, channels, rows, _ = next(iter(tests))["features"].shape
    classes = len(store.rows["label"].unique().drop_null())
    weights = {"w": jnp.zeros((rows * channels, classes)), "b": jnp.zeros(classes)}
    for epoch in range(EPOCHS):
        batches.set_epoch(epoch)  # another order and other variants
        for batch in batches:
            weights = step(weights, *arrays(batch))
        table = np.array([(len(batch["label"]), *scores(weights, *arrays(batch))) for batch in tests])
        yield epoch, *np.average(table[:, 1:], axis=0, weights=table[:, 0])


if __name__ == "__main__":
    for epoch, loss, accuracy in train(otogura.open_store(sys.argv[1])):
        print(f"epoch {epoch}: held-out loss {loss:.3f}, accuracy {accuracy:.3f}")
