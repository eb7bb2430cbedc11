"""What the processors that train are fast in, and how torch is set up for them. Knows nothing about networks."""

import torch


def set_up() -> None:
    """Let torch be fast where results do not suffer, and as exact on a GPU as on a CPU; before anything is computed."""
    torch.set_flush_denormal(True)  # numbers below 1e-38, in the gradients of GELU, take a CPU many times as long
    torch.backends.cudnn.benchmark = True  # batches are of one size: the fastest way for it is found once
    torch.backends.cudnn.allow_tf32 = False  # what is not in bfloat16 is in float32, as on a CPU


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 by itself, rather than by way of float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return _cpu_has("avx512_bf16")


def has_matrix_units() -> bool:
    """Whether the CPU multiplies whole matrices in bfloat16."""
    return _cpu_has("amx_bf16")


def _cpu_has(units: str) -> bool:
    return bool(torch.cpu.get_capabilities().get(units, False))
