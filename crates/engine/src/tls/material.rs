//! Certificates, keys and authorities, from PEM. An error names the file and says what is wrong with
//! it and what to do; it never repeats what a file holds.

use std::sync::Arc;

use rustls::RootCertStore;
use rustls::crypto::CryptoProvider;
use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, PrivateKeyDer};
use rustls::sign::CertifiedKey;

use crate::spec::{CertificateSpec, PemSpec};

/// The cryptography everywhere: pure Rust and assembly, no C library beside it; see docs/decisions.
pub(crate) fn provider() -> Arc<CryptoProvider> {
    static PROVIDER: std::sync::OnceLock<Arc<CryptoProvider>> = std::sync::OnceLock::new();
    Arc::clone(PROVIDER.get_or_init(|| Arc::new(rustls::crypto::ring::default_provider())))
}

/// A certificate with its chain, and the key that fits it.
pub(crate) fn certified_key(
    CertificateSpec { certificate, key }: &CertificateSpec,
) -> Result<CertifiedKey, String> {
    let chain = certificates(certificate)?;
    let secret = PrivateKeyDer::from_pem_slice(key.pem.as_bytes()).map_err(|_| {
        let instead = if key.pem.contains("BEGIN CERTIFICATE") { ", but a certificate" } else { "" };
        format!(
            "{}: no private key in it{instead}; expected one in PEM, not encrypted by a password",
            key.file
        )
    })?;
    let secret = provider()
        .key_provider
        .load_private_key(secret)
        .map_err(|_| format!("{}: its key cannot be used; expected RSA, ECDSA or Ed25519", key.file))?;
    let pair = CertifiedKey::new(chain, secret);
    match pair.keys_match() {
        Err(rustls::Error::InconsistentKeys(rustls::InconsistentKeys::KeyMismatch)) => Err(format!(
            "{} is not the key of {}: give the key that this certificate was made for",
            key.file, certificate.file
        )),
        Err(rustls::Error::InvalidCertificate(_)) => Err(not_a_certificate(certificate)),
        // Where a key cannot tell, handshakes will.
        _ => Ok(pair),
    }
}

/// The host names that a certificate is for, wildcards as they stand there.
pub(crate) fn names_of(pair: &CertifiedKey) -> Vec<String> {
    let certificate = pair.cert.first().and_then(|der| webpki::EndEntityCert::try_from(der).ok());
    certificate
        .iter()
        .flat_map(|certificate| certificate.valid_dns_names())
        .map(str::to_ascii_lowercase)
        .collect()
}

/// The certificates of a file, at least one.
pub(crate) fn certificates(from: &PemSpec) -> Result<Vec<CertificateDer<'static>>, String> {
    let found: Result<Vec<_>, _> = CertificateDer::pem_slice_iter(from.pem.as_bytes()).collect();
    let found = found.map_err(|_| format!("{}: not PEM; expected certificates in PEM", from.file))?;
    match found.first() {
        None => {
            let instead = if from.pem.contains("PRIVATE KEY") { ", but a private key" } else { "" };
            Err(format!("{}: no certificate in it{instead}; expected at least one in PEM", from.file))
        }
        Some(first) if webpki::EndEntityCert::try_from(first).is_err() => Err(not_a_certificate(from)),
        Some(_) => Ok(found),
    }
}

fn not_a_certificate(from: &PemSpec) -> String {
    format!("{}: its first certificate cannot be read; expected X.509 version 3", from.file)
}

/// The authorities of a file, each of them usable.
pub(crate) fn authorities(from: &PemSpec) -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    for authority in certificates(from)? {
        roots.add(authority).map_err(|_| format!("{}: an authority in it cannot be read", from.file))?;
    }
    Ok(roots)
}

/// The authorities that this system trusts.
pub(crate) fn system_authorities() -> Result<RootCertStore, String> {
    let mut roots = RootCertStore::empty();
    // Among many there are some that nobody can read; what matters is that there are others.
    roots.add_parsable_certificates(rustls_native_certs::load_native_certs().certs);
    if roots.is_empty() {
        return Err("this system names no authorities to trust: install its ca-certificates, or name \
                    a file in tls.ca"
            .into());
    }
    Ok(roots)
}
