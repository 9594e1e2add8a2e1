"""Small HTTP requests with a bound on everything, for REST, etcd's gateway and the dashboard."""

import http.client
import json
from dataclasses import dataclass

from .ports import HOST


@dataclass(frozen=True)
class Answer:
    status: int
    text: str

    def json(self):
        return json.loads(self.text)


def request(port, path, method="GET", body=None, seconds=2.0):
    """The answer, or None when nobody answered in time."""
    connection = http.client.HTTPConnection(HOST, port, timeout=seconds)
    try:
        headers = {"Content-Type": "application/json"} if body is not None else {}
        connection.request(method, path, json.dumps(body) if body is not None else None, headers)
        response = connection.getresponse()
        return Answer(response.status, response.read().decode("utf-8", "replace"))
    except (OSError, http.client.HTTPException):
        return None
    finally:
        connection.close()


def status(port, path, seconds=2.0):
    """The status code alone; 0 when nobody answered."""
    answer = request(port, path, seconds=seconds)
    return answer.status if answer else 0
