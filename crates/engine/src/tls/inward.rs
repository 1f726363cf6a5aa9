//! TLS with a listener's clients, which ends here: which certificate each is shown, and whether it
//! must show one.

use std::collections::HashMap;
use std::sync::Arc;

use rustls::server::{ClientHello, NoServerSessionStorage, ResolvesServerCert, WebPkiClientVerifier};
use rustls::sign::CertifiedKey;
use rustls::{
    AlertDescription, CertificateError, Error, ServerConfig, ServerConnection, SupportedProtocolVersion,
};

use super::Link;
use super::material::{authorities, certified_key, names_of, provider};
use crate::plan::Plan;
use crate::spec::{InwardSpec, ListenerSpec, PlanSpec};

/// A listener's way to speak TLS with its clients.
#[derive(Debug)]
pub(crate) struct Inward(Arc<ServerConfig>);

impl Inward {
    pub(crate) fn new(spec: &InwardSpec) -> Result<Inward, String> {
        let builder = ServerConfig::builder_with_provider(provider())
            .with_protocol_versions(versions(&spec.minimum_version)?)
            .map_err(|error| error.to_string())?;
        let builder = match (spec.client_certificates.as_str(), &spec.client_ca) {
            ("off", _) => builder.with_no_client_auth(),
            (word @ ("optional" | "required"), Some(ca)) => {
                let verifier =
                    WebPkiClientVerifier::builder_with_provider(Arc::new(authorities(ca)?), provider());
                let verifier = if word == "optional" { verifier.allow_unauthenticated() } else { verifier };
                builder.with_client_cert_verifier(verifier.build().map_err(|error| error.to_string())?)
            }
            (word, _) => return Err(format!("client_certificates is {word:?} without a client_ca")),
        };
        let mut config = builder.with_cert_resolver(Arc::new(Shown::new(spec)?));
        config.alpn_protocols = spec.alpn.iter().map(|name| name.clone().into_bytes()).collect();
        // Sessions are resumed by tickets alone: no memory here for each client that ever was.
        config.session_storage = Arc::new(NoServerSessionStorage {});
        config.ticketer = rustls::crypto::ring::Ticketer::new().map_err(|error| error.to_string())?;
        Ok(Inward(Arc::new(config)))
    }

    /// A session with a client, not yet begun.
    pub(crate) fn link(&self) -> Option<Box<Link>> {
        ServerConnection::new(Arc::clone(&self.0)).ok().map(|session| Box::new(Link::new(session)))
    }
}

/// A listener's; the one in force where nothing of it has changed, so that its clients' tickets stay good.
pub(crate) fn inward(
    wanted: &ListenerSpec,
    before: Option<&PlanSpec>,
    plan: &Plan,
) -> Result<Option<Arc<Inward>>, String> {
    let Some(tls) = &wanted.tls else { return Ok(None) };
    if wanted.preface.is_none() {
        // It is as part of the preface that hands are shaken.
        return Err("tls: needs a preface".into());
    }
    let same = |old: &&ListenerSpec| old.name == wanted.name && old.tls.as_ref() == Some(tls);
    let unchanged = before.is_some_and(|before| before.listeners.iter().any(|old| same(&old)));
    let known = plan.listener(&wanted.name);
    match known.and_then(|listener| listener.tls.clone()).filter(|_| unchanged) {
        Some(known) => Ok(Some(known)),
        None => {
            Inward::new(tls).map(|inward| Some(Arc::new(inward))).map_err(|message| format!("tls: {message}"))
        }
    }
}

/// Why a client's handshake failed, for the record.
pub(crate) fn words(error: &Error) -> &'static str {
    use AlertDescription as Alert;
    match error {
        Error::AlertReceived(
            Alert::UnknownCA | Alert::BadCertificate | Alert::CertificateUnknown | Alert::CertificateExpired,
        ) => "the client does not trust the certificate",
        Error::AlertReceived(_) => "the client refused by a TLS alert",
        Error::NoCertificatesPresented => "no client certificate",
        Error::InvalidCertificate(CertificateError::UnknownIssuer | CertificateError::BadSignature) => {
            "client certificate not signed by client_ca"
        }
        Error::InvalidCertificate(CertificateError::Expired | CertificateError::ExpiredContext { .. }) => {
            "client certificate expired"
        }
        Error::InvalidCertificate(_) => "client certificate not valid",
        Error::PeerIncompatible(_) => "no TLS version or cipher in common",
        Error::NoApplicationProtocol => "no protocol in common",
        Error::InvalidMessage(_) | Error::InappropriateMessage { .. } => "not TLS",
        _ => "not sound TLS",
    }
}

/// The certificates by the names they are for.
#[derive(Debug)]
struct Shown {
    /// For clients that name nobody, or nobody here.
    first: Arc<CertifiedKey>,
    /// In lower case; a wildcard without its asterisk: ".example.org".
    by_name: HashMap<String, Arc<CertifiedKey>>,
}

impl Shown {
    fn new(spec: &InwardSpec) -> Result<Shown, String> {
        let mut by_name = HashMap::new();
        let mut first = None;
        for pair in &spec.certificates {
            let shown = Arc::new(certified_key(pair)?);
            first.get_or_insert_with(|| Arc::clone(&shown));
            for name in names_of(&shown) {
                let name = name.strip_prefix('*').unwrap_or(&name);
                by_name.entry(name.to_owned()).or_insert_with(|| Arc::clone(&shown));
            }
        }
        let first = first.ok_or("no certificate: at least one is needed")?;
        Ok(Shown { first, by_name })
    }

    fn of(&self, name: &str) -> Option<&Arc<CertifiedKey>> {
        // rustls gives names in lower case. A wildcard stands for one label (RFC 6125, 6.4.3).
        self.by_name.get(name).or_else(|| self.by_name.get(&name[name.find('.')?..]))
    }
}

impl ResolvesServerCert for Shown {
    fn resolve(&self, hello: ClientHello<'_>) -> Option<Arc<CertifiedKey>> {
        let named = hello.server_name().and_then(|name| self.of(&name.to_ascii_lowercase()));
        Some(Arc::clone(named.unwrap_or(&self.first)))
    }
}

static ONLY_TLS13: [&SupportedProtocolVersion; 1] = [&rustls::version::TLS13];

/// TLS 1.3, and what is older only as far as it was asked for.
fn versions(minimum: &str) -> Result<&'static [&'static SupportedProtocolVersion], String> {
    match minimum {
        "1.2" => Ok(rustls::DEFAULT_VERSIONS),
        "1.3" => Ok(&ONLY_TLS13),
        other => Err(format!("minimum_version is {other:?}, not \"1.2\" or \"1.3\"")),
    }
}
