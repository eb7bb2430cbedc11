"""Explains images with the network of one archive of the model store."""

import base64
import json
import tempfile
import zipfile
from functools import cached_property
from pathlib import Path

import numpy as np
import yaml

from engine.cascade import Cascade
from engine.class_names import load_class_names
from engine.loading import openvino_engine
from engine.metadata import read_metadata
from explanation.gradient_parts import UnsupportedOperationError
from explanation.heat_map import SIDE, overlay
from explanation.methods import METHODS
from explanation.network import ExplainedNetwork
from explanation.process import Explanation, Job
from explanation.request import read_explanation_request
from handler.answer import PROBABILITY_DIGITS
from handler.errors import MethodUnavailableError
from handler.settings import HandlerSettings
from images.decode import Pixels, decode_image

DIGITS = 5  # of the numbers of a heat map
UNIT = "nats of log-odds"


class Explainer:
    """The model of one archive; its networks are loaded when the first image comes.

    Args:
        archive: a `.mar` of the model store.

    Raises:
        MethodUnavailableError: it carries no OpenVINO files.
        MetadataError: it, or a file that it names, cannot be used.
    """

    def __init__(self, archive: Path) -> None:
        self._unpacked = tempfile.TemporaryDirectory(prefix="explained-")
        folder = self._folder = Path(self._unpacked.name)
        with zipfile.ZipFile(archive) as packed:
            packed.extractall(folder)
        metadata = read_metadata(folder)
        if metadata is None:
            raise MethodUnavailableError(
                f"{archive.name} has no OpenVINO files, which explanations are computed with; "
                "`python train.py export` writes them, `python archive.py` packs them"
            )
        self._metadata = metadata
        manifest = json.loads((folder / "MAR-INF" / "MANIFEST.json").read_text(encoding="utf-8"))["model"]
        self._version = str(manifest["modelVersion"])
        config = yaml.safe_load((folder / manifest["configFile"]).read_text(encoding="utf-8"))
        self._settings = HandlerSettings.from_section(config.get("handler"))
        self._class_names = load_class_names(folder / "index_to_name.json")

    @cached_property
    def _served(self) -> Cascade:
        """What answers predictions: it says which class is explained."""
        return openvino_engine(self._folder, self._metadata, precision=self._settings.precision)

    @cached_property
    def _network(self) -> ExplainedNetwork:
        try:
            return ExplainedNetwork(self._folder, self._metadata)
        except UnsupportedOperationError as fault:
            raise MethodUnavailableError(f"the network cannot be explained: {fault}") from fault

    def explain(self, job: Job) -> Explanation:
        """Explain the image of one request.

        Raises:
            RequestError, ImageError: as for predictions; an unknown method, class or format.
            MethodUnavailableError: the network has an operation that this method cannot take.
        """
        request = read_explanation_request(
            job, class_names=self._class_names, max_image_bytes=self._settings.max_image_bytes
        )
        pixels = self._decode(request.image, self._metadata.image_size)
        probabilities = self._served.probabilities(np.stack([pixels]))[0]  # a copy: OpenVINO takes no read-only one
        target = int(np.argmax(probabilities)) if request.target is None else request.target
        try:
            heat = METHODS[request.method](self._network, pixels, target)
        except UnsupportedOperationError as fault:
            raise MethodUnavailableError(
                f"method {request.method} cannot take this network: {fault}; ask for method occlusion"
            ) from fault
        document = {
            "class": target,
            "class_name": self._class_names[target],
            "probability": round(float(probabilities[target]), PROBABILITY_DIGITS),
            "method": request.method,
            "heat_map": np.round(heat.astype(float), DIGITS).tolist(),
            "unit": UNIT,
            "network": self._network.description,
            "model_version": self._version,
        }
        if request.format == "json":
            return Explanation(document, request.format, None)
        lines = (
            f"{document['class_name']} {document['probability']:.1%}   red spoke for it, blue against",
            f"{request.method.replace('_', ' ')}, {self._network.description}",
        )
        png = overlay(self._decode(request.image, SIDE), heat, lines=lines)
        if request.format == "both":
            document["overlay"] = base64.b64encode(png).decode()
        return Explanation(document, request.format, png)

    def _decode(self, image: bytes | bytearray, side: int) -> Pixels:
        return decode_image(image, image_size=side, max_pixels=self._settings.max_image_pixels)
