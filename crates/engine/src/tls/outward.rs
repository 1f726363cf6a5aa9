//! TLS towards the nodes of a cluster: whom it trusts there, by what name, and who it says it is.

use std::sync::Arc;

use protobalance_core::session::TlsFault;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{WebPkiSupportedAlgorithms, verify_tls12_signature, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, ServerName, UnixTime};
use rustls::sign::SingleCertAndKey;
use rustls::{
    CertificateError, ClientConfig, ClientConnection, DigitallySignedStruct, Error, SignatureScheme,
};

use super::Link;
use super::material::{authorities, certified_key, provider, system_authorities};
use crate::spec::{NodeSpec, OutwardSpec};

/// A cluster's way to speak TLS with its nodes.
#[derive(Debug)]
pub(crate) struct Outward {
    config: Arc<ClientConfig>,
    /// By node index.
    names: Box<[ServerName<'static>]>,
}

impl Outward {
    pub(crate) fn new(spec: &OutwardSpec, nodes: &[NodeSpec]) -> Result<Outward, String> {
        let builder = ClientConfig::builder_with_provider(provider())
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        let builder = match (spec.verify, &spec.ca) {
            (true, Some(ca)) => builder.with_root_certificates(authorities(ca)?),
            (true, None) => builder.with_root_certificates(system_authorities()?),
            (false, _) => builder.dangerous().with_custom_certificate_verifier(Arc::new(Unverified(
                provider().signature_verification_algorithms,
            ))),
        };
        // Early data stays off, as it is by default: what comes before the handshake's end may be replayed.
        let config = match &spec.certificate {
            Some(pair) => {
                builder.with_client_cert_resolver(Arc::new(SingleCertAndKey::from(certified_key(pair)?)))
            }
            None => builder.with_no_client_auth(),
        };
        let names = nodes.iter().map(|node| {
            ServerName::try_from(node.server_name.clone()).map_err(|_| {
                format!("node {:?}: {:?} is no name to expect in a certificate", node.name, node.server_name)
            })
        });
        Ok(Outward { config: Arc::new(config), names: names.collect::<Result<_, _>>()? })
    }

    /// A session with a node, not yet begun; offering the protocol that was agreed on with the client.
    pub(crate) fn link(&self, node: usize, protocol: Option<&[u8]>) -> Option<Box<Link>> {
        let name = self.names.get(node)?.clone();
        let offered = protocol.map(<[u8]>::to_vec).into_iter().collect();
        let session = ClientConnection::new_with_alpn(Arc::clone(&self.config), name, offered).ok()?;
        Some(Box::new(Link::new(session)))
    }
}

/// Why a handshake with a node failed.
pub(crate) fn fault(error: &Error) -> TlsFault {
    use CertificateError as Certificate;
    match error {
        Error::InvalidCertificate(reason) => match reason {
            Certificate::Expired | Certificate::ExpiredContext { .. } => TlsFault::Expired,
            Certificate::NotValidYet | Certificate::NotValidYetContext { .. } => TlsFault::NotYetValid,
            // A bad signature is that of an authority that only has the name of one we trust.
            Certificate::UnknownIssuer | Certificate::BadSignature => TlsFault::UnknownIssuer,
            Certificate::NotValidForName | Certificate::NotValidForNameContext { .. } => TlsFault::WrongName,
            _ => TlsFault::BadCertificate,
        },
        Error::AlertReceived(_) => TlsFault::Alert,
        _ => TlsFault::Protocol,
    }
}

/// Takes any certificate: `verify = false`. That its owner has the key is still made sure of.
#[derive(Debug)]
struct Unverified(WebPkiSupportedAlgorithms);

impl ServerCertVerifier for Unverified {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.supported_schemes()
    }
}
