"""A step that `export_step.py` wrote, beside PyTorch's on the same sentences; needs only JAX, PyTorch and numpy.

    python gpu_step.py STEP [--rounds 7] [--only jax]

Both take all steps of the files, a round of one and a round of the other, again and again, on a GPU where they see one.
PyTorch pads each batch to its longest sentence, as `Trainer` does, and computes with `scaled_dot_product_attention`,
autocast and the fused AdamW. Prints losses without dropout and how far they are apart, the median of a step's time, the
ratio round by round, and the memory of each.
"""

import argparse
import json
import os
import statistics
import time
from pathlib import Path
from typing import Any

import numpy as np

# Both share a GPU, and what each holds is asked.
os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")

IGNORED = -100


class OnJax:
    """The exported step.

    Args:
        folder: Where it lies.
        name: Of its file.
    """

    def __init__(self, folder: Path, name: str):
        import jax
        from jax import export

        platform = jax.devices()[0].platform
        exported = export.deserialize(bytearray((folder / f"{name}-{platform}").read_bytes()))
        self._jax = jax
        self._step = jax.jit(exported.call, donate_argnums=(0, 1, 2))
        self._packed = _batches(folder / "packed.npz")
        weights = dict(np.load(folder / "weights.npz"))
        (trained, *_), _ = exported.in_tree.unflatten(exported.in_avals)
        self._weights = {key: weights[key] for key in trained}
        self._others = {key: value for key, value in weights.items() if key not in trained}

    def round(self) -> tuple[list[float], float]:
        """Takes all steps, from the same weights; their losses, and the seconds of a step."""
        zeros = {name: np.zeros_like(values) for name, values in self._weights.items()}
        state = self._jax.device_put((self._weights, zeros, dict(zeros)))
        others, batches = self._jax.device_put((self._others, self._packed))
        self._jax.block_until_ready((state, others, batches))
        begin = time.perf_counter()
        losses = []
        for number, batch in enumerate(batches):
            labels = batch["labels"]
            inputs = {name: values for name, values in batch.items() if name != "labels"}
            *state, loss = self._step(*state, others, np.int32(number), inputs, labels)
            losses.append(loss)
        losses = [float(loss) for loss in losses]
        return losses, (time.perf_counter() - begin) / len(losses)

    def peak_mb(self) -> float:
        """The most memory that was in use on the device; 0 where that is not told."""
        stats = self._jax.devices()[0].memory_stats() or {}
        return float(stats.get("peak_bytes_in_use", 0)) / 1e6


class OnPyTorch:
    """The same training in PyTorch.

    Args:
        folder: Where weights and batches lie.
        drops: Whether dropout drops.
    """

    def __init__(self, folder: Path, *, drops: bool):
        import torch

        # As JAX does, where a GPU has units for it.
        torch.set_float32_matmul_precision("high")
        self._torch = torch
        self._device = "cuda" if torch.cuda.is_available() else "cpu"
        self._settings = json.loads((folder / "settings.json").read_text(encoding="utf-8"))
        self._weights = dict(np.load(folder / "weights.npz"))
        self._padded = [
            {name: torch.from_numpy(values).to(self._device) for name, values in batch.items()}
            for batch in _batches(folder / "padded.npz")
        ]
        self._drops = drops

    def round(self) -> tuple[list[float], float]:
        """As for `OnJax`."""
        torch, settings = self._torch, self._settings
        torch.manual_seed(0)
        model = _bert(self._weights, settings).to(self._device).train(self._drops)
        decayed = [each for each in model.parameters() if each.ndim > 1]
        others = [each for each in model.parameters() if each.ndim == 1]
        optimizer = torch.optim.AdamW(
            [{"params": decayed, "weight_decay": settings["weight_decay"]}, {"params": others, "weight_decay": 0.0}],
            lr=settings["learning_rate"],
            eps=1e-8,
            fused=True,
        )
        num_steps = settings["num_steps"]
        rate = torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: max(0.0, 1 - step / num_steps))
        in_half = torch.autocast(self._device, torch.bfloat16, enabled=settings["precision"] == "bfloat16")
        self._wait()
        begin = time.perf_counter()
        losses = []
        for batch in self._padded:
            with in_half:
                logits = model(batch["input_ids"], batch["attention_mask"])
                loss = torch.nn.functional.cross_entropy(
                    logits.flatten(0, 1).float(), batch["labels"].flatten(), ignore_index=IGNORED
                )
            loss.backward()
            torch.nn.utils.clip_grad_norm_(model.parameters(), settings["max_grad_norm"])
            optimizer.step()
            rate.step()
            optimizer.zero_grad()
            losses.append(loss.detach())
        numbers = [float(loss) for loss in losses]
        return numbers, (time.perf_counter() - begin) / len(numbers)

    def peak_mb(self) -> float:
        """As for `OnJax`."""
        return self._torch.cuda.max_memory_allocated() / 1e6 if self._device == "cuda" else 0.0

    def _wait(self) -> None:
        if self._device == "cuda":
            self._torch.cuda.synchronize()


def _batches(path: Path) -> list[dict[str, Any]]:
    """The arrays of each batch, by name."""
    batches: dict[int, dict[str, Any]] = {}
    with np.load(path) as found:
        for key in found.files:
            number, _, name = key.partition("/")
            batches.setdefault(int(number), {})[name] = found[key]
    return [batches[number] for number in sorted(batches)]


def _bert(weights: dict[str, Any], settings: dict[str, Any]) -> Any:
    """BERT with a head for words, with weights by their names in TensorFlow."""
    import torch
    from torch import nn
    from torch.nn import functional

    hidden, epsilon = settings["hidden_size"], settings["layer_norm_eps"]
    num_heads = settings["num_attention_heads"]
    rate, rate_of_attention = settings["hidden_dropout_prob"], settings["attention_probs_dropout_prob"]
    if settings["hidden_act"] != "gelu":
        raise ValueError(f"Received an encoder with {settings['hidden_act']}; expected gelu.")

    def tensor(name: str) -> Any:
        return torch.from_numpy(weights[name].copy())

    def dense(name: str) -> Any:
        kernel = tensor(f"{name}/kernel")
        made = nn.Linear(*kernel.shape)
        made.weight.data, made.bias.data = kernel.T.contiguous(), tensor(f"{name}/bias")
        return made

    def norm(name: str) -> Any:
        made = nn.LayerNorm(hidden, eps=epsilon)
        made.weight.data, made.bias.data = tensor(f"{name}/gamma"), tensor(f"{name}/beta")
        return made

    class Layer(nn.Module):
        def __init__(self, name: str):
            super().__init__()
            self.query = dense(f"{name}/attention/self/query")
            self.key = dense(f"{name}/attention/self/key")
            self.value = dense(f"{name}/attention/self/value")
            self.attended = dense(f"{name}/attention/output/dense")
            self.attention_norm = norm(f"{name}/attention/output/LayerNorm")
            self.inner = dense(f"{name}/intermediate/dense")
            self.outer = dense(f"{name}/output/dense")
            self.outer_norm = norm(f"{name}/output/LayerNorm")
            self.drop = nn.Dropout(rate)

        def forward(self, states: Any, mask: Any) -> Any:
            rows, length, _ = states.shape

            def by_head(part: Any) -> Any:
                return part(states).view(rows, length, num_heads, -1).transpose(1, 2)

            attended = functional.scaled_dot_product_attention(
                by_head(self.query),
                by_head(self.key),
                by_head(self.value),
                attn_mask=mask,
                dropout_p=rate_of_attention if self.training else 0.0,
            )
            attended = self.attended(attended.transpose(1, 2).reshape(rows, length, hidden))
            states = self.attention_norm(states + self.drop(attended))
            return self.outer_norm(states + self.drop(self.outer(functional.gelu(self.inner(states)))))

    class Bert(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            embeddings = "bert/embeddings"
            self.words = nn.Parameter(tensor(f"{embeddings}/word_embeddings/weight"))
            self.positions = nn.Parameter(tensor(f"{embeddings}/position_embeddings/embeddings"))
            self.types = nn.Parameter(tensor(f"{embeddings}/token_type_embeddings/embeddings"))
            self.norm = norm(f"{embeddings}/LayerNorm")
            numbers = range(settings["num_hidden_layers"])
            self.layers = nn.ModuleList([Layer(f"bert/encoder/layer_._{number}") for number in numbers])
            self.drop = nn.Dropout(rate)
            self.head = dense("classifier")

        def forward(self, ids: Any, mask: Any) -> Any:
            states = functional.embedding(ids, self.words) + self.positions[: ids.shape[1]] + self.types[0]
            states = self.drop(self.norm(states))
            for layer in self.layers:
                states = layer(states, mask[:, None, None, :])
            return self.head(self.drop(states))

    return Bert()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("step", type=Path, help="folder that export_step.py wrote")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--only", choices=["jax", "pytorch"], help="leave out the other, where it is not installed")
    options = parser.parse_args()
    makers = {
        "jax": lambda drops: OnJax(options.step, "step" if drops else "step-without-dropout"),
        "pytorch": lambda drops: OnPyTorch(options.step, drops=drops),
    }
    names = [options.only] if options.only else list(makers)
    losses = {name: makers[name](False).round()[0] for name in names}
    contestants = {name: makers[name](True) for name in names}
    for contestant in contestants.values():
        contestant.round()
    seconds: dict[str, list[float]] = {name: [] for name in names}
    for _ in range(options.rounds):
        for name, contestant in contestants.items():
            seconds[name].append(contestant.round()[1])
    found: dict[str, Any] = {
        "losses_without_dropout": losses,
        "milliseconds_a_step": {name: 1000 * statistics.median(rounds) for name, rounds in seconds.items()},
        "peak_mb": {name: contestant.peak_mb() for name, contestant in contestants.items()},
    }
    if options.only is None:
        apart = np.abs(np.subtract(losses["jax"], losses["pytorch"]))
        ratios = sorted(np.divide(seconds["pytorch"], seconds["jax"]).tolist())
        found["losses_apart"] = {"first": float(apart[0]), "largest": float(apart.max())}
        found["times_as_fast"] = {"median": statistics.median(ratios), "least": ratios[0], "most": ratios[-1]}
    print(json.dumps(found))


if __name__ == "__main__":
    main()
