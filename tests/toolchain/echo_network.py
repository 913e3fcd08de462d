"""A tiny module with the ports of a network in hardware: it sends each byte plus one, negated."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from codegen.emit.c import environment
from codegen.emit.rtl.pins import emit_pins
from codegen.emit.rtl.streams import Streams
from codegen.ir.types import Array

NAME = "echo"
STREAMS = Streams(4, (10,), (10,))
"""The last of its three words counts for two bytes."""
VERILOG = """
module echo_top (
    input  wire        aclk,
    input  wire        aresetn,
    input  wire [31:0] s_axis_tdata,
    input  wire [3:0]  s_axis_tkeep,
    input  wire        s_axis_tvalid,
    output wire        s_axis_tready,
    input  wire        s_axis_tlast,
    output reg  [31:0] m_axis_tdata,
    output reg  [3:0]  m_axis_tkeep,
    output reg         m_axis_tvalid,
    input  wire        m_axis_tready,
    output reg         m_axis_tlast,
    input  wire [4:0]  s_axil_awaddr,
    input  wire        s_axil_awvalid,
    output wire        s_axil_awready,
    input  wire [31:0] s_axil_wdata,
    input  wire [3:0]  s_axil_wstrb,
    input  wire        s_axil_wvalid,
    output wire        s_axil_wready,
    output wire [1:0]  s_axil_bresp,
    output wire        s_axil_bvalid,
    input  wire        s_axil_bready,
    input  wire [4:0]  s_axil_araddr,
    input  wire        s_axil_arvalid,
    output wire        s_axil_arready,
    output wire [31:0] s_axil_rdata,
    output wire [1:0]  s_axil_rresp,
    output reg         s_axil_rvalid,
    input  wire        s_axil_rready
);
    reg [7:0] table_of [0:255];
    reg [1:0] word;
    reg [7:0] weight = 8'd1;
    integer i;

    initial $readmemh("echo_table.hex", table_of);

    assign s_axis_tready = !m_axis_tvalid || m_axis_tready;
    assign s_axil_awready = 1'b1;
    assign s_axil_wready = 1'b1;
    assign s_axil_bresp = 2'b00;
    assign s_axil_bvalid = 1'b0;
    assign s_axil_arready = 1'b1;
    assign s_axil_rdata = 32'd7;
    assign s_axil_rresp = 2'b00;

    always @(posedge aclk) begin
        s_axil_rvalid <= aresetn && s_axil_arvalid;
        if (!aresetn) begin
            m_axis_tvalid <= 1'b0;
            word <= 2'd0;
        end else if (s_axis_tready) begin
            m_axis_tvalid <= s_axis_tvalid;
            m_axis_tkeep <= word == 2'd2 ? 4'b0011 : 4'b1111;
            m_axis_tlast <= word == 2'd2;
            for (i = 0; i < 4; i = i + 1)
                m_axis_tdata[8*i +: 8] <= table_of[s_axis_tdata[8*i +: 8] + weight];
            if (s_axis_tvalid)
                word <= word == 2'd2 ? 2'd0 : word + 2'd1;
        end
    end
endmodule
"""


def write_network(folder: Path) -> list[Path]:
    """Write the module and its table; return the Verilog files."""
    table = "".join(f"{-value % 256:02x}\n" for value in range(256))
    (folder / f"{NAME}_table.hex").write_text(table)
    path = folder / f"{NAME}_top.v"
    path.write_text(VERILOG)
    (folder / f"{NAME}_pins.v").write_text(emit_pins(NAME, STREAMS))
    register = environment().get_template("rtl/block_register.v.j2").render(name=NAME)
    (folder / f"{NAME}_block_register.v").write_text(register)
    return [path]


def make_frames(count: int) -> tuple[Array, Array]:
    """Return frames, and what must come of them."""
    frames = np.random.default_rng(0).integers(-128, 128, (count, 10)).astype(np.int8)
    return frames, (-(frames.astype(np.int16) + 1)).astype(np.int8)
