"""Binance's own SDK pointed at the simulated exchange."""

from binance_common.configuration import (
    ConfigurationRestAPI,
    ConfigurationWebSocketAPI,
    ConfigurationWebSocketStreams,
)
from binance_sdk_derivatives_trading_usds_futures.derivatives_trading_usds_futures import DerivativesTradingUsdsFutures
from venue import KEY, REST, SECRET, WS


def pointed(**changes):
    """Only addresses are changed; the timeout is raised, because its default of one second is for quiet machines."""
    rest = {"api_key": KEY, "api_secret": SECRET, "base_path": REST, "timeout": 5000, "retries": 0, **changes}
    return DerivativesTradingUsdsFutures(
        config_rest_api=ConfigurationRestAPI(**rest),
        config_ws_api=ConfigurationWebSocketAPI(api_key=KEY, api_secret=SECRET, stream_url=f"{WS}/ws-fapi/v1"),
        config_ws_streams=ConfigurationWebSocketStreams(stream_url=WS),
    )
