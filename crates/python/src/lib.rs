//! The boundary between the engine and Python: few, coarse calls, payloads as JSON. Every call that
//! may wait lets go of the interpreter first; no call is ever made per connection.

// Python's documentation of these items is in python/protobalance/_engine.pyi, checked by stubtest.
#![allow(missing_docs, reason = "documented once, in the stub that Python's tools read")]

mod error;

use std::collections::HashMap;
use std::os::fd::RawFd;

use protobalance_engine::engine;
use pyo3::prelude::*;
use pyo3::types::PyBytes;

use crate::error::{EngineError, raise};

#[pyclass(frozen, module = "protobalance._engine")]
struct Engine {
    inner: engine::Engine,
}

#[pymethods]
impl Engine {
    #[new]
    #[pyo3(signature = (workers=0, max_sessions=0, handed_over=vec![]))]
    fn new(
        py: Python<'_>,
        workers: usize,
        max_sessions: u64,
        handed_over: Vec<(String, RawFd)>,
    ) -> PyResult<Engine> {
        let inner = waiting(py, || engine::Engine::start(workers, max_sessions, &handed_over));
        inner.map(|inner| Engine { inner }).map_err(|error| raise(py, &error))
    }

    #[getter]
    fn event_fd(&self) -> RawFd {
        self.inner.event_fd()
    }

    fn apply(&self, py: Python<'_>, plan: &[u8]) -> PyResult<u64> {
        waiting(py, || self.inner.apply(plan)).map_err(|error| raise(py, &error))
    }

    fn set_load_ratings(&self, py: Python<'_>, cluster: &str, ratings: HashMap<String, f64>) -> PyResult<()> {
        waiting(py, || self.inner.set_load_ratings(cluster, &ratings)).map_err(|error| raise(py, &error))
    }

    fn report_check(&self, py: Python<'_>, cluster: &str, node: &str, failure: &str) -> PyResult<()> {
        waiting(py, || self.inner.report_check(cluster, node, failure)).map_err(|error| raise(py, &error))
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        answer(py, || Ok(self.inner.snapshot()))
    }

    fn listening_sockets<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        answer(py, || Ok(self.inner.listening_sockets()))
    }

    fn sessions<'py>(
        &self,
        py: Python<'py>,
        listener: &str,
        node: &str,
        client: &str,
        limit: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        answer(py, || Ok(self.inner.sessions(listener, node, client, limit)))
    }

    fn decisions<'py>(
        &self,
        py: Python<'py>,
        listener: &str,
        client: &str,
        limit: usize,
    ) -> PyResult<Bound<'py, PyBytes>> {
        answer(py, || Ok(self.inner.decisions(listener, client, limit)))
    }

    fn would_go<'py>(
        &self,
        py: Python<'py>,
        listener: &str,
        client: &str,
        server_name: &str,
    ) -> PyResult<Bound<'py, PyBytes>> {
        answer(py, || self.inner.would_go(listener, client, server_name))
    }

    fn take_events<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyBytes>> {
        answer(py, || Ok(self.inner.take_events()))
    }

    fn reopen_session_log(&self, py: Python<'_>) {
        waiting(py, || self.inner.reopen_session_log());
    }

    fn drain(&self, py: Python<'_>) {
        waiting(py, || self.inner.drain());
    }

    fn stop(&self, py: Python<'_>) {
        waiting(py, || self.inner.stop());
    }
}

#[pyfunction]
fn inspect<'py>(py: Python<'py>, question: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    let question = serde_json::from_slice(question)
        .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
    answer(py, || Ok(protobalance_engine::inspection::inspect(&question)))
}

/// The one place that lets go of the interpreter.
fn waiting<T: Send>(py: Python<'_>, call: impl FnOnce() -> T + Send) -> T {
    py.detach(call)
}

/// Runs a call and hands its answer over as JSON, made while the interpreter is free.
fn answer<'py, T: serde::Serialize>(
    py: Python<'py>,
    call: impl FnOnce() -> Result<T, protobalance_engine::error::EngineError> + Send,
) -> PyResult<Bound<'py, PyBytes>> {
    let json = waiting(py, || call().map(|answer| serde_json::to_vec(&answer)));
    let json = json.map_err(|error| raise(py, &error))?;
    let json = json.map_err(|error| pyo3::exceptions::PyRuntimeError::new_err(error.to_string()))?;
    Ok(PyBytes::new(py, &json))
}

/// See `confine` in the stub.
#[pyfunction]
fn confine<'py>(py: Python<'py>, request: &[u8]) -> PyResult<Bound<'py, PyBytes>> {
    answer(py, || protobalance_engine::confine::confine(request))
}

#[pymodule(name = "_engine")]
fn contents(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add_class::<Engine>()?;
    module.add_function(wrap_pyfunction!(confine, module)?)?;
    module.add_function(wrap_pyfunction!(inspect, module)?)?;
    module.add("EngineError", module.py().get_type::<EngineError>())
}
