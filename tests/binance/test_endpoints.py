"""URLs of the real exchange and the rules that keep streams on their own routes."""

import pytest

from vortex.adapters.binance.endpoints import LIVE, TESTNET, Route, custom, stream_names, stream_url, user_stream_url


def test_live_urls_carry_their_route():
    """Unrouted stream URLs deliver public data only since April 2026."""
    assert stream_url(LIVE, Route.PUBLIC, ("BTCUSDT",)) == (
        "wss://fstream.binance.com/public/stream?streams=btcusdt@depth20@100ms/btcusdt@bookTicker"
    )
    assert stream_url(TESTNET, Route.MARKET, ("BTCUSDT",)).startswith(
        "wss://demo-fstream.binance.com/market/stream?streams=btcusdt@aggTrade/"
    )
    assert user_stream_url(LIVE, "k") == "wss://fstream.binance.com/private/ws?listenKey=k"


def test_a_custom_exchange_is_named_by_two_urls():
    """Trading and market data may come from different places, but one loopback server is both."""
    urls = custom("http://127.0.0.1:1/", "ws://127.0.0.1:1/")
    assert (urls.rest, urls.market_rest, urls.streams, urls.spot_rest) == (
        "http://127.0.0.1:1",
        "http://127.0.0.1:1",
        "ws://127.0.0.1:1",
        "",
    )


def test_more_streams_than_a_socket_takes_are_refused():
    """The exchange would cut the socket."""
    with pytest.raises(AssertionError):
        stream_names(Route.MARKET, tuple(f"S{number}USDT" for number in range(147)))
