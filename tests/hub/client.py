"""The installed client in the tests' own process, where it was imported offline and for the real Hub."""

import os
from collections.abc import Iterator
from contextlib import contextmanager
from unittest.mock import patch

from huggingface_hub import configure_http_backend, constants, file_download

from tests.hub.server import HERE, Hub


@contextmanager
def online(hub: Hub) -> Iterator[None]:
    """What `hub.environment()` would have set before the client was imported, while the block lasts."""
    template = f"{hub.url}/{{repo_id}}/resolve/{{revision}}/{{filename}}"
    with (
        patch.object(constants, "ENDPOINT", hub.url),
        patch.object(constants, "HUGGINGFACE_CO_URL_TEMPLATE", template),
        patch.object(file_download, "HUGGINGFACE_CO_URL_TEMPLATE", template),
        patch.object(constants, "HF_HUB_OFFLINE", False),
        patch.object(constants, "HF_HUB_DISABLE_IMPLICIT_TOKEN", True),
        patch.dict(os.environ, {"NO_PROXY": HERE, "no_proxy": HERE}),
    ):
        # The client keeps its sessions, and with them whether they are offline.
        configure_http_backend()
        yield
    configure_http_backend()
