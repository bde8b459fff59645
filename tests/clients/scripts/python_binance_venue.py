"""python-binance pointed at the simulated exchange: it takes no addresses, so subclasses name them."""

from binance import AsyncClient, BinanceSocketManager, Client
from venue import HOST


class Addresses:
    """Only addresses are changed; everything else is as it comes."""

    API_URL = f"http://{HOST}/api"
    FUTURES_URL = f"http://{HOST}/fapi"
    FUTURES_DATA_URL = f"http://{HOST}/futures/data"
    WS_FUTURES_URL = f"ws://{HOST}/ws-fapi/v1"


class VenueClient(Addresses, Client):
    """The synchronous client."""


class AsyncVenueClient(Addresses, AsyncClient):
    """The asynchronous client."""


def readdress():
    """For those parts of the library that make their own clients and sockets."""
    for name in ("API_URL", "FUTURES_URL", "FUTURES_DATA_URL", "WS_FUTURES_URL"):
        setattr(AsyncClient, name, getattr(Addresses, name))
    BinanceSocketManager.FSTREAM_URL = VenueSockets.FSTREAM_URL


class VenueSockets(BinanceSocketManager):
    """Its sockets."""

    FSTREAM_URL = f"ws://{HOST}/"
