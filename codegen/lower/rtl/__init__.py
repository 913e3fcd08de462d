"""Lower to the shared engine in hardware: a node's commands, and the memories that they read."""

from codegen.lower.rtl.bind import bind_commands
from codegen.lower.rtl.image import Image, link
from codegen.lower.rtl.weight_stream import least_ring

__all__ = ["Image", "bind_commands", "least_ring", "link"]
