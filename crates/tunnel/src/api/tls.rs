//! Who we are and whom we accept: a certificate from the signing key, and exactly one pinned public key.

use std::sync::Arc;

use hanare_model::{SigningKey, SpkiPin};
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::crypto::{CryptoProvider, ring as provider, verify_tls13_signature};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, PrivatePkcs8KeyDer, ServerName, UnixTime};
use rustls::server::ParsedCertificate;
use rustls::{CertificateError, ClientConfig, DigitallySignedStruct, Error, SignatureScheme};

use super::ApiError;

/// PKCS#8 (RFC 8410, 7) before the 32 bytes of an Ed25519 seed.
const PKCS8_PREFIX: [u8; 16] =
    [0x30, 0x2e, 0x02, 0x01, 0x00, 0x30, 0x05, 0x06, 0x03, 0x2b, 0x65, 0x70, 0x04, 0x22, 0x04, 0x20];

/// A node's identity towards one headquarters, ready to connect.
#[derive(Debug, Clone)]
pub(crate) struct Identity {
    pub(super) config: Arc<ClientConfig>,
}

impl Identity {
    /// Presents a certificate of `signing` and accepts the certificate of `pin` only.
    pub(crate) fn new(signing: &SigningKey, pin: SpkiPin) -> Result<Self, ApiError> {
        let setup = |why: String| ApiError::Setup { why };
        let pkcs8 = PrivatePkcs8KeyDer::from([PKCS8_PREFIX.as_slice(), signing.expose()].concat());
        let certificate = self_signed(&pkcs8).map_err(|error| setup(error.to_string()))?;
        let provider = Arc::new(provider::default_provider());
        let verifier = PinVerifier { pin, provider: Arc::clone(&provider) };
        let mut config = ClientConfig::builder_with_provider(provider)
            .with_protocol_versions(&[&rustls::version::TLS13])
            .map_err(|error| setup(error.to_string()))?
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(verifier))
            .with_client_auth_cert(vec![certificate], PrivateKeyDer::Pkcs8(pkcs8))
            .map_err(|error| setup(error.to_string()))?;
        // The pin says who answers; a name in the clear would only tell an onlooker whom we call.
        config.enable_sni = false;
        config.resumption = rustls::client::Resumption::disabled();
        Ok(Self { config: Arc::new(config) })
    }
}

fn self_signed(pkcs8: &PrivatePkcs8KeyDer<'_>) -> Result<CertificateDer<'static>, rcgen::Error> {
    let pair = rcgen::KeyPair::from_pkcs8_der_and_sign_algo(pkcs8, &rcgen::PKCS_ED25519)?;
    let mut parameters = rcgen::CertificateParams::new(vec!["node.hanare.invalid".to_owned()])?;
    // Only the key counts. Fixed dates keep the certificate the same on a machine whose clock is wrong.
    parameters.not_before = rcgen::date_time_ymd(2020, 1, 1);
    parameters.not_after = rcgen::date_time_ymd(4096, 1, 1);
    Ok(parameters.self_signed(&pair)?.into())
}

/// Accepts one public key, whatever name or dates its certificate carries.
#[derive(Debug)]
struct PinVerifier {
    pin: SpkiPin,
    provider: Arc<CryptoProvider>,
}

impl ServerCertVerifier for PinVerifier {
    fn verify_server_cert(
        &self,
        end_entity: &CertificateDer<'_>,
        _intermediates: &[CertificateDer<'_>],
        _server_name: &ServerName<'_>,
        _ocsp_response: &[u8],
        _now: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        let spki = ParsedCertificate::try_from(end_entity)?.subject_public_key_info();
        if SpkiPin::of_spki(&spki) == self.pin {
            Ok(ServerCertVerified::assertion())
        } else {
            Err(Error::InvalidCertificate(CertificateError::ApplicationVerificationFailure))
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
        let algorithms = &self.provider.signature_verification_algorithms;
        verify_tls13_signature(message, certificate, signature, algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.provider.signature_verification_algorithms.supported_schemes()
    }
}

/// Whether an error of the TLS layer means that somebody else answered.
pub(super) fn is_wrong_certificate(error: &std::io::Error) -> bool {
    let inner = error.get_ref().and_then(|inner| inner.downcast_ref::<Error>());
    matches!(inner, Some(Error::InvalidCertificate(_)))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn exactly_the_pinned_key_is_accepted() {
        let der = |seed: u8| {
            let signing = SigningKey::from_seed([seed; 32]);
            let pkcs8 = PrivatePkcs8KeyDer::from([PKCS8_PREFIX.as_slice(), signing.expose()].concat());
            self_signed(&pkcs8).unwrap()
        };
        let spki = ParsedCertificate::try_from(&der(1)).unwrap().subject_public_key_info();
        let pin = SpkiPin::of_spki(&spki);
        let verifier = PinVerifier { pin, provider: Arc::new(provider::default_provider()) };
        let judge = |certificate: &CertificateDer<'_>| {
            let name = ServerName::try_from("elsewhere.example").unwrap();
            let long_ago = UnixTime::since_unix_epoch(std::time::Duration::ZERO);
            verifier.verify_server_cert(certificate, &[], &name, &[], long_ago)
        };
        assert!(judge(&der(1)).is_ok(), "neither its name nor its dates matter");
        assert!(judge(&der(2)).is_err());
        assert!(judge(&CertificateDer::from(vec![0x30, 0])).is_err());
    }

    #[test]
    fn the_certificate_carries_the_signing_key_itself() {
        let signing = SigningKey::from_seed([4; 32]);
        let pkcs8 = PrivatePkcs8KeyDer::from([PKCS8_PREFIX.as_slice(), signing.expose()].concat());
        let certificate = self_signed(&pkcs8).unwrap();
        let spki = ParsedCertificate::try_from(&certificate).unwrap().subject_public_key_info();
        assert!(spki.ends_with(signing.verify_key().as_bytes()));
        assert!(Identity::new(&signing, SpkiPin::of_spki(&spki)).is_ok());
    }
}
