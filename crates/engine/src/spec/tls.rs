//! TLS in a plan: what files hold, and the files' names, so that an error can name the file. Nothing
//! of what they hold is ever shown.

use serde::Deserialize;

/// What a PEM file holds.
#[derive(Clone, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct PemSpec {
    /// The file's name, for messages.
    pub file: String,
    /// Its text.
    pub pem: String,
}

impl std::fmt::Debug for PemSpec {
    /// The name alone: it may hold a private key.
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.debug_struct("PemSpec").field("file", &self.file).finish_non_exhaustive()
    }
}

/// A certificate with its chain, and its key.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct CertificateSpec {
    /// The certificate, then those that lead to its authority.
    pub certificate: PemSpec,
    /// Its private key.
    pub key: PemSpec,
}

/// TLS with clients, which ends here.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct InwardSpec {
    /// At least one; the first is for clients that name nobody, or nobody here.
    pub certificates: Vec<CertificateSpec>,
    /// Who may sign clients' certificates.
    pub client_ca: Option<PemSpec>,
    /// `off`, `optional` or `required`.
    pub client_certificates: String,
    /// `1.2` or `1.3`.
    pub minimum_version: String,
    /// Protocols offered, the most wanted first.
    pub alpn: Vec<String>,
}

/// TLS with nodes.
#[derive(Clone, Debug, Deserialize, PartialEq)]
#[serde(deny_unknown_fields)]
pub struct OutwardSpec {
    /// Who may sign the nodes' certificates; without it, whom the system trusts.
    pub ca: Option<PemSpec>,
    /// Shown to nodes that ask for one.
    pub certificate: Option<CertificateSpec>,
    /// Whether the nodes' certificates are looked at.
    pub verify: bool,
}
