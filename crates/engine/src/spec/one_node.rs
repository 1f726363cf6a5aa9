//! The plan of tests: a listener `in` for a cluster `c` with one node `n`, everything else as it comes.

/// As the control plane would send it.
pub(crate) fn plan(node: std::net::SocketAddr) -> serde_json::Value {
    serde_json::json!({
        "session_log": {"target": "off", "format": "text"},
        "listeners": [{
            "name": "in", "bind": ["127.0.0.1:0"], "cluster": "c", "idle_timeout_ms": 60_000,
            "first_byte_timeout_ms": 0, "half_close_timeout_ms": 60_000, "max_sessions": 0,
            "max_sessions_per_client": 1, "new_sessions_per_second_per_client": 0,
            "new_session_burst_per_client": 0, "new_sessions_per_second": 0,
            "backlog": 128, "keepalive_ms": 0, "user_timeout_ms": 0,
        }],
        "clusters": [{
            "name": "c", "policy": "round-robin", "hash_key": "", "load_expression": "",
            "rating_ttl_ms": 1000, "rate_window_ms": 1000, "connect_timeout_ms": 5000,
            "failover_timeout_ms": 5000, "retry_interval_ms": 1000,
            "early_close_window_ms": 1000, "first_contact_pause_ms": 0,
            "source_addresses": [], "transparent": false, "replay_unanswered": false, "affinity": null,
            "nodes": [{
                "name": "n", "address": node.to_string(), "weight": 1, "fallbacks": [],
                "admin_state": "available", "max_sessions": 0, "ports": [],
            }],
        }],
    })
}
