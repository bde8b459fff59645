"""The trader's side of Binance USDT-M futures: REST, market streams, user stream."""
