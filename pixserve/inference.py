"""What REST and gRPC share: images to bytes, retries, tokens, many images at once."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Generator, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self

from pixserve.errors import ClientError, NotAcceptedError
from pixserve.images import ImageSource, to_bytes
from pixserve.records import Explanation, Health, Prediction
from pixserve.retries import Retries
from pixserve.tokens import ApiKey, Tokens, with_token

DEFAULT_MODEL = "cifar10"
DEFAULT_TIMEOUT_S = 30.0
EXPLANATION_FACTOR = 5  # as many times as long may an explanation take: a busy server gives one up after 120 s
Outcome = Prediction | ClientError | OSError
# Says of a model and version why a request was not accepted: the management API knows, the inference API does not.
Explain = Callable[[str, str | None, NotAcceptedError], NotAcceptedError]


class InferenceClient(ABC):
    """A client of the inference API: `RestClient` or `GrpcClient`, which have the same methods, results and errors.

    Args:
        tokens: the server's keys, a gateway's API key, or None where none is asked for.
        retries: when a prediction is asked for again.
        explain: turns a `NotAcceptedError` into `QueueFullError` or `NoWorkerError`; None leaves it as it is.
    """

    def __init__(self, *, tokens: Tokens | ApiKey | None, retries: Retries, explain: Explain | None) -> None:
        self._tokens = tokens
        self._retries = retries
        self._explain = explain

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def predict(
        self, image: ImageSource, *, model: str = DEFAULT_MODEL, version: str | None = None, top_k: int | None = None
    ) -> Prediction:
        """Classify one image.

        Args:
            image: the bytes of a file, the path of one, or a Pillow image.
            model: a registered model.
            version: one of its versions; None leaves the choice to the server.
            top_k: how many classes to name, best first; None leaves it to the handler.

        Raises:
            ClientError: see pixserve/errors.py.
            OSError: the file cannot be read.
        """
        data = to_bytes(image)

        def send(headers: dict[str, str]) -> Prediction:
            return self._predict(data, model, version, top_k, headers)

        try:
            return self._retries.call(lambda: with_token(self._tokens, "inference", send))
        except NotAcceptedError as fault:
            if self._explain is None:
                raise
            raise self._explain(model, version, fault) from fault

    def predict_many(
        self,
        images: Iterable[ImageSource],
        *,
        concurrency: int = 8,
        model: str = DEFAULT_MODEL,
        version: str | None = None,
        top_k: int | None = None,
    ) -> Generator[Outcome, None, None]:
        """Classify images, `concurrency` of them at once; outcomes come in the order of the images.

        An outcome is a prediction, or the error that `predict` would have raised. `images` is read as answers are
        taken, so that it may be endless.
        """

        def outcome(image: ImageSource) -> Outcome:
            try:
                return self.predict(image, model=model, version=version, top_k=top_k)
            except (ClientError, OSError) as fault:
                return fault

        with ThreadPoolExecutor(concurrency) as pool:
            pending: deque[Future[Outcome]] = deque()
            try:
                for image in images:
                    pending.append(pool.submit(outcome, image))
                    if len(pending) == concurrency:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def explain(
        self,
        image: ImageSource,
        *,
        model: str = DEFAULT_MODEL,
        version: str | None = None,
        method: str | None = None,
        target: str | int | None = None,
    ) -> Explanation:
        """Ask which pixels of an image spoke for a class; seconds on a busy server, which puts predictions first.

        Args:
            image, model, version: as for `predict`.
            method: `occlusion` or `integrated_gradients`; None leaves it to the server.
            target: the name or index of a class; None means the predicted one.

        Raises:
            ClientError: see pixserve/errors.py.
            OSError: the file cannot be read.
        """
        options = {"format": "both"}
        if method is not None:
            options["method"] = method
        if target is not None:
            options["class"] = str(target)
        data = to_bytes(image)

        def send(headers: dict[str, str]) -> Explanation:
            return self._explanation(data, model, version, options, headers)

        return self._retries.call(lambda: with_token(self._tokens, "inference", send))

    def health(self) -> Health:
        """Return TorchServe's own opinion of its health (`/ping`).

        Raises:
            ClientError: it does not answer.
        """
        return self._retries.call(lambda: with_token(self._tokens, "inference", self._health))

    @abstractmethod
    def close(self) -> None:
        """Close the connections."""

    @abstractmethod
    def _predict(
        self, image: bytes, model: str, version: str | None, top_k: int | None, headers: dict[str, str]
    ) -> Prediction: ...

    @abstractmethod
    def _explanation(
        self, image: bytes, model: str, version: str | None, options: dict[str, str], headers: dict[str, str]
    ) -> Explanation: ...

    @abstractmethod
    def _health(self, headers: dict[str, str]) -> Health: ...
