"""JAX's runtime in place of TensorFlow's: TPUs, GPUs and CPUs that JAX sees take the same step.

Loss, gradients, AdamW and scores are TensorFlow's functions, lowered to StableHLO once for any device. JAX places the
weights, adds up what the devices have, and runs the program. While it trains, weights and moments lie on its devices;
who asks for them finds them in the variables of model and optimizer.
"""

import functools
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager, suppress
from typing import Any

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tf_ner.errors import ConfigError
from tf_ner.learning.adamw import Learnt
from tf_ner.learning.gradients import Inputs, in_pieces, of_whole_batch, packed_piece
from tf_ner.learning.losses import MeanLoss, make_loss
from tf_ner.learning.optimizer import AdamW
from tf_ner.models.dropout import Generator, drawing_from, next_seed, seed_of_step
from tf_ner.models.packed import PackedModel, weights_by_name
from tf_ner.tasks.outputs import read_out
from tf_ner.tasks.task import Task

_REPLICA = "replica"
"""The name of the axis that the replicas lie on."""

Array = Any
"""An array of JAX, or what stands for one while a program is traced."""

Program = Any
"""A function that JAX has compiled or will compile."""


class JaxStrategy:
    """Devices of JAX, by the names that a `tf.distribute.Strategy` has.

    Args:
        devices: Of one host, or those of a topology that a program is only compiled for.
        platform: What its programs are for, if for other devices than these.

    Attributes:
        devices: The same.
        platform: What its programs are for, such as `tpu`.
        mesh: The devices in a row, one a replica.
        num_replicas_in_sync: How many there are.
    """

    def __init__(self, devices: Sequence[Any], *, platform: str | None = None):
        import jax

        self.devices = list(devices)
        self.platform: str = platform or self.devices[0].platform
        self.mesh = jax.sharding.Mesh(np.array(self.devices), (_REPLICA,))
        self.num_replicas_in_sync = len(self.devices)

    def scope(self) -> AbstractContextManager[Any]:
        """Where models are made, on TensorFlow's device."""
        return tf.distribute.get_strategy().scope()

    def distribute_datasets_from_function(
        self, make_dataset: Callable[[tf.distribute.InputContext], tf.data.Dataset]
    ) -> tf.data.Dataset:
        """Batches of all replicas, whose axis comes first; whole numbers have 32 bits."""
        context = tf.distribute.InputContext(num_replicas_in_sync=self.num_replicas_in_sync)
        dataset = make_dataset(context).batch(self.num_replicas_in_sync, drop_remainder=True)
        return dataset.map(lambda *batch: tf.nest.map_structure(_in_32_bits, batch)).prefetch(tf.data.AUTOTUNE)

    def experimental_local_results(self, values: Array) -> tuple[Any, ...]:
        """What each replica has."""
        return tuple(np.asarray(values))

    def place(self, values: Any, *, is_shared_out: bool = False) -> Any:
        """Brings arrays to the devices: the same to each, or to each its part of the first axis."""
        import jax

        return jax.device_put(values, self._sharding(is_shared_out))

    def spec(self, shape: Sequence[int | None], dtype: tf.DType, *, is_shared_out: bool = False) -> Any:
        """What stands for such an array where a program is only compiled."""
        import jax

        return jax.ShapeDtypeStruct(tuple(shape), dtype.as_numpy_dtype, sharding=self._sharding(is_shared_out))

    def specs(self, variables: Mapping[str, tf.Variable]) -> dict[str, Any]:
        """The same for variables, of which each device has its own."""
        return {name: self.spec(variable.shape, variable.dtype) for name, variable in variables.items()}

    def on_each(
        self,
        program: Callable[..., Any],
        *,
        shared_out: Sequence[bool],
        results_differ: bool,
        reuses_first: bool = False,
    ) -> Program:
        """Compiles what every replica does, once for each shape.

        Args:
            program: Of arrays and trees of them.
            shared_out: For each argument, whether a replica has its own part of it.
            results_differ: Whether a replica has a part of the results, and not the same as all others.
            reuses_first: Whether the memory of the first argument may be used for the results.
        """
        import jax

        parts = {True: jax.sharding.PartitionSpec(_REPLICA), False: jax.sharding.PartitionSpec()}
        of_replicas = jax.shard_map(
            program,
            mesh=self.mesh,
            in_specs=tuple(parts[is_shared_out] for is_shared_out in shared_out),
            out_specs=parts[results_differ],
            # What is lowered tells JAX nothing of what is the same on all replicas.
            check_vma=False,
        )
        return jax.jit(of_replicas, donate_argnums=0 if reuses_first else ())

    def _sharding(self, is_shared_out: bool) -> Any:
        import jax

        parts = (_REPLICA,) if is_shared_out else ()
        return jax.sharding.NamedSharding(self.mesh, jax.sharding.PartitionSpec(*parts))


@functools.cache
def jax_strategy(platform: str | None, num_cpu_devices: int | None = None) -> JaxStrategy:
    """All devices that JAX sees.

    Args:
        platform: What they must be, such as `tpu`; JAX's choice if not given.
        num_cpu_devices: How many devices to divide the CPU into, to try out several.

    Raises:
        ImportError: JAX is not installed.
        RuntimeError: It does not see such devices.
        ConfigError: The devices cannot be used.
    """
    import jax

    if num_cpu_devices is not None:
        platform = "cpu"
        _divide_cpu_of_jax(num_cpu_devices)
    devices: list[Any] = jax.devices(platform)
    if jax.process_count() > 1:
        raise ConfigError(
            "Received a TPU with several hosts; expected one host. Choose a smaller TPU, or --runtime tensorflow."
        )
    if num_cpu_devices is not None and len(devices) < num_cpu_devices:
        raise ConfigError(
            f"Received --logical-devices {num_cpu_devices} in a process where JAX has {len(devices)}; expected it "
            "before JAX is first used. Start a new process."
        )
    return JaxStrategy(devices[:num_cpu_devices])


def _divide_cpu_of_jax(num_devices: int) -> None:
    import jax

    # Refused where JAX is used already, perhaps with as many.
    with suppress(RuntimeError):
        if getattr(jax.config, "jax_num_cpu_devices") < num_devices:  # noqa: B009 it says nothing of its attributes
            jax.config.update("jax_num_cpu_devices", num_devices)


def _in_32_bits(values: tf.Tensor) -> tf.Tensor:
    return tf.cast(values, tf.int32) if values.dtype == tf.int64 else values


def _lowered(function: Callable[..., Any]) -> Callable[..., Any]:
    """A function of TensorFlow as one of JAX, to be called while a program is traced.

    TensorFlow lowers it for the CPU, for which alone it has all its kernels; what comes of it names no device.
    """
    import jax
    from jax import export
    from jax.experimental import jax2tf

    def call(*arguments: Any) -> Any:
        specs = jax.tree.map(lambda array: jax.ShapeDtypeStruct(array.shape, array.dtype), arguments)
        exported = export.export(
            jax.jit(jax2tf.call_tf(function, has_side_effects=False)),
            platforms=("cpu",),
            disabled_checks=[export.DisabledSafetyCheck.platform()],
        )(*specs)
        return exported.call(*arguments)

    return call


class JaxTraining:
    """The step of a training on JAX's devices: what `make_train_step` makes, but compiled, and over all replicas.

    Args:
        strategy: The devices.
        model: The model.
        loss: The loss, as a sum and what it is divided by.
        optimizer: Its numbers; the moments are brought back to its variables.
        variables: The variables to train.
        max_grad_norm: The largest global norm of the gradients; larger ones are scaled down.
        seed: Together with the number of the step, determines dropout.
        is_in_pieces: Whether a replica's batch is made of pieces [pieces, …] of which one is computed at a time.
        most_at_once: How many steps a call may take.

    Attributes:
        trained: The variables to train, by name.
        program: What JAX compiles, once for each shape: of what is learnt, of the other weights, of the number of the
            first step and of how many there are, and of their inputs and labels [replicas, steps, …]; it gives what is
            learnt then, and the losses.
        num_programs: How many were traced.
    """

    def __init__(
        self,
        strategy: JaxStrategy,
        model: PackedModel,
        *,
        loss: MeanLoss,
        optimizer: AdamW,
        variables: Sequence[tf.Variable],
        max_grad_norm: float,
        seed: int,
        is_in_pieces: bool,
        most_at_once: int = 1,
    ):
        optimizer.build(variables)
        optimizer.elsewhere = self
        self.num_programs = 0
        self._strategy = strategy
        self._model = model
        self._loss = loss
        self._optimizer = optimizer
        self._max_grad_norm = max_grad_norm
        self._seed = seed
        self._is_in_pieces = is_in_pieces
        self._most_at_once = most_at_once
        trained = {id(variable) for variable in variables}
        self._variables = weights_by_name(model.unpacked)
        self.trained = {name: variable for name, variable in self._variables.items() if id(variable) in trained}
        self.program = strategy.on_each(
            self._steps, shared_out=(False, False, False, False, True, True), results_differ=False, reuses_first=True
        )
        self._learnt: dict[str, Learnt] | None = None
        self._others: dict[str, Array] = {}
        self._is_settled = True
        self._is_shown = False

    def __call__(self, inputs: Inputs, labels: tf.Tensor) -> np.float32:
        """Takes a step with a batch [replicas, …] and gives its loss."""
        return np.float32(self.take(iter([(inputs, labels)]), 1)[0])

    def take(self, batches: Iterator[tuple[Inputs, tf.Tensor]], num_steps: int) -> NDArray[np.float32]:
        """Takes so many steps, with the next batches [replicas, …], and gives their losses."""
        if self._learnt is None:
            self._take_variables()
        steps = self._optimizer.iterations
        taken = [next(batches) for _ in range(num_steps)]
        # One shape, and so one program, for any number.
        filled = [*taken, *taken[-1:] * (self._most_at_once - num_steps)]
        stacked = tf.nest.map_structure(lambda *parts: np.stack([np.asarray(part) for part in parts], axis=1), *filled)
        inputs, labels = self._strategy.place(stacked, is_shared_out=True)
        numbers = np.int32(steps.numpy()), np.int32(num_steps)
        self._learnt, losses = self.program(self._learnt, self._others, *numbers, inputs, labels)
        steps.assign_add(num_steps - 1)
        # As Keras does before each step, for who asks what the rate is.
        self._optimizer._compute_current_learning_rate()
        steps.assign_add(1)
        self._is_settled = False
        return np.asarray(losses)[:num_steps]

    def compiled(self, batch: tuple[Mapping[str, Any], Any]) -> Any:
        """The program for batches of such shapes, without running it, on whatever the strategy's devices are."""
        import jax

        def stacked(of_batch: Any) -> Any:
            replicas, *of_replica = of_batch.shape
            return of_batch.update(shape=(replicas, self._most_at_once, *of_replica))

        specs = self._strategy.specs(self._variables)
        learnt = {name: Learnt(*[specs[name]] * 3) for name in self.trained}
        others = {name: spec for name, spec in specs.items() if name not in self.trained}
        number = self._strategy.spec([], tf.int32)
        return self.program.lower(learnt, others, number, number, *jax.tree.map(stacked, batch)).compile()

    def settle(self) -> None:
        """Brings weights and moments to the variables of model and optimizer, and leaves the devices to others."""
        self._bring()
        self._learnt, self._others = None, {}

    def _bring(self) -> None:
        if self._is_settled or self._learnt is None:
            return
        for name, learnt in self._learnt.items():
            for variable, value in zip(self._optimizer.learnt(self.trained[name]), learnt, strict=True):
                # Of its own: JAX will use the array's memory again.
                variable.assign(np.array(value))
        self._is_settled = True

    @contextmanager
    def settled(self) -> Iterator[None]:
        """Shows weights and moments as they are after the last step; if somebody changes the weights, that is kept."""
        if self._is_shown:
            yield
            return
        self._bring()
        before = {name: variable.numpy() for name, variable in self._variables.items()}
        self._is_shown = True
        try:
            yield
        finally:
            self._is_shown = False
            if any(not np.array_equal(values, self._variables[name].numpy()) for name, values in before.items()):
                # The next step takes them.
                self._learnt, self._others = None, {}

    def _take_variables(self) -> None:
        learnt = {
            name: Learnt(*(part.numpy() for part in self._optimizer.learnt(variable)))
            for name, variable in self.trained.items()
        }
        others = {name: variable.numpy() for name, variable in self._variables.items() if name not in self.trained}
        self._learnt, self._others = self._strategy.place((learnt, others))

    def _steps(
        self,
        learnt: dict[str, Learnt],
        others: dict[str, Array],
        first_step: Array,
        num_steps: Array,
        inputs: dict[str, Array],
        labels: Array,
    ) -> tuple[dict[str, Learnt], Array]:
        """What a replica does, whose batches [1, steps, …] have a first axis of one."""
        import jax

        self.num_programs += 1
        batches = jax.tree.map(lambda values: values[0], (inputs, labels))

        def take(number: Array, state: tuple[dict[str, Learnt], Array]) -> tuple[dict[str, Learnt], Array]:
            learnt, losses = state
            batch = jax.tree.map(lambda values: jax.lax.dynamic_index_in_dim(values, number, keepdims=False), batches)
            learnt, loss = self._step(learnt, others, first_step + number, *batch)
            return learnt, losses.at[number].set(loss)

        # What XLA knows to be one round is no loop to it.
        num_rounds = num_steps if self._most_at_once > 1 else 1
        state: tuple[dict[str, Learnt], Array] = jax.lax.fori_loop(
            0, num_rounds, take, (learnt, jax.numpy.zeros(self._most_at_once))
        )
        return state

    def _step(
        self,
        learnt: dict[str, Learnt],
        others: dict[str, Array],
        step: Array,
        inputs: dict[str, Array],
        labels: Array,
    ) -> tuple[dict[str, Learnt], Array]:
        """A replica's part of a step."""
        import jax

        weights = {name: of_weight.weights for name, of_weight in learnt.items()}
        divisor = jax.lax.psum(_lowered(self._loss.weight)(labels), _REPLICA)
        replica = jax.lax.axis_index(_REPLICA)
        part, gradients = _lowered(self._loss_and_gradients)(weights, others, inputs, labels, divisor, step, replica)
        loss, gradients = jax.lax.psum((part, gradients), _REPLICA)
        moved, norm = _lowered(self._update)({name: learnt[name] for name in gradients}, gradients, step)
        # Gradients that are no numbers spoil the weights, whatever the loss was.
        return learnt | moved, jax.numpy.where(jax.numpy.isfinite(norm), loss, jax.numpy.nan)

    def _loss_and_gradients(
        self,
        weights: dict[str, tf.Tensor],
        others: dict[str, tf.Tensor],
        inputs: Inputs,
        labels: tf.Tensor,
        divisor: tf.Tensor,
        step: tf.Tensor,
        replica: tf.Tensor,
    ) -> tuple[tf.Tensor, dict[str, tf.Tensor]]:
        """A replica's part of the loss, and the gradients of those weights that have a part in it."""
        names, values = list(weights), list(weights.values())

        def logits_of(values: Sequence[tf.Tensor], inputs: Inputs) -> tf.Tensor:
            return self._model.logits(others | dict(zip(names, values, strict=True)), inputs, noise=next_seed())

        compute = of_whole_batch(logits_of, self._loss, values)
        if self._is_in_pieces:
            compute = in_pieces(compute, values, stride=1, take_piece=packed_piece)
        # On the CPU as without JAX.
        generator: Generator = "philox" if self._strategy.platform == "cpu" else "hash"
        with drawing_from(generator):
            part, gradients = compute(inputs, labels, divisor, seed_of_step(self._seed, step, replica))
        pairs = zip(names, gradients, strict=True)
        return part, {name: tf.convert_to_tensor(gradient) for name, gradient in pairs if gradient is not None}

    def _update(
        self, learnt: dict[str, Learnt], gradients: dict[str, tf.Tensor], step: tf.Tensor
    ) -> tuple[dict[str, Learnt], tf.Tensor]:
        """The weights after a step that was made with these gradients, and how long those were before clipping."""
        names = list(gradients)
        clipped, norm = tf.clip_by_global_norm([gradients[name] for name in names], self._max_grad_norm)
        variables = [self.trained[name] for name in names]
        moved = self._optimizer.updated([learnt[name] for name in names], clipped, variables, step)
        return dict(zip(names, moved, strict=True)), norm


class JaxScoring:
    """Scores batches on JAX's devices: what a step of `ScoringSteps` does, with the weights of the moment.

    Args:
        strategy: The devices.
        model: The model.
        task: How its logits are read.
    """

    def __init__(self, strategy: JaxStrategy, model: PackedModel, task: Task):
        self._strategy = strategy
        self._model = model
        self._task = task
        self._loss = make_loss(task)
        self._program = strategy.on_each(self._score, shared_out=(False, True, True), results_differ=True)

    def with_weights_of_now(self) -> Callable[[Inputs, tf.Tensor], tuple[Array, ...]]:
        """A function of batches [replicas, …] that gives of each replica predictions, scores, loss and weight."""
        variables = weights_by_name(self._model.unpacked)
        weights = self._strategy.place({name: variable.numpy() for name, variable in variables.items()})

        def score(inputs: Inputs, labels: tf.Tensor) -> tuple[Array, ...]:
            batch = self._strategy.place(tf.nest.map_structure(np.asarray, (inputs, labels)), is_shared_out=True)
            results: tuple[Array, ...] = self._program(weights, *batch)
            return results

        return score

    def compiled(self, batch: tuple[Mapping[str, Any], Any]) -> Any:
        """As for `JaxTraining`."""
        specs = self._strategy.specs(weights_by_name(self._model.unpacked))
        return self._program.lower(specs, *batch).compile()

    def _score(self, weights: dict[str, Array], inputs: dict[str, Array], labels: Array) -> tuple[Array, ...]:
        import jax

        inputs, labels = jax.tree.map(lambda values: values[0], (inputs, labels))
        return jax.tree.map(lambda values: values[None], _lowered(self._read_out)(weights, inputs, labels))

    def _read_out(self, weights: dict[str, tf.Tensor], inputs: Inputs, labels: tf.Tensor) -> tuple[tf.Tensor, ...]:
        logits = self._model.logits(weights, inputs)
        predictions, scores = map(_in_32_bits, read_out(self._task, logits))
        return predictions, scores, self._loss.total(labels, logits), self._loss.weight(labels)
