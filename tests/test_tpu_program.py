"""What a program for a TPU costs, read from its text."""

from tf_ner.training.topologies import TOPOLOGIES
from tf_ner.training.tpu_program import CompiledProgram

PROGRAM = """HloModule step, is_scheduled=true

%fused.1 (table: f32[1000,64], ids: s32[8]) -> f32[8,64] {
  %table = f32[1000,64]{1,0} parameter(0)
  %ids = s32[8]{0} parameter(1)
  ROOT %rows = f32[8,64]{1,0} gather(%table, %ids), offset_dims={1}
}

%fused.2 (whole: f32[1000,64]) -> f32[64] {
  %whole = f32[1000,64]{1,0} parameter(0)
  %head = f32[1,64]{1,0} slice(%whole), slice={[0:1], [0:64]}
  ROOT %sum = f32[64]{0} reduce(%whole, %head), dimensions={0}
}

%body (state: (s32[8], f32[1000,64])) -> (s32[8], f32[1000,64]) {
  %state = (s32[8]{0:T(128)}, f32[1000,64]{1,0:T(8,128)}) parameter(0)
  %numbers = s32[8]{0:T(128)} get-tuple-element(%state), index=0
  %weights = f32[1000,64]{1,0:T(8,128)} get-tuple-element(%state), index=1
  %looked-up = f32[8,64]{1,0:T(8,128)S(1)} fusion(%weights, %numbers), kind=kCustom, calls=%fused.1, backend_config={"window_config":{"estimated_cycles":"70"}}
  %begun = (bf16[16]{0:T(128)S(1)}, bf16[16]{0:T(128)}, u32[]{:S(2)}) copy-start(%other)
  %done = bf16[16]{0:T(128)S(1)} copy-done(%begun)
  %part = ((f32[1000,64]{1,0:T(8,128)}), f32[10,64]{1,0:T(8,128)S(1)}, s32[]{:S(2)}) slice-start(%weights), slice={[0:10], [0:64]}
  %summed = f32[64]{0:T(128)} fusion(%weights), kind=kLoop, calls=%fused.2, backend_config={"window_config":{"estimated_cycles":"5"}}
  %other = bf16[16]{0:T(128)} convert(%done)
  %over-all = f32[64]{0:T(128)S(1)} all-reduce(%summed), to_apply=%add
  ROOT %after = (s32[8]{0:T(128)}, f32[1000,64]{1,0:T(8,128)}) tuple(%numbers, %weights)
}

ENTRY %main (numbers: s32[8], weights: f32[1000,64]) -> (s32[8], f32[1000,64]) {
  %first = s32[8]{0:T(128)} parameter(0)
  %second = f32[1000,64]{1,0:T(8,128)} parameter(1)
  %both = (s32[8]{0:T(128)}, f32[1000,64]{1,0:T(8,128)}) tuple(%first, %second)
  ROOT %loop = (s32[8]{0:T(128)}, f32[1000,64]{1,0:T(8,128)}) while(%both), condition=%condition, body=%body
}
"""  # noqa: E501


def test_what_stays_on_the_chip_is_no_memory_traffic():
    program = CompiledProgram(PROGRAM)
    assert (program.cycles, program.all_reduces) == (75, 1)
    looked_up = 8 * 64 * 4 + 8 * 4  # only its rows, and their numbers; what comes of it stays
    copied, part = 2 * 16, 4 * 10 * 64  # to the chip
    summed = 4 * 1000 * 64 + 4 * 64  # all of it
    assert program.bytes_moved() == looked_up + copied + part + summed + 2 * 16 + 4 * 64


def test_clocks_follow_from_the_highest_rate():
    clocks = {name: round(TOPOLOGIES[name].chip.clock / 1e6, -1) for name in TOPOLOGIES}
    assert clocks == {
        "v2-8": 700, "v3-8": 940, "v4-8": 1050, "v5e-1": 1500, "v5e-4": 1500, "v5e-8": 1500,
        "v5p-8": 1750, "v6e-1": 1750, "v6e-4": 1750, "v6e-8": 1750,
    }  # fmt: skip


BRANCHES = """HloModule branches

%small (x: f32[10]) -> f32[10] {
  %x = f32[10]{0} parameter(0)
  ROOT %y = f32[10]{0} negate(%x)
}

%large (x: f32[10]) -> f32[10] {
  %x = f32[10]{0} parameter(0)
  %wide = f32[1000]{0} broadcast(%x), dimensions={}
  ROOT %z = f32[10]{0} reduce(%wide, %x), to_apply=%add, backend_config={"estimated_cycles":"9"}
}

ENTRY %main (p: pred[], x: f32[10], whole: f32[500]) -> f32[10] {
  %p = pred[]{:S(6)} parameter(0)
  %x = f32[10]{0} parameter(1)
  %whole = f32[500]{0} parameter(2)
  %place = s32[]{:S(6)} constant(3)
  %changed = f32[500]{0} dynamic-update-slice(%whole, %x, %place)
  %sent = ((f32[10]{0}), f32[10]{0:S(1)}, u32[]{:S(2)}) async-start(%x), calls=%moves
  %arrived = f32[10]{0:S(1)} async-done(%sent)
  ROOT %chosen = f32[10]{0} conditional(%p, %x, %x), true_computation=%small, false_computation=%large
}
"""


def test_the_dearest_branch_counts_and_what_changes_in_its_place_does_not():
    program = CompiledProgram(BRANCHES)
    updated, sent = 2 * 40, 40
    large = (40 + 4000) + (4000 + 40 + 40)
    assert program.bytes_moved() == updated + sent + large
    assert program.cycles == 9
