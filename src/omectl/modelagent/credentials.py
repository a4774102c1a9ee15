"""The token with which a model's files are read. A namespaced model never gets the process's own."""

from __future__ import annotations

import base64
import binascii

from omectl.api.document import at
from omectl.api.installation import AGENT_ACCOUNT, AGENT_NAMESPACE
from omectl.api.kinds import CLUSTER_BASE_MODELS
from omectl.kube.client import Client
from omectl.kube.errors import Forbidden, KubeError, NotFound
from omectl.kube.resources import SECRETS
from omectl.modelagent.problems import ModelError, Reason
from omectl.modelagent.wanted import WantedModel

_DATA_KEY_PARAMETER = "secretKey"
_DEFAULT_DATA_KEY = "token"
_LITERAL_PARAMETER = "token"


class Credentials:
    """Looks up tokens when needed and keeps none. Secrets of cluster models are in the operator's namespace."""

    def __init__(self, client: Client, operator_namespace: str, process_token: str | None) -> None:
        self._client = client
        self._operator_namespace = operator_namespace
        self._process_token = process_token

    async def token(self, model: WantedModel) -> str | None:
        """The model's Secret, else its literal parameter, else (cluster models only) the agent's own token.

        A Secret that is named but can't be read is an error, never a reason to try without it.
        """
        if model.storage.key:
            return await self._from_secret(model, model.storage.key)
        literal = model.parameters.get(_LITERAL_PARAMETER)
        if literal:
            return _checked(literal, "storage.parameters[token]")
        if model.key.kind == CLUSTER_BASE_MODELS.kind and self._process_token:
            return _checked(self._process_token, "the agent's own token")
        return None

    async def _from_secret(self, model: WantedModel, name: str) -> str:
        namespace = model.key.namespace or self._operator_namespace
        where = f"Secret {namespace}/{name}"
        try:
            secret = await self._client.get(SECRETS, name, namespace)
        except NotFound as error:
            raise _missing(f"{where} does not exist", f"Create it with the data key `{_DEFAULT_DATA_KEY}`.") from error
        except Forbidden as error:
            next_step = (
                f"Let the agent read it: bind a Role with `get` on that Secret in namespace {namespace!r} to "
                f"ServiceAccount {AGENT_NAMESPACE}/{AGENT_ACCOUNT}."
            )
            raise _missing(f"the agent may not read {where}", next_step) from error
        except KubeError as error:
            raise ModelError(
                Reason.API_SERVER_UNREACHABLE,
                f"The API server did not hand out {where} ({type(error).__name__}).",
                "The agent keeps trying.",
            ) from error
        data_key = model.parameters.get(_DATA_KEY_PARAMETER) or _DEFAULT_DATA_KEY
        value = at(secret, "data", data_key)
        if not isinstance(value, str):
            raise _missing(
                f"{where} has no data key {data_key!r}",
                f"Add it, or name another with storage.parameters[{_DATA_KEY_PARAMETER}].",
            )
        try:
            return _checked(base64.b64decode(value, validate=True).decode("ascii").strip(), where)
        except (binascii.Error, UnicodeDecodeError) as error:
            raise _missing(f"{where} holds something else than a token", "Put the bare token into it.") from error


def _checked(token: str, where: str) -> str:
    """A token that can stand in a header."""
    if not token or not token.isascii() or not token.isprintable() or " " in token:
        raise _missing(f"{where} is empty or not a token", "Put the bare token there, without spaces or line breaks.")
    return token


def _missing(what: str, next_step: str) -> ModelError:
    return ModelError(Reason.CREDENTIAL_MISSING, f"No token for the model: {what}.", next_step)
