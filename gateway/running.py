"""The gateway as a whole: settings and keys into files, nginx to run them."""

from dataclasses import dataclass
from pathlib import Path

from gateway.certificate import certificate_for_trying
from gateway.keys import KeyStore
from gateway.live import CANARY_FILE, KEYS_FILE, canary_configuration, gateway_directory, keys_configuration
from gateway.nginx import Nginx
from gateway.render import configuration
from gateway.settings import GatewaySettings
from serving.settings import Settings


@dataclass(frozen=True)
class Gateway:
    """One gateway: its settings and its nginx.

    Args:
        settings: the gateway's.
    """

    settings: GatewaySettings

    @classmethod
    def of(cls, settings: Settings) -> "Gateway":
        """Return the gateway of a server's settings; its folder is made.

        Raises:
            GatewayError: two settings do not fit together.
        """
        gateway_directory(settings.runtime_directory)
        return cls(GatewaySettings.of(settings))

    @property
    def nginx(self) -> Nginx:
        """Its nginx."""
        return Nginx(self.settings.directory)

    def check(self) -> None:
        """Write the configuration, and have nginx check it.

        Raises:
            GatewayError: there is no nginx, or it refuses the configuration.
        """
        certificate = self.certificate()
        files = {
            KEYS_FILE: keys_configuration(KeyStore(self.settings.directory).all()),
            "nginx.conf": configuration(self.settings, certificate=certificate),
        }
        if not (self.settings.directory / CANARY_FILE).exists():
            files[CANARY_FILE] = canary_configuration({}, model=self.settings.model)
        self.nginx.check(files)

    def start(self) -> None:
        """Start it, or let a running one take the present settings over without losing a request.

        Raises:
            GatewayError: it cannot be started.
        """
        self.check()
        if self.nginx.master() is None:
            self.nginx.start()
        else:
            self.nginx.reload()

    def certificate(self) -> tuple[Path, Path] | None:
        """Return the files of the certificate and its key: the user's, or one for trying; None without TLS."""
        if self.settings.tls_address is None:
            return None
        return self.settings.certificate or certificate_for_trying(self.settings.directory)
