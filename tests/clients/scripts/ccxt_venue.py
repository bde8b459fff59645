"""A ccxt exchange pointed at the simulated one."""

from venue import HOST, KEY, SECRET, SYMBOL, at

BTC = "BTC/USDT:USDT"


def pointed(kind):
    """Only addresses are changed; the client is as it comes."""
    exchange = kind({"apiKey": KEY, "secret": SECRET, "enableRateLimit": False, "options": {"fetchCurrencies": False}})
    api = exchange.urls["api"]
    for version in (1, 2, 3):
        suffix = "" if version == 1 else f"V{version}"
        api[f"fapiPublic{suffix}"] = api[f"fapiPrivate{suffix}"] = f"http://{HOST}/fapi/v{version}"
    api["fapiData"] = f"http://{HOST}/futures/data"
    if "ws" in api:
        api["ws"]["linear"] = f"ws://{HOST}/ws"
        api["ws"]["ws-api"]["linear"] = f"ws://{HOST}/ws-fapi/v1"
    return exchange


__all__ = ["BTC", "SYMBOL", "at", "pointed"]
