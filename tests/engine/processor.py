"""What a test needs of the processor."""

import pytest

from engine.precision import is_fast

needs_vnni = pytest.mark.skipif(not is_fast("int8"), reason="without VNNI eight-bit products overflow")
