//! TLS as the node API speaks it: 1.3 only, ring, clients by self-signed Ed25519 certificates that only carry a key.

use std::net::SocketAddr;
use std::sync::Arc;

use hanare_model::VerifyKey;
use hanare_model::api::EXPORTER_LABEL;
use rustls::client::danger::HandshakeSignatureValid;
use rustls::crypto::{CryptoProvider, ring, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, UnixTime};
use rustls::server::danger::{ClientCertVerified, ClientCertVerifier};
use rustls::server::{NoServerSessionStorage, ParsedCertificate};
use rustls::{
    CertificateError, DigitallySignedStruct, DistinguishedName, Error, ServerConfig, ServerConnection,
    SignatureScheme,
};

use crate::keys::Keys;

/// DER of a `SubjectPublicKeyInfo` that holds an Ed25519 key, up to the key (RFC 8410, 4).
const ED25519_SPKI: [u8; 12] = [0x30, 0x2a, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x03, 0x21, 0x00];

/// Who is at the other end of a connection.
#[derive(Debug, Clone)]
pub(super) struct Peer {
    /// Its address.
    pub from: SocketAddr,
    /// Whether it came to one of headquarters' addresses inside the tunnel.
    pub inside: bool,
    /// The signing key that it has proven to hold.
    pub signing_key: Option<VerifyKey>,
    /// This connection's exporter: what binds a proof to it.
    pub exporter: [u8; 32],
}

pub(super) fn config(keys: &Keys) -> Result<ServerConfig, Error> {
    let provider = Arc::new(ring::default_provider());
    let verifier = Arc::new(AnyEd25519 { provider: Arc::clone(&provider) });
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&[&rustls::version::TLS13])?
        .with_client_cert_verifier(verifier)
        .with_single_cert(vec![keys.certificate.clone()], keys.tls_key.clone_key())?;
    // No resumption: it saves little, keeps state, and every connection shall prove its key anew.
    config.session_storage = Arc::new(NoServerSessionStorage {});
    config.send_tls13_tickets = 0;
    config.max_early_data_size = 0;
    Ok(config)
}

pub(super) fn peer(connection: &ServerConnection, from: SocketAddr, inside: bool) -> Option<Peer> {
    let exporter = connection.export_keying_material([0; 32], EXPORTER_LABEL, Some(&[])).ok()?;
    let certificate = connection.peer_certificates().and_then(|chain| chain.first());
    let signing_key = match certificate {
        Some(certificate) => Some(signing_key(certificate)?),
        None => None,
    };
    Some(Peer { from, inside, signing_key, exporter })
}

fn signing_key(certificate: &CertificateDer<'_>) -> Option<VerifyKey> {
    let parsed = ParsedCertificate::try_from(certificate).ok()?;
    let spki = parsed.subject_public_key_info();
    let key = spki.as_ref().strip_prefix(&ED25519_SPKI)?;
    key.try_into().ok().map(VerifyKey::from_bytes)
}

/// Takes any Ed25519 certificate whose key signed this handshake. Names and dates say nothing: the registry knows keys.
#[derive(Debug)]
struct AnyEd25519 {
    provider: Arc<CryptoProvider>,
}

impl ClientCertVerifier for AnyEd25519 {
    fn client_auth_mandatory(&self) -> bool {
        false
    }

    fn root_hint_subjects(&self) -> &[DistinguishedName] {
        &[]
    }

    fn verify_client_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _now: UnixTime,
    ) -> Result<ClientCertVerified, Error> {
        match signing_key(end_entity) {
            Some(_) => Ok(ClientCertVerified::assertion()),
            None => Err(Error::InvalidCertificate(CertificateError::BadEncoding)),
        }
    }

    fn verify_tls12_signature(
        &self,
        _message: &[u8],
        _certificate: &CertificateDer<'_>,
        _signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        Err(Error::General("TLS 1.2 is not spoken here".to_owned()))
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signature: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(
            message,
            certificate,
            signature,
            &self.provider.signature_verification_algorithms,
        )
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
