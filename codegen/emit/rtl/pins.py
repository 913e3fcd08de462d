"""The top level's ports behind few pins, for packages with fewer pins than it has ports."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from codegen.emit.c import environment
from codegen.emit.rtl.streams import Streams

GROUP = 8
"""Outputs whose parity is made in a cycle."""


def emit_pins(name: str, streams: Streams) -> str:
    """Return the Verilog of module NAME_pins around NAME_top."""
    simd = streams.simd
    weights = (("s_axis_weights_tdata", 8 * simd), ("s_axis_weights_tvalid", 1))
    inputs = (
        ("s_axis_tdata", 8 * simd),
        ("s_axis_tkeep", simd),
        ("s_axis_tvalid", 1),
        ("s_axis_tlast", 1),
        *(weights if streams.weights else ()),
        ("m_axis_tready", 1),
        ("s_axil_awaddr", 5),
        ("s_axil_awvalid", 1),
        ("s_axil_wdata", 32),
        ("s_axil_wstrb", 4),
        ("s_axil_wvalid", 1),
        ("s_axil_bready", 1),
        ("s_axil_araddr", 5),
        ("s_axil_arvalid", 1),
        ("s_axil_rready", 1),
    )
    outputs = (
        ("s_axis_tready", 1),
        *((("s_axis_weights_tready", 1),) if streams.weights else ()),
        ("m_axis_tdata", 8 * simd),
        ("m_axis_tkeep", simd),
        ("m_axis_tvalid", 1),
        ("m_axis_tlast", 1),
        ("s_axil_awready", 1),
        ("s_axil_wready", 1),
        ("s_axil_bresp", 2),
        ("s_axil_bvalid", 1),
        ("s_axil_arready", 1),
        ("s_axil_rdata", 32),
        ("s_axil_rresp", 2),
        ("s_axil_rvalid", 1),
    )
    output_bits = sum(bits for _, bits in outputs)
    return (
        environment()
        .get_template("rtl/pins.v.j2")
        .render(
            name=name,
            inputs=list(_ranges(inputs)),
            outputs=list(_ranges(outputs)),
            input_bits=sum(bits for _, bits in inputs),
            output_bits=output_bits,
            group_count=-(-output_bits // GROUP),
        )
    )


def _ranges(ports: Sequence[tuple[str, int]]) -> Iterator[tuple[str, str]]:
    """Yield each port with its bits, the first port's lowest."""
    low = 0
    for port, bits in ports:
        yield port, f"{low + bits - 1}:{low}" if bits > 1 else f"{low}"
        low += bits
