"""Emit a Program as files: the only stage that knows C. Same program, same bytes."""

from __future__ import annotations

from codegen.emit.c import emit_c
from codegen.emit.golden import Golden

__all__ = ["Golden", "emit"]

emit = emit_c
