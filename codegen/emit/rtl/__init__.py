"""Emission of hardware: the only place that knows Verilog and the memories of the engine."""
