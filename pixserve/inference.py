"""What both wires share: pictures to bytes, retries, tokens, many pictures at once."""

from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from types import TracebackType
from typing import Self, TypeVar

from pixserve.errors import ClientError, NotAcceptedError, UnauthorizedError
from pixserve.images import Picture, to_bytes
from pixserve.records import Health, Prediction
from pixserve.retries import Retries
from pixserve.tokens import Tokens

DEFAULT_MODEL = "cifar10"
DEFAULT_TIMEOUT_S = 30.0
Result = TypeVar("Result")
# Says of a model and version why a request was not accepted: the management API knows, the inference API does not.
Explain = Callable[[str, str | None, NotAcceptedError], NotAcceptedError]


class InferenceClient(ABC):
    """A client of the inference API; `RestClient` and `GrpcClient` say the same over different wires.

    Args:
        tokens: the server's keys, or None where it asks for none.
        retries: when a prediction is asked for again.
        explain: tells a full queue from a missing worker, which TorchServe answers alike.
    """

    def __init__(self, *, tokens: Tokens | None, retries: Retries, explain: Explain | None) -> None:
        self._tokens = tokens
        self._retries = retries
        self._explain = explain

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: type[BaseException] | BaseException | TracebackType | None) -> None:
        self.close()

    def predict(
        self, picture: Picture, *, model: str = DEFAULT_MODEL, version: str | None = None, top_k: int | None = None
    ) -> Prediction:
        """Classify one picture.

        Args:
            picture: the bytes of a file, the path of one, or a Pillow image.
            model: a registered model.
            version: one of its versions; None leaves the choice to the server.
            top_k: how many classes to name, best first; None leaves it to the handler.

        Raises:
            ClientError: see client/errors.py.
            OSError: the file cannot be read.
        """
        data = to_bytes(picture)
        try:
            return self._retries.call(lambda: self._authorized(lambda: self._predict(data, model, version, top_k)))
        except NotAcceptedError as fault:
            if self._explain is None:
                raise
            raise self._explain(model, version, fault) from fault

    def predict_many(
        self,
        pictures: Iterable[Picture],
        *,
        concurrency: int = 8,
        model: str = DEFAULT_MODEL,
        version: str | None = None,
        top_k: int | None = None,
    ) -> Iterator[Prediction | ClientError | OSError]:
        """Classify pictures, `concurrency` of them at once; outcomes come in the order of the pictures.

        An outcome is a prediction, or the error that `predict` would have raised. `pictures` is read as answers are
        taken, so that it may be endless.
        """

        def outcome(picture: Picture) -> Prediction | ClientError | OSError:
            try:
                return self.predict(picture, model=model, version=version, top_k=top_k)
            except (ClientError, OSError) as fault:
                return fault

        with ThreadPoolExecutor(concurrency) as pool:
            pending: deque[Future[Prediction | ClientError | OSError]] = deque()
            try:
                for picture in pictures:
                    pending.append(pool.submit(outcome, picture))
                    if len(pending) == concurrency:
                        yield pending.popleft().result()
                while pending:
                    yield pending.popleft().result()
            finally:
                pool.shutdown(cancel_futures=True)

    def health(self) -> Health:
        """Ask TorchServe how it is.

        Raises:
            ClientError: it does not answer.
        """
        return self._retries.call(lambda: self._authorized(self._health))

    @abstractmethod
    def close(self) -> None:
        """Give the connections back."""

    @abstractmethod
    def _predict(self, picture: bytes, model: str, version: str | None, top_k: int | None) -> Prediction: ...

    @abstractmethod
    def _health(self) -> Health: ...

    def _headers(self) -> dict[str, str]:
        return self._tokens.header("inference") if self._tokens else {}

    def _authorized(self, call: Callable[[], Result]) -> Result:
        """Call once more where a key was refused that another client, or a restart, has replaced meanwhile."""
        before = self._headers()
        try:
            return call()
        except UnauthorizedError:
            if self._headers() == before:
                raise
            return call()
