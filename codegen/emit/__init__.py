"""Emit a Program as files: the only stage that knows C. Same program, same bytes."""

from __future__ import annotations

from codegen.emit.c import emit_c, emit_headers
from codegen.emit.golden import Golden

__all__ = ["Golden", "emit", "emit_headers"]

emit = emit_c
