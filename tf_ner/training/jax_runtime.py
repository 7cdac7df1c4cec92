"""JAX's runtime in place of TensorFlow's: TPUs, GPUs and CPUs that JAX sees take the same step.

Loss, gradients, AdamW and scores are TensorFlow's functions, lowered to StableHLO once for any device. JAX places the
weights, adds up what the devices have, and runs the program. While it trains, weights and moments lie on its devices;
who asks for them finds them in the variables of model and optimizer.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, contextmanager
from typing import Any

import numpy as np
import tensorflow as tf

from tf_ner.learning.adamw import Learnt
from tf_ner.learning.gradients import Inputs, in_pieces, of_whole_batch, packed_piece
from tf_ner.learning.losses import MeanLoss, make_loss
from tf_ner.learning.optimizer import AdamW
from tf_ner.models.dropout import next_seed, seed_of_step
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

    Attributes:
        devices: The same.
        mesh: The devices in a row, one a replica.
        num_replicas_in_sync: How many there are.
    """

    def __init__(self, devices: Sequence[Any]):
        import jax

        self.devices = list(devices)
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

    Attributes:
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
        trained = {id(variable) for variable in variables}
        self._variables = weights_by_name(model.unpacked)
        self._trained = {name: variable for name, variable in self._variables.items() if id(variable) in trained}
        self._program = strategy.on_each(
            self._step, shared_out=(False, False, False, True, True), results_differ=False, reuses_first=True
        )
        self._learnt: dict[str, Learnt] | None = None
        self._others: dict[str, Array] = {}
        self._is_settled = True
        self._is_shown = False

    def __call__(self, inputs: Inputs, labels: tf.Tensor) -> np.float32:
        """Takes a step with a batch [replicas, …] and gives its loss."""
        if self._learnt is None:
            self._take_variables()
        steps = self._optimizer.iterations
        # As Keras does before each step, for who asks what the rate is.
        self._optimizer._compute_current_learning_rate()
        batch = self._strategy.place(tf.nest.map_structure(np.asarray, (inputs, labels)), is_shared_out=True)
        self._learnt, loss = self._program(self._learnt, self._others, np.int32(steps.numpy()), *batch)
        steps.assign_add(1)
        self._is_settled = False
        return np.float32(loss)

    def compiled(self, batch: tuple[Mapping[str, Any], Any]) -> Any:
        """The program for a batch of such shapes, without running it, on whatever the strategy's devices are."""
        specs = self._strategy.specs(self._variables)
        learnt = {name: Learnt(*[specs[name]] * 3) for name in self._trained}
        others = {name: spec for name, spec in specs.items() if name not in self._trained}
        step = self._strategy.spec([], tf.int32)
        return self._program.lower(learnt, others, step, *batch).compile()

    def settle(self) -> None:
        """Brings weights and moments to the variables of model and optimizer, and leaves the devices to others."""
        self._bring()
        self._learnt, self._others = None, {}

    def _bring(self) -> None:
        if self._is_settled or self._learnt is None:
            return
        for name, learnt in self._learnt.items():
            for variable, value in zip(self._optimizer.learnt(self._trained[name]), learnt, strict=True):
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
            for name, variable in self._trained.items()
        }
        others = {name: variable.numpy() for name, variable in self._variables.items() if name not in self._trained}
        self._learnt, self._others = self._strategy.place((learnt, others))

    def _step(
        self,
        learnt: dict[str, Learnt],
        others: dict[str, Array],
        step: Array,
        inputs: dict[str, Array],
        labels: Array,
    ) -> tuple[dict[str, Learnt], Array]:
        """What a replica does, whose batch has a first axis of one."""
        import jax

        self.num_programs += 1
        inputs, labels = jax.tree.map(lambda values: values[0], (inputs, labels))
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
        part, gradients = compute(inputs, labels, divisor, seed_of_step(self._seed, step, replica))
        pairs = zip(names, gradients, strict=True)
        return part, {name: tf.convert_to_tensor(gradient) for name, gradient in pairs if gradient is not None}

    def _update(
        self, learnt: dict[str, Learnt], gradients: dict[str, tf.Tensor], step: tf.Tensor
    ) -> tuple[dict[str, Learnt], tf.Tensor]:
        """The weights after a step that was made with these gradients, and how long those were before clipping."""
        names = list(gradients)
        clipped, norm = tf.clip_by_global_norm([gradients[name] for name in names], self._max_grad_norm)
        variables = [self._trained[name] for name in names]
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
