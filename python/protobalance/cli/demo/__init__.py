"""The demo: a real balancer, real processes behind it, real clients in front of it.

* `web_node`: one small web server, a process of its own, so that it can be killed.
* `nodes`: starts, kills and restarts them.
* `traffic`: the clients and what they saw.
* `picture`: one moment of it as lines; `stage`: where the lines go.
* `play`: the acts, in order.

Nothing is left behind at the end, whatever the end was: processes end with their parent, files live in one
temporary folder.
"""
