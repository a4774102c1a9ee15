"""What a model is, from its small files and the headers of its weight files. Pure: the caller fetches the bytes."""

from omectl.modelparser.errors import ModelParseError
from omectl.modelparser.families import family_of
from omectl.modelparser.files import ALLOW_PARAMETER, IGNORE_PARAMETER, model_files
from omectl.modelparser.lone import name_in_model, weight_file_facts
from omectl.modelparser.parser import parse_model
from omectl.modelparser.reading import ModelReading
from omectl.modelparser.requests import Request, needed_files
from omectl.modelparser.tensors import SafetensorsHeader, Tensor, header_bytes, parse_safetensors_header
from omectl.modelparser.weights import TensorSummary

__all__ = [
    "ALLOW_PARAMETER",
    "IGNORE_PARAMETER",
    "ModelParseError",
    "ModelReading",
    "Request",
    "SafetensorsHeader",
    "Tensor",
    "TensorSummary",
    "family_of",
    "header_bytes",
    "model_files",
    "name_in_model",
    "needed_files",
    "parse_model",
    "parse_safetensors_header",
    "weight_file_facts",
]
