//! Golden vectors: each policy's choices for fixed input, in `tests/golden/`. They change only when
//! a decision of the policy is changed on purpose; then `GOLDEN=write` writes them anew.

use std::fmt::Write as _;
use std::fs;
use std::path::Path;
use std::time::Duration;

use protobalance_core::policy::NAMES;

use crate::model::Model;

/// Two sessions every 50 ms, a varied life, some traffic; a node is drained in the middle third.
fn choices(name: &str) -> String {
    let mut model = Model::new(name, &[1, 2, 0, 5, 1], 20_260_101);
    let mut open: Vec<usize> = Vec::new();
    let mut text = String::new();
    for step in 0..240u64 {
        if step == 80 || step == 160 {
            use protobalance_core::node::AdminState::{Available, Draining};
            model.nodes[3].state.set_admin_state(if step == 80 { Draining } else { Available });
        }
        if step % 60 == 0 {
            for (place, node) in model.nodes.iter().enumerate().skip(1) {
                node.state.set_rating((place as u64 * 7 % 5) as f64, model.now);
            }
        }
        let index = model.open();
        let _ = write!(text, "n{index}{}", if step % 20 == 19 { "\n" } else { " " });
        open.push(index);
        if step % 3 != 0 {
            let ended = open.remove((step * 7) as usize % open.len());
            model.nodes[ended].state.relayed(1_000 * (step % 11), 100 * (step % 13), model.now);
            model.nodes[ended].state.session_closed();
        }
        model.advance(Duration::from_millis(25 + step % 2 * 50));
    }
    text
}

#[expect(clippy::disallowed_methods, reason = "the test, not the core, writes its vectors")]
fn read_or_write(path: &Path, got: &str) -> String {
    if option_env!("GOLDEN") == Some("write") {
        fs::write(path, got).expect("the folder of golden vectors can be written");
    }
    fs::read_to_string(path).expect("each policy has its golden vectors")
}

#[test]
fn each_policy_chooses_as_ever() {
    for name in NAMES {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("tests/golden/{name}.txt"));
        let got = choices(name);
        let expected = read_or_write(&path, &got);
        assert_eq!(got, expected, "{name}");
    }
}
