//! Why a node with which TLS is spoken is not spoken with.

/// What was wrong with the handshake.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TlsFault {
    /// The node's certificate has expired.
    Expired,
    /// The node's certificate is not valid yet.
    NotYetValid,
    /// Nobody we trust signed the node's certificate.
    UnknownIssuer,
    /// The node's certificate is for another name.
    WrongName,
    /// The node's certificate cannot be trusted for another reason.
    BadCertificate,
    /// The node refused by an alert: our certificate, version or protocol, perhaps.
    Alert,
    /// What the node said is not TLS, or not TLS that we speak.
    Protocol,
}

impl TlsFault {
    /// The word used in logs and answers.
    #[must_use]
    pub fn word(self) -> &'static str {
        match self {
            TlsFault::Expired => "tls-expired",
            TlsFault::NotYetValid => "tls-not-yet-valid",
            TlsFault::UnknownIssuer => "tls-unknown-issuer",
            TlsFault::WrongName => "tls-wrong-name",
            TlsFault::BadCertificate => "tls-bad-certificate",
            TlsFault::Alert => "tls-alert",
            TlsFault::Protocol => "tls-protocol",
        }
    }
}
