"""bench-parser: reading what models are, against safetensors' and huggingface_hub's own functions in the same run."""
