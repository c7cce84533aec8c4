//! A device as a test needs it: keys, a TLS connection of its own, and requests written by hand.

use std::net::SocketAddr;
use std::sync::Arc;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use hanare_model::api::{EXPORTER_LABEL, Granted, PROOF_CONTEXT, Refusal};
use hanare_model::invite::Invite;
use hanare_model::{Lease, PrivateKey, PublicKey, SigningKey, VerifyKey};
use ring::hmac;
use rustls::client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier};
use rustls::pki_types::{CertificateDer, PrivateKeyDer, ServerName, UnixTime};
use rustls::{ClientConfig, DigitallySignedStruct, SignatureScheme};
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWrite, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

pub(super) struct Device {
    pub wireguard: PrivateKey,
    tls: rcgen::KeyPair,
}

impl Device {
    pub(super) fn new(seed: u8) -> Self {
        let tls = rcgen::KeyPair::generate_for(&rcgen::PKCS_ED25519).unwrap();
        Self { wireguard: PrivateKey::from_bytes([seed; 32]), tls }
    }

    /// Its signing key: the seed in the key pair's PKCS #8 (RFC 8410).
    pub(super) fn signing(&self) -> SigningKey {
        let der = self.tls.serialize_der();
        let start = der.windows(4).position(|window| window == [0x04, 0x22, 0x04, 0x20]).unwrap() + 4;
        SigningKey::from_seed(der[start..start + 32].try_into().unwrap())
    }

    pub(super) fn signing_key(&self) -> VerifyKey {
        VerifyKey::from_bytes(self.tls.public_key_raw().try_into().unwrap())
    }

    pub(super) async fn connect(&self, api: SocketAddr, certificate: bool) -> TlsStream<TcpStream> {
        let builder = ClientConfig::builder_with_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .with_protocol_versions(&[&rustls::version::TLS13])
            .unwrap()
            .dangerous()
            .with_custom_certificate_verifier(Arc::new(Anything));
        let config = if certificate {
            let made = rcgen::CertificateParams::new(Vec::new()).unwrap().self_signed(&self.tls).unwrap();
            let key = PrivateKeyDer::try_from(self.tls.serialize_der()).unwrap();
            builder.with_client_auth_cert(vec![made.der().clone()], key).unwrap()
        } else {
            builder.with_no_client_auth()
        };
        let stream = TcpStream::connect(api).await.unwrap();
        let name = ServerName::try_from("hanare-hq").unwrap();
        TlsConnector::from(Arc::new(config)).connect(name, stream).await.unwrap()
    }

    pub(super) fn proof(&self, stream: &TlsStream<TcpStream>, hq: &PublicKey) -> String {
        let exporter =
            stream.get_ref().1.export_keying_material([0u8; 32], EXPORTER_LABEL, Some(&[])).unwrap();
        let shared = self.wireguard.diffie_hellman(hq).unwrap();
        let message = [PROOF_CONTEXT, &exporter, self.signing_key().as_bytes()].concat();
        STANDARD.encode(hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, &shared[..]), &message))
    }

    pub(super) fn request(&self, invite: &Invite, proof: &str) -> Value {
        json!({
            "invite": invite.id.to_string(),
            "secret": *invite.secret.expose_base64(),
            "public_key": self.wireguard.public(),
            "name": null,
            "proof": proof,
        })
    }

    pub(super) async fn join(
        &self,
        api: SocketAddr,
        hq: &PublicKey,
        invite: &Invite,
    ) -> Result<Lease, Refusal> {
        let mut stream = self.connect(api, true).await;
        let body = self.request(invite, &self.proof(&stream, hq));
        lease(exchange(&mut stream, "POST", "/v1/join", &body.to_string()).await)
    }

    pub(super) async fn lease(&self, api: SocketAddr) -> Result<Lease, Refusal> {
        let mut stream = self.connect(api, true).await;
        lease(exchange(&mut stream, "GET", "/v1/lease", "").await)
    }
}

pub(super) fn lease((status, body): (u16, String)) -> Result<Lease, Refusal> {
    if status == 200 {
        let granted: Granted = serde_json::from_str(&body).unwrap();
        return Ok(granted.lease.open(&granted.signing_key).unwrap());
    }
    assert!(status == 403 || status == 429, "{status} {body}");
    Err(serde_json::from_str(&body).unwrap())
}

pub(super) async fn exchange(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    method: &str,
    path: &str,
    body: &str,
) -> (u16, String) {
    exchange_as(stream, method, path, "", body).await
}

/// The same with more header lines.
pub(super) async fn exchange_as(
    stream: &mut (impl AsyncRead + AsyncWrite + Unpin),
    method: &str,
    path: &str,
    headers: &str,
    body: impl AsRef<[u8]>,
) -> (u16, String) {
    let body = body.as_ref();
    let head = format!(
        "{method} {path} HTTP/1.1\r\nHost: hq\r\nConnection: close\r\n{headers}Content-Length: {}\r\n\r\n",
        body.len()
    );
    stream.write_all(&[head.as_bytes(), body].concat()).await.unwrap();
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer).await;
    let answer = String::from_utf8(answer).unwrap();
    let (head, body) = answer.split_once("\r\n\r\n").unwrap();
    (head.split(' ').nth(1).unwrap().parse().unwrap(), body.to_owned())
}

/// Takes any certificate: pinning is the device's business and tested there.
#[derive(Debug)]
struct Anything;

impl ServerCertVerifier for Anything {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, rustls::Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        unreachable!("TLS 1.3 only")
    }

    fn verify_tls13_signature(
        &self,
        _: &[u8],
        _: &CertificateDer<'_>,
        _: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, rustls::Error> {
        Ok(HandshakeSignatureValid::assertion())
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        vec![SignatureScheme::ED25519]
    }
}
