"""The admin interface: what may be asked of a running balancer, said once.

* An *operation* (`operation.py`) is a name, an input type, an output type and a function of the
  supervisor and the input. One file each under `operations/`; `registry.py` lists them.
* The REST interface (`rest.py`), its description (`openapi.py`) and the command line's client are
  derived from the registry; none is written twice.
* A *mutating* operation carries a *transaction* id. The same id again gets the first answer and
  changes nothing, so a client may repeat itself when an answer was lost.
* A refusal (`errors.py`) is one JSON shape, whoever refused.
* The admin socket (`admin_socket.py`) belongs to one balancer and one user; `server.py` answers on it. Who
  comes in at its *door* (`door.py`) is a *connection* (`connection.py`) with *exchanges* (`exchange.py`), one
  after another.

The main path: `server.serve` -> `Connection.serve` -> `rest.application` -> an operation's handler -> the
supervisor.
"""
