"""`eddy serve`: the API."""

from typing import Annotated

import typer

from eddy import settings
from eddy.monitoring import logs


def serve(
    workers: Annotated[int | None, typer.Option(help="Number of worker processes (default: EDDY_API_WORKERS).")] = None,
    host: Annotated[str | None, typer.Option(help="Address to listen on (default: EDDY_API_HOST).")] = None,
    port: Annotated[
        int | None, typer.Option(help="Port to listen on; 0: any free port (default: EDDY_API_PORT).")
    ] = None,
) -> None:
    """Serve the HTTP API, which checks single transactions with the active model.

    Example:

        eddy serve --workers 4 --port 8080

        curl -H 'Content-Type: application/json' -d @transaction.json http://127.0.0.1:8080/v1/check
    """
    from eddy.api import server  # here, because it costs other commands half a second

    loaded = settings.load(api_workers=workers, api_host=host, api_port=port)
    logs.configure(loaded.log_format, loaded.log_level)
    server.run(loaded)
