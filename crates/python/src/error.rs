//! The one error map: what the engine refuses, as Python's `EngineError`.

use pyo3::prelude::*;

pyo3::create_exception!(
    protobalance._engine,
    EngineError,
    pyo3::exceptions::PyException,
    "The engine refused."
);

/// The refusal as an exception with `kind`, `where` and `message`.
pub(crate) fn raise(py: Python<'_>, error: &protobalance_engine::error::EngineError) -> PyErr {
    let exception = EngineError::new_err(error.to_string());
    let value = exception.value(py);
    for (name, text) in [("kind", error.kind.word()), ("where", &error.place), ("message", &error.message)] {
        if let Err(failure) = value.setattr(name, text) {
            return failure;
        }
    }
    exception
}
