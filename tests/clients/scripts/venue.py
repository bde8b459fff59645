"""What every client script needs: where the exchange is, its controls, and a way to print what was found out."""

import hashlib
import hmac
import json
import os
import sys
import time
import urllib.parse
import urllib.request

REST = os.environ["VENUE_REST"]
WS = os.environ["VENUE_WS"]
HOST = REST.removeprefix("http://")
KEY = os.environ["VENUE_KEY"]
SECRET = os.environ["VENUE_SECRET"]
SYMBOL = "BTCUSDT"
STARTED = time.monotonic()


def control(method, path, body=None):
    """One of the exchange's own endpoints."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(REST + path, data=data, method=method)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def signed(method, path, **parameters):
    """A signed request, for what has to be there before the client starts."""
    query = urllib.parse.urlencode({**parameters, "timestamp": int(time.time() * 1000)})
    signature = hmac.new(SECRET.encode(), query.encode(), hashlib.sha256).hexdigest()
    url = f"{REST}{path}?{query}&signature={signature}"
    request = urllib.request.Request(url, method=method, headers={"X-MBX-APIKEY": KEY})
    with urllib.request.urlopen(request, timeout=30) as answer:
        return json.load(answer)


def fault(**spec):
    """Install a fault."""
    return control("POST", "/sim/v1/faults", spec)


def calm():
    """Remove every fault."""
    return control("DELETE", "/sim/v1/faults")


def best():
    """Best bid and ask."""
    book = control("GET", f"/fapi/v1/ticker/bookTicker?symbol={SYMBOL}")
    return float(book["bidPrice"]), float(book["askPrice"])


def at(share):
    """A price at this multiple of the best bid, on the tick."""
    return round(best()[0] * share, 1)


def error_of(call, *arguments, **named):
    """The class of the exception a call raises, None when it raises none."""
    try:
        call(*arguments, **named)
    except Exception as error:
        return type(error).__name__
    return None


def until(claim, what, limit_s=60.0):
    """The first truthy answer of a claim."""
    end = time.monotonic() + limit_s
    while time.monotonic() < end:
        if answer := claim():
            return answer
        time.sleep(0.02)
    raise AssertionError(f"never: {what}")


def say(what):
    """Say how far it has come, for whoever reads the log of a failure."""
    sys.stderr.write(f"{time.monotonic() - STARTED:6.1f} {what}\n")
    sys.stderr.flush()


def tell(found):
    """Print what was found out, as the last line."""
    found["seconds"] = round(time.monotonic() - STARTED, 1)
    json.dump(found, sys.stdout, default=str)
    sys.stdout.write("\n")
