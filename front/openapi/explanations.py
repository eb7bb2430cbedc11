"""Explanations in each protocol: which pixels spoke for a class (docs/reference/explanations.md)."""

from typing import Any

from front.openapi.schemas import BASE64, CLASS, NUMBER, PIXEL, TEXT, listed, record, ref

METHODS = ["occlusion", "integrated_gradients"]
FORMATS = ["json", "png", "both"]
OPTIONS: dict[str, Any] = {
    "method": {"enum": METHODS},
    "class": {"type": ["string", "integer"], "description": "A class name, or its index; the predicted one without."},
}
SHOWN = {
    "class": 3,
    "class_name": "cat",
    "probability": 0.98,
    "method": "occlusion",
    "heat_map": [[0.01, 0.02], [0.11, -0.03]],
    "unit": "nats of log-odds",
    "network": "cifar10-2.0, int8 weights in float32",
    "model_version": "3.0",
}
SHOWN_OUTPUTS = [{"name": "heat_map", "datatype": "FP32", "shape": [1, 2, 2], "data": [0.01, 0.02, 0.11, -0.03]}]
REQUESTS: dict[str, dict[str, Any]] = {
    "native": {"image": PIXEL, "method": "occlusion"},
    "V1": {"instances": [{"b64": PIXEL}], "parameters": {"method": "occlusion"}},
    "V2": {"inputs": [{"name": "image", "datatype": "BYTES", "shape": [1], "data": [PIXEL]}]},
}
ANSWERS = {
    "native": ("Explanation", SHOWN),
    "V1": ("Explanations", {"explanations": [SHOWN]}),
    "V2": ("InferAnswer", {"model_name": "cifar10", "model_version": "3.0", "outputs": SHOWN_OUTPUTS}),
}
BODIES = {"native": "ImageToExplain", "V1": "Instances", "V2": "InferRequest"}
PATHS = {
    "/explanations/{model}": ("native", "explain"),
    "/explanations/{model}/{version}": ("native", "explainByVersion"),
    "/v1/models/{model}:explain": ("V1", "v1Explain"),
    "/v2/models/{model}/explain": ("V2", "v2Explain"),
    "/v2/models/{model}/versions/{version}/explain": ("V2", "v2ExplainByVersion"),
}


def schemas() -> dict[str, Any]:
    """The documents of requests and answers."""
    heat_map = listed(listed(NUMBER), description="Rows from the top left of the central square, in `unit`.")
    fields = {**CLASS, "method": {"enum": METHODS}, "heat_map": heat_map, "unit": TEXT, "network": TEXT}
    return {
        "ImageToExplain": record(
            {"image": BASE64, **OPTIONS, "format": {"enum": FORMATS}}, "method", "class", "format"
        ),
        "Explanation": record({**fields, "model_version": TEXT, "overlay": BASE64}, "overlay"),
        "Explanations": record({"explanations": listed({"anyOf": [ref("Explanation"), ref("StandardError")]})}),
    }
