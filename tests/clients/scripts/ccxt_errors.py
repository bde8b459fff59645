"""ccxt: the class of exception for each refusal, under the address of the exchange here and under production's name."""

import ccxt
import requests
from ccxt_venue import BTC, pointed
from refusals import INJECTED, natural, sent, with_an_order
from venue import HOST, KEY, SECRET, at, calm, error_of, fault, tell


class SameRequestElsewhere(requests.adapters.HTTPAdapter):
    """Carries requests for production's host to the simulated exchange; the client believes that it is there."""

    def send(self, request, **named):
        request.url = request.url.replace("https://fapi.binance.com", f"http://{HOST}")
        return super().send(request, **named)


def production():
    """A client with nothing changed but its network."""
    exchange = ccxt.binanceusdm(
        {"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, "options": {"fetchCurrencies": False}}
    )
    exchange.session.mount("https://fapi.binance.com/", SameRequestElsewhere())
    return exchange


def implicit(exchange, method, path, parameters):
    """A request by its path, as ccxt spells it."""
    name = path.removeprefix("/fapi/v1/")
    return exchange.request(name, ["fapiPrivate"], method, sent(parameters))


def refusals(exchange):
    """[code, class] of everything that can be refused."""
    found = [
        [code, error_of(implicit, exchange, method, path, parameters)] for code, method, path, parameters in natural()
    ]
    price = at(0.97)
    resting = exchange.create_order(BTC, "limit", "buy", 0.002, price, {"newClientOrderId": "resting-1"})
    for code, method, path, parameters in with_an_order("resting-1", resting["id"], price):
        found.append([code, error_of(implicit, exchange, method, path, parameters)])
    exchange.cancel_order(resting["id"], BTC)
    for code, status in INJECTED:
        fault(kind="error", code=code, status=status, count=1, path="/fapi/v1/order")
        found.append([f"{code}/{status}", error_of(exchange.create_order, BTC, "limit", "buy", 0.002, price)])
        calm()
    return found


def wire(exchange):
    """Answers that are not the exchange's own, wrong keys, and wrong clocks."""
    price = at(0.97)
    found = {}
    for name, body in (("page", "<html>nothing here</html>"), ("text", "Service Unavailable.")):
        fault(kind="error", status=503, body=body, count=1, path="/fapi/v1/order")
        found[name] = error_of(exchange.create_order, BTC, "limit", "buy", 0.002, price)
    calm()
    fault(kind="clock_skew_ms", value=60_000)
    found["clock_behind"] = error_of(exchange.fetch_balance)
    calm()
    fault(kind="clock_skew_ms", value=-60_000)
    found["clock_ahead"] = error_of(exchange.fetch_balance)
    calm()
    exchange.secret = "wrong"
    found["secret"] = error_of(exchange.fetch_balance)
    exchange.secret, exchange.apiKey = SECRET, "x" * 64
    found["key"] = error_of(exchange.fetch_balance)
    exchange.apiKey = KEY
    found["interval"] = error_of(
        exchange.request, "klines", ["fapiPublic"], "GET", {"symbol": "BTCUSDT", "interval": "7m"}
    )
    found["limit"] = error_of(exchange.request, "depth", ["fapiPublic"], "GET", {"symbol": "BTCUSDT", "limit": 7})
    exchange.timeout = 300
    fault(kind="lost_response", count=1, method="POST", path="/fapi/v1/order")
    options = {"newClientOrderId": "lost-1"}
    found["lost"] = error_of(exchange.create_order, BTC, "limit", "buy", 0.002, price, options)
    exchange.timeout = 10_000
    calm()
    found["lost_and_there"] = exchange.fetch_order(None, BTC, {"clientOrderId": "lost-1"})["status"]
    exchange.cancel_all_orders(BTC)
    return found


def main():
    """Both addresses."""
    here, there = pointed(ccxt.binanceusdm), production()
    here.load_markets()
    there.set_markets(here.markets)
    tell({"here": refusals(here), "there": refusals(there), "wire": wire(here)})


main()
