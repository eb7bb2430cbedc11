"""The tutorial's application (Flask's own server), and what gunicorn serves.

Source: https://docs.pytorch.org/tutorials/intermediate/flask_rest_api_tutorial.html
"""

from flask import Flask, Response, jsonify, request

from benchmarks.peers.classifier import Classifier

app = Flask(__name__)
classifier = Classifier.from_environment()


@app.route("/predict", methods=["POST"])
def predict() -> Response:
    """Answer one picture, uploaded in the form's field `image`."""
    return jsonify(classifier.answer(request.files["image"].read()))
