"""FastAPI, served by uvicorn.

Source: https://fastapi.tiangolo.com/tutorial/request-files/ and /async/: work that computes is a plain function, which
FastAPI runs in its thread pool.
"""

from typing import Any

from fastapi import FastAPI, UploadFile
from fastapi.responses import JSONResponse

from benchmarks.peers.classifier import classifier_from_environment

app = FastAPI()
classifier = classifier_from_environment()


@app.post("/predict")
def predict(image: UploadFile) -> JSONResponse:
    """Answer one image, uploaded in the form's field `image`."""
    answer: dict[str, Any] = classifier.answer(image.file.read())
    return JSONResponse(answer)
