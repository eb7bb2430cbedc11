"""What changes while a gateway runs: its API keys, and the shares of a canary. A file each, which nginx includes.

Commands import this module, so it does not know the server's settings.
"""

from collections.abc import Mapping
from pathlib import Path

from gateway.errors import GatewayError
from gateway.keys import ApiKey, KeyStore
from gateway.nginx import Nginx
from pixserve.runtime_directory import RuntimeDirectory

KEYS_FILE, CANARY_FILE = "keys.conf", "canary.conf"


def gateway_directory(runtime_directory: RuntimeDirectory) -> Path:
    """Return the gateway's folder, made where there is none; only its owner may enter it."""
    folder = runtime_directory.gateway
    runtime_directory.path.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder.mkdir(mode=0o700, exist_ok=True)
    return folder


def keys_configuration(keys: list[ApiKey]) -> str:
    """Return the maps of the API keys, by their ids: who owns one, its salt, its digest and when it expires."""
    maps = {
        "key_owner": {key.id: key.name for key in keys},
        "key_salt": {key.id: key.salt for key in keys},
        "key_digest": {key.id: f"{key.digest},{key.expires}" if key.expires else key.digest for key in keys},
    }
    lines = ["# Written by `pixserve keys`."]
    for variable, values in maps.items():
        entries = [f'    "{key_id}" "{value}";' for key_id, value in values.items()]
        lines += [f"map $key_id ${variable} {{", '    default "";', *entries, "}"]
    return "\n".join(lines) + "\n"


def canary_configuration(shares: Mapping[str, float], *, model: str) -> str:
    """Return the split of one model's requests that name no version.

    Args:
        shares: per cent of the requests by version; the rest goes to the server's default version.
        model: the model.
    """
    entries = [f'    {share:.2f}% "/{version}";' for version, share in shares.items()]
    return "\n".join(
        [
            "# Written by `pixserve rollout --canary`.",
            "split_clients $pid-$connection-$connection_requests-$msec $canary_of_all {",
            *entries,
            '    * "";',
            "}",
            "map $model $canary {",
            *([f'    "{model}" $canary_of_all;'] if shares else []),
            '    default "";',
            "}",
            "",
        ]
    )


def apply_keys(folder: Path) -> bool:
    """Let a running gateway take over the keys as they are now; return whether one runs.

    Args:
        folder: the gateway's.

    Raises:
        GatewayError: it goes on with the old ones.
    """
    nginx = Nginx(folder)
    if nginx.master() is None:
        return False
    nginx.check({KEYS_FILE: keys_configuration(KeyStore(folder).all())})
    nginx.reload()
    return True


def apply_canary(folder: Path, shares: dict[str, float], *, model: str) -> None:
    """Send shares of a model's requests that name no version to these versions.

    Args:
        folder: the gateway's.
        shares: per cent by version; empty for the server's default alone.
        model: the model.

    Raises:
        GatewayError: the gateway does not run, or goes on as it was.
    """
    require_gateway(folder)
    nginx = Nginx(folder)
    nginx.check({CANARY_FILE: canary_configuration(shares, model=model)})
    nginx.reload()


def require_gateway(folder: Path) -> None:
    """Refuse to move traffic by share without a gateway that does it.

    Args:
        folder: the gateway's.

    Raises:
        GatewayError: none runs.
    """
    if Nginx(folder).master() is None:
        raise GatewayError("traffic is moved by share at the gateway, which does not run; `make gateway` starts it")
