"""The control plane: it steers the engine and is never on the way of a byte.

The nouns:

* `engine_port`: the one door to the compiled engine; replies come out as `report` structs.
* `supervisor.Supervisor`: one engine, the configuration in force, the overrides on top of it. Every
  operation of the API and the command line is one of its methods; what it answers is in `answers`,
  what it refuses in `refusal`.
* `overrides`: what an operator set at run time, kept beside the file across restarts.
* `background.Background`: what goes on by itself, as asyncio tasks: `names` (resolution), `load_ratings`,
  `health` (active checks), the engine's events.
* `history`: what changed, when, and by whom. `explain`: a decision as a sentence. `impact`: what a change
  would do to sessions.
* `lifecycle`: a process (signals, service manager). `balancer.Balancer`: the same inside a program.

The main path: `Supervisor.start` puts a plan in force before anything of asyncio is imported; traffic
flows from then on, and everything else may come later or not at all.
"""
