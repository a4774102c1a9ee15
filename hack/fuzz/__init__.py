"""Fuzzing of the model parser: any bytes give facts or the parser's own error, within bounded time and memory."""
