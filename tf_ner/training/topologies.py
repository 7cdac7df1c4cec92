"""TPUs by name, for programs that are compiled on a machine without one."""

import importlib.util
import os
from dataclasses import dataclass
from typing import Any

from tf_ner.errors import ConfigError


@dataclass(frozen=True)
class Chip:
    """A generation of TPUs; all figures are those of a device of JAX, which on v2 and v3 is one of a chip's two cores.

    Source: Google Cloud's pages on TPU versions, 2026-11; Jouppi et al. 2020 and 2023.

    Attributes:
        multipliers: How many products and sums in bfloat16 its matrix units make in a cycle.
        flops: Operations a second in bfloat16.
        bandwidth: Bytes a second between a device and its memory.
        memory: Of a device, in bytes.
    """

    multipliers: int
    flops: float
    bandwidth: float
    memory: float

    @property
    def clock(self) -> float:
        """Cycles a second."""
        return self.flops / (2 * self.multipliers)


_V2 = Chip(multipliers=128**2, flops=23e12, bandwidth=350e9, memory=8 * 2**30)
_V3 = Chip(multipliers=2 * 128**2, flops=61.5e12, bandwidth=450e9, memory=16 * 2**30)
_V4 = Chip(multipliers=8 * 128**2, flops=275e12, bandwidth=1228e9, memory=32 * 2**30)
_V5E = Chip(multipliers=4 * 128**2, flops=197e12, bandwidth=819e9, memory=16 * 2**30)
_V5P = Chip(multipliers=8 * 128**2, flops=459e12, bandwidth=2765e9, memory=95 * 2**30)
_V6E = Chip(multipliers=4 * 256**2, flops=918e12, bandwidth=1640e9, memory=32 * 2**30)


@dataclass(frozen=True)
class Topology:
    """The devices of one host.

    Attributes:
        chip: Which.
        shape: What libtpu calls them.
        chips_per_host: How many chips the host has, by dimension; as libtpu has it if not given.
    """

    chip: Chip
    shape: str
    chips_per_host: tuple[int, int, int] | None = None


TOPOLOGIES = {
    "v2-8": Topology(_V2, "v2:2x2"),
    "v3-8": Topology(_V3, "v3:2x2"),
    "v4-8": Topology(_V4, "v4:2x2x1"),
    "v5e-1": Topology(_V5E, "v5e:1x1", (1, 1, 1)),
    "v5e-4": Topology(_V5E, "v5e:2x2"),
    "v5e-8": Topology(_V5E, "v5e:2x4", (2, 4, 1)),
    "v5p-8": Topology(_V5P, "v5p:2x2x1"),
    "v6e-1": Topology(_V6E, "v6e:1x1", (1, 1, 1)),
    "v6e-4": Topology(_V6E, "v6e:2x2"),
    "v6e-8": Topology(_V6E, "v6e:2x4", (2, 4, 1)),
}
"""By the name that Google Cloud gives them."""


def compile_only_devices(name: str) -> tuple[Topology, list[Any]]:
    """Devices of JAX for which programs can be compiled and not run.

    Args:
        name: One of `TOPOLOGIES`.

    Raises:
        ConfigError: There is no such TPU, or the compiler is not installed.
    """
    if name not in TOPOLOGIES:
        raise ConfigError(
            f"Received --topology {name}; expected one of {', '.join(TOPOLOGIES)}. Change --topology.",
            option="topology",
        )
    missing = [package for package in ("jax", "libtpu") if importlib.util.find_spec(package) is None]
    if missing:
        raise ConfigError(
            f"Received tpu-check without {' and '.join(missing)}, which compile for TPUs; expected both. Run "
            '`pip install "tf-ner[tpu-check]"`.'
        )
    # It would ask Google Cloud for them.
    os.environ.setdefault("TPU_SKIP_MDS_QUERY", "1")
    os.environ.setdefault("TPU_WORKER_HOSTNAMES", "localhost")
    os.environ.setdefault("TPU_ACCELERATOR_TYPE", "v5litepod-4")
    # Others may compile at the same time: no chip is touched.
    os.environ.setdefault("ALLOW_MULTIPLE_LIBTPU_LOAD", "1")
    from jax.experimental import topologies

    topology = TOPOLOGIES[name]
    options: dict[str, Any] = {}
    if topology.chips_per_host is not None:
        options["chips_per_host_bounds"] = topology.chips_per_host
    if topology.chip is _V4:
        # Its two cores are one device.
        options["chip_config_name"] = "megacore"
    described = topologies.get_topology_desc(platform="tpu", topology_name=topology.shape, **options)
    return topology, list(described.devices)
