"""Which runtime serves a model: named by the service or chosen among all, with reasons for every one of them."""
