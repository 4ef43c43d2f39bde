"""Train, detect, backtest, tune and forecast: the only place that knows sources, detectors, sinks and the store."""
