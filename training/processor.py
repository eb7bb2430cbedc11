"""What the processor that trains supports, and how torch is configured for it. Knows nothing about networks."""

import torch


def configure_torch() -> None:
    """Set torch's global switches for speed, and for float32 on a GPU as on a CPU; call it before any computation."""
    torch.set_flush_denormal(True)  # gradients of GELU are full of denormals, and a CPU is many times slower on those
    torch.backends.cudnn.benchmark = True  # batches have one size: the fastest algorithm is searched once
    torch.backends.cudnn.allow_tf32 = False  # what is not in bfloat16 is in float32, as on a CPU


def has_bf16(device: torch.device) -> bool:
    """Whether the device computes in bfloat16 natively, rather than emulating it in float32."""
    if device.type == "cuda":
        return bool(torch.cuda.is_bf16_supported())
    return _cpu_has("avx512_bf16")


def has_amx() -> bool:
    """Whether the CPU has matrix units for bfloat16 (Intel AMX)."""
    return _cpu_has("amx_bf16")


def _cpu_has(units: str) -> bool:
    return bool(torch.cpu.get_capabilities().get(units, False))
