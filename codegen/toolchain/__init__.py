"""Emitted folder -> binaries, facts about them, and runs of them, on the host and emulated."""

from codegen.toolchain.compile_check import Language, find_warnings
from codegen.toolchain.cost import Cost, FunctionCost, LayerCost, Loop, Opcode
from codegen.toolchain.cross import CrossCompiler, TargetBuild, build_target
from codegen.toolchain.elf import ElfFacts, read_facts
from codegen.toolchain.emulate import EmulatedRun, emulate
from codegen.toolchain.host import HostBuild, build_host, run_host
from codegen.toolchain.qemu import SelfTest, run_self_test
from codegen.toolchain.sanitize import SanitizedBuild, build_sanitized, run_sanitized
from codegen.toolchain.tools import Compiler, host_compiler, list_compilers

__all__ = [
    "Compiler",
    "Cost",
    "CrossCompiler",
    "ElfFacts",
    "EmulatedRun",
    "FunctionCost",
    "HostBuild",
    "Language",
    "LayerCost",
    "Loop",
    "Opcode",
    "SanitizedBuild",
    "SelfTest",
    "TargetBuild",
    "build_host",
    "build_sanitized",
    "build_target",
    "emulate",
    "find_warnings",
    "host_compiler",
    "list_compilers",
    "read_facts",
    "run_host",
    "run_sanitized",
    "run_self_test",
]
