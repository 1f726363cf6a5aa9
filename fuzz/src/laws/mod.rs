//! One parser, one file.

pub(crate) mod ftp_replies;
pub(crate) mod load_expression;
pub(crate) mod proxy_protocol;
pub(crate) mod tls_hello;
