"""A stand-in for the Hugging Face Hub, on this machine and in memory."""

from tests.hub.connection import Request
from tests.hub.server import Hub

__all__ = ["Hub", "Request"]
