"""What a backtest means: pure functions from a spec and market data to a result. Read `engine.backtest` first."""
