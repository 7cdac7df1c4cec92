"""What a step of training costs, counted in its graph and not by a clock."""

from collections import Counter

import numpy as np
import pytest
import tensorflow as tf

from tf_ner import TokenClassificationLoss, load_untrained, make_optimizer, make_train_step, packed
from tf_ner.batches import to_tf
from tf_ner.batches.layouts import Packed
from tf_ner.batches.sampling import training_batches

pytestmark = pytest.mark.usefixtures("graphs")

MOMENTS = ("_momentums", "_velocities")


@pytest.fixture(scope="module")
def step(tiny_bert, task, corpus):
    """The step of a run, with its model, optimizer and graph."""
    windows = task.encode_split(corpus["train"]).windows
    lengths = task.encode_split(corpus["train"]).lengths
    batches = training_batches(lengths, batch_size=4, seed=1, epoch=0)
    dataset = to_tf.batches_to_tf(windows, batches, tokenizer=task.tokenizer, layout=Packed())
    model = load_untrained(str(tiny_bert), tag_names=task.tag_names)
    optimizer = make_optimizer(learning_rate=1e-3, num_steps=100, max_grad_norm=None)
    taken = make_train_step(packed(model), loss=TokenClassificationLoss(), optimizer=optimizer, seed=1, lazy_rows=True)
    compiled = tf.function(taken, input_signature=dataset.element_spec)
    for _ in range(2):
        for inputs, labels in dataset:
            compiled(inputs, labels)
    return model, optimizer, compiled


def uses(step, variable):
    """How often a graph reads and writes a variable, by kind of operation."""
    _, _, compiled = step
    graph = compiled.get_concrete_function().graph
    [inside] = [inside for outside, inside in graph.captures if outside is variable.handle]
    return Counter(operation.type for operation in inside.consumers())


def moments_of(step, variable):
    _, optimizer, _ = step
    index = optimizer._index_dict[optimizer._var_key(variable)]
    return [getattr(optimizer, name)[index] for name in MOMENTS]


def test_all_batches_are_one_graph(step):
    _, _, compiled = step
    assert compiled.experimental_get_tracing_count() == 1


def test_a_dense_weight_is_read_once_to_compute_and_once_to_decay(step):
    model, _, _ = step
    of_layer = [variable for variable in model.trainable_variables if "layer_._0" in variable.name]
    kernels = [variable for variable in of_layer if "kernel" in variable.name]
    assert len(kernels) == 6
    for kernel in kernels:
        assert uses(step, kernel) == {"ReadVariableOp": 2, "AssignVariableOp": 1, "ResourceApplyAdam": 1}
        for moment in moments_of(step, kernel):
            assert uses(step, moment) == {"ResourceApplyAdam": 1}


def test_of_the_embedding_only_the_rows_of_a_batch_are_touched(step):
    model, _, _ = step
    embedding = model.get_input_embeddings().weight
    # One to compute, and two each to catch up and to take the step; all rows only after many steps.
    for variable, num_reads in ((embedding, 3), *((moment, 2) for moment in moments_of(step, embedding))):
        found = uses(step, variable)
        assert found.pop("If") == 1
        assert found == {"ResourceGather": num_reads, "ResourceScatterUpdate": 2}


def test_nothing_of_python_runs_in_a_step(step):
    _, _, compiled = step
    graph = compiled.get_concrete_function().graph.as_graph_def()
    nodes = [*graph.node, *(node for function in graph.library.function for node in function.node_def)]
    kinds = {node.op for node in nodes}
    assert {"MatMul", "ResourceApplyAdam"} <= kinds
    assert not {"PyFunc", "PyFuncStateless", "EagerPyFunc"} & kinds


def test_python_is_called_once_a_batch(task, corpus, monkeypatch):
    windows = task.encode_split(corpus["train"]).windows
    called = []
    collate = to_tf._PackedCollator.collate
    monkeypatch.setattr(
        to_tf._PackedCollator, "collate", lambda self, rows: called.append(len(rows)) or collate(self, rows)
    )
    dataset = to_tf.batches_to_tf(windows, [np.arange(3), np.arange(3, 8)], tokenizer=task.tokenizer, layout=Packed())
    # `to_tf_dataset` looks at two of them to learn their shapes.
    num_before = len(called)
    assert num_before <= 2
    assert len(list(dataset)) == 2
    assert called[num_before:] == [3, 5]
