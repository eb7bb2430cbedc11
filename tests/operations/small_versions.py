"""Two versions behind a small real server: each answers with one class, an error, or after a while."""

import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread

from pixserve import RestClient
from pixserve.retries import NO_RETRIES, Retries

Answer = str | tuple[int, str] | Callable[[], str | tuple[int, str]]
DAMAGED = (422, json.dumps({"code": 422, "type": "DamagedImage", "message": "cut short"}))
WORKER_DIED = (500, json.dumps({"code": 500, "type": "InternalServerException", "message": "Worker died."}))


@contextmanager
def versions(default: str, *, retries: Retries = NO_RETRIES, **answers: Answer) -> Iterator[RestClient]:
    """A client of a server whose versions answer with a class name, or with a status and a body."""

    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        wbufsize = 65536  # one packet an answer: the client would acknowledge the first of two after 40 ms

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            named = self.path.split("/")[3:]
            version = named[0] if named else default
            answer = answers[version]
            answer = answer() if callable(answer) else answer
            best = {"class": 0, "class_name": answer, "probability": 1.0}
            body = {**best, "top": [best], "model_version": version}
            status, text = (200, json.dumps(body)) if isinstance(answer, str) else answer
            self.send_response(status)
            self.send_header("Content-Length", str(len(text)))
            self.end_headers()
            self.wfile.write(text.encode())

        def log_message(self, *_: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    Thread(target=server.serve_forever, args=(0.01,), daemon=True).start()
    with RestClient(f"http://127.0.0.1:{server.server_port}", retries=retries) as client:
        yield client
    server.shutdown()
    server.server_close()


def after(delay_s: float, answer: str) -> Callable[[], str]:
    """An answer that takes its time."""

    def wait() -> str:
        time.sleep(delay_s)
        return answer

    return wait
