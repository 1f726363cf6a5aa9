//! What files of certificates, keys and authorities are worth, before a plan asks to serve with them:
//! everything that is wrong with them, and until when each certificate is valid.

use serde::{Deserialize, Serialize};

use crate::spec::{CertificateSpec, PemSpec};
use crate::tls::{authorities, certified_key, names_of, validity};

/// What is to be looked at.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Question {
    /// Certificates with their keys.
    pub certificates: Vec<CertificateSpec>,
    /// Files of authorities.
    pub authorities: Vec<PemSpec>,
}

/// What was found.
#[derive(Debug, Default, Serialize)]
pub struct Inspection {
    /// One sentence each; it begins with the file's name.
    pub problems: Vec<String>,
    /// Those that could serve, in the order asked.
    pub certificates: Vec<CertificateReport>,
}

/// One certificate.
#[derive(Debug, Serialize)]
pub struct CertificateReport {
    /// Its file.
    pub file: String,
    /// Host names it is for.
    pub names: Vec<String>,
    /// Seconds since 1970.
    pub not_before: i64,
    /// Seconds since 1970.
    pub not_after: i64,
}

/// Looks at all of them.
#[must_use]
pub fn inspect(question: &Question) -> Inspection {
    let mut found = Inspection::default();
    for pair in &question.certificates {
        match report(pair) {
            Ok(report) => found.certificates.push(report),
            Err(problem) => found.problems.push(problem),
        }
    }
    found.problems.extend(question.authorities.iter().filter_map(|file| authorities(file).err()));
    found
}

fn report(pair: &CertificateSpec) -> Result<CertificateReport, String> {
    let key = certified_key(pair)?;
    let file = pair.certificate.file.clone();
    let valid = key.cert.first().and_then(|der| validity(der));
    let valid = valid.ok_or_else(|| format!("{file}: when it is valid cannot be read"))?;
    Ok(CertificateReport { names: names_of(&key), file, not_before: valid.start, not_after: valid.end })
}
