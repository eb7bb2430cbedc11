"""The tutorial's application, served by Flask's development server or by gunicorn.

Source: https://docs.pytorch.org/tutorials/intermediate/flask_rest_api_tutorial.html
"""

from flask import Flask, Response, jsonify, request

from benchmarks.peers.classifier import classifier_from_environment

app = Flask(__name__)
classifier = classifier_from_environment()


@app.route("/predict", methods=["POST"])
def predict() -> Response:
    """Answer one image, uploaded in the form's field `image`."""
    return jsonify(classifier.answer(request.files["image"].read()))
