"""Raw captures of Binance's WebSocket streams: a line is the local receive time, a blank and the message as it came.

Spot bookTicker has no event time; USD-M messages have the matching engine's (`T`), which is the event, and spot depth messages the time of
sending (`E`). Depth messages are changes to a book that begins with a line of the REST snapshot (`lastUpdateId`). Field names:
developers.binance.com, "WebSocket Streams" (spot) and "WebSocket Market Streams" (USD-M futures).
"""
